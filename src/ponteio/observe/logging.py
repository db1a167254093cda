"""Log lines: JSON for machines, columns for people; never content, never a secret."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import queue
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_QUEUE_LINES = 10_000
_STOP_S = 2.0
_FOREIGN_CHARS = 300
_FIELDS = frozenset(
    {
        "addresses", "address", "attempt", "attempts", "bytes", "code", "count", "database", "delay_s", "detail",
        "dialect", "duration_s", "error", "event", "events", "exc_info", "exception", "frames", "from_at",
        "global_events",
        "instance", "instances", "key_id", "kind", "level", "limit", "link", "logger", "mode", "name", "organization",
        "outcome", "path", "port", "reason", "reconnects", "seq", "server", "sockets", "state", "status", "step",
        "timestamp", "to_at", "total", "url", "version", "wire_name",
    }
)  # fmt: skip


def log_to_stderr() -> None:
    """Lines of a command that has no log of its own go to standard error: standard output is for its answer."""
    if isinstance(structlog.get_config()["logger_factory"], structlog.PrintLoggerFactory):
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


class LogWriter(logging.handlers.QueueListener):
    """The thread that writes. Stopping it takes at most two seconds, even when nobody reads the pipe."""

    def __init__(self, lines: queue.Queue[logging.LogRecord], handler: logging.Handler) -> None:
        super().__init__(lines, handler)
        self._lines = lines

    def enqueue_sentinel(self) -> None:
        while True:
            try:
                self.queue.put_nowait(None)
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self._lines.get_nowait()
            else:
                return

    def stop(self) -> None:
        """Write what waits, as far as the pipe takes it."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self.enqueue_sentinel()
            thread.join(_STOP_S)


def configure_logging(level: str, form: str, stream: TextIO | None = None) -> LogWriter:
    """Send every log line to `stream` (standard error unless given), through a queue that never blocks the loop.

    `form` is `json`, `console` or `auto`. Only fields of a fixed list are written, of exceptions their type and stack
    without their text, and of other libraries' messages one line, so that content or a secret that slips into a call
    does not slip out. No name, whoever chose it, begins a line or moves the cursor. A full queue drops lines rather
    than wait for a blocked pipe. The answer is the running listener: stop it last, so that the last lines are written.
    """
    out = stream or sys.stderr
    as_json = form == "json" or (form == "auto" and not out.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_stack),
        _only_known_fields,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    rendering: list[Any] = (
        [structlog.processors.JSONRenderer()]
        if as_json
        else [_printable, structlog.dev.ConsoleRenderer(colors=out.isatty())]
    )
    handler = _LastHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _one_line],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    lines: queue.Queue[logging.LogRecord] = queue.Queue(_QUEUE_LINES)
    listener = LogWriter(lines, handler)
    root = logging.getLogger()
    root.handlers = [_DroppingHandler(lines)]
    root.setLevel(logging.WARNING)  # other libraries' news is not ours to print
    logging.getLogger("ponteio").setLevel(level.upper())
    listener.start()
    return listener


class _LastHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """The stream is gone: there is nowhere left to say so."""


class _DroppingHandler(logging.handlers.QueueHandler):
    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # structlog's fields travel in `msg`; the stock method would flatten them to text

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A full queue: this line is lost, the loop goes on."""


def _only_known_fields(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in [name for name in fields if name not in _FIELDS and not name.startswith("_")]:
        del fields[name]
    return fields


def _stack(exc_info: Any) -> str:
    """Types and frames of an exception and its causes. Nobody knows what its text quotes."""
    error, parts = exc_info[1], []
    while error is not None:
        parts.append(f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(reversed(parts)).rstrip()


def _one_line(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What another library says, up to the first end of line: asyncio goes on with what a broken task held."""
    fields["event"] = str(fields["event"]).partition("\n")[0][:_FOREIGN_CHARS]
    return fields


def _printable(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Control characters are escaped, and what no terminal can show; a stack keeps its lines."""
    for name, value in fields.items():
        if isinstance(value, str) and not value.isprintable():
            kept = "\n" if name == "exception" else ""
            fields[name] = "".join(
                one if one.isprintable() or one in kept else one.encode("unicode_escape").decode() for one in value
            )
    return fields
