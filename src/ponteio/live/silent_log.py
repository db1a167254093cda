"""What stands in for the loggers of libraries that print what clients sent."""

from __future__ import annotations

import logging
import sys

import structlog

logger = structlog.get_logger(__name__)


class SilentLog:
    """A logger that says nothing but the type of an error: packets, addresses and tracebacks hold content."""

    level = logging.CRITICAL

    def info(self, *_: object) -> None:
        """Nothing."""

    def warning(self, *_: object) -> None:
        """Nothing."""

    def error(self, *_: object) -> None:
        """Nothing."""

    def exception(self, *_: object) -> None:
        """The type of the error that is being handled."""
        logger.warning("the Socket.IO library met an error", error=type(sys.exc_info()[1]).__name__)
