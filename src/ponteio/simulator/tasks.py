"""The background tasks of one process life: named, replaced by name, and all ended at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class LifeTasks:
    """Keeps tasks alive, and ends them when the simulated process ends."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; a task already running under that name is ended first."""
        self.end(name)
        task = asyncio.get_running_loop().create_task(work, name=f"simulator {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))

    def end(self, name: str) -> None:
        """End the task of that name, if there is one."""
        task = self._tasks.pop(name, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def end_all(self) -> None:
        """End every task and wait until they have ended."""
        tasks = list(self._tasks.values())
        for name in list(self._tasks):
            self.end(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"simulator task {name} failed", "exception": error, "task": task}
            )
