"""The tasks that the house cannot do without: when one of them breaks, the house must know."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine

import structlog

log = structlog.get_logger(__name__)


class Chores:
    """Tasks that run until `end`. `broken` is set when one ends by itself, which none of them should.

    A fault of our own is not carried on with: whoever runs the house waits for `broken` and stops it, so that
    its supervisor starts a sound one.
    """

    def __init__(self) -> None:
        self.broken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, **work: Coroutine[None, None, None]) -> None:
        """Run each of `work` in a task of its own, by its name."""
        for name, it in work.items():
            task = asyncio.create_task(it, name=name)
            task.add_done_callback(self._look)
            self._tasks.append(task)

    async def end(self) -> None:
        """No task is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        # The frames without the exception's text, which may quote what was being worked on.
        stack = "".join(traceback.format_tb(error.__traceback__)) if error else ""
        log.critical("a task of the house broke", name=task.get_name(), error=type(error).__name__, exception=stack)
        self.broken.set()
