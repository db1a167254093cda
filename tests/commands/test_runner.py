"""From a coroutine to an exit status."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from ponteio.commands import runner
from ponteio.config import SettingsError
from ponteio.listener import ListenerError
from ponteio.model.outcome import NOT_FOUND, RefusalError
from ponteio.storage.errors import StorageUnavailableError


async def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (RefusalError(NOT_FOUND, "No such key."), 1, "No such key. [not_found]"),
        (StorageUnavailableError("the database is away"), 1, "the database is away"),
        (ListenerError("port 1 is taken"), 1, "port 1 is taken"),
        (SettingsError(["A: is required", "B: is wrong"]), 2, "B: is wrong"),
    ],
)
def test_what_a_person_can_mend_is_a_sentence(
    error: Exception, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        runner.run(_raise(error))
    assert caught.value.code == status
    assert text in capsys.readouterr().err


def test_bugs_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        runner.run(_raise(ZeroDivisionError()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_set_stop(number: signal.Signals) -> None:
    async def work(stop: asyncio.Event) -> str:
        os.kill(os.getpid(), number)
        await stop.wait()
        return "told"

    assert runner.run(runner.until_told(work)) == "told"


def test_second_signal_cancels() -> None:
    async def work(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(30)

    with pytest.raises(asyncio.CancelledError):
        runner.run(runner.until_told(work))


def test_settings_are_loaded_or_the_process_ends(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise SettingsError(["X: is wrong"])

    good: Callable[[], int] = lambda: 7  # noqa: E731
    assert runner.load(good) == 7
    with pytest.raises(SystemExit):
        runner.load(fail)
    assert ".env.example" in capsys.readouterr().err
