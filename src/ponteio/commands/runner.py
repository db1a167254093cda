"""Running a coroutine from a terminal: settings faults, Ctrl-C and refusals become exit statuses."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import uvloop

from ponteio.config import SettingsError
from ponteio.listener import ListenerError
from ponteio.model.outcome import RefusalError
from ponteio.storage.errors import StorageError
from ponteio.upstream.websocket_transport import AddressError

T = TypeVar("T")

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run on a loop of its own. Ends the process with a sentence where a person is to blame."""
    try:
        return uvloop.run(work)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not try to flush the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except SettingsError as error:
        settings_faults(error)
    except RefusalError as error:
        fail(f"{error.detail} [{error.outcome.code}]")
    except (StorageError, ListenerError, AddressError) as error:
        fail(str(error))


def load(settings: Callable[[], T]) -> T:
    """The settings, or the end of the process with the list of all that is wrong with them."""
    try:
        return settings()
    except SettingsError as error:
        settings_faults(error)


def fail(text: str, status: int = EXIT_FAILED) -> NoReturn:
    """Say `text` on standard error and end the process."""
    print(f"ponteio: {text}", file=sys.stderr)
    sys.exit(status)


def settings_faults(error: SettingsError) -> NoReturn:
    """Say every fault and end the process."""
    lines = "\n".join(f"  {fault}" for fault in error.faults)
    fail(f"the settings cannot be used (.env and environment; see .env.example):\n{lines}", EXIT_USAGE)


async def until_told(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """The result of `work(stop)`; SIGINT or SIGTERM sets `stop`, a second one cancels."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work(stop))

    def told() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        return await task
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
