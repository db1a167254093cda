"""Tasks that the house cannot do without."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from ponteio.chores import Chores


async def test_a_task_that_breaks_is_known_without_quoting_its_work() -> None:
    """I6: a fault of our own stops the house; I5: and the log does not quote what it was working on."""

    content = " ".join(("secret", "content"))

    async def fail() -> None:
        raise ValueError(content)

    chores = Chores()
    with capture_logs() as lines:
        chores.start(fails=fail(), waits=asyncio.sleep(60))
        await asyncio.wait_for(chores.broken.wait(), 5)
        await chores.end()
    assert (lines[0]["name"], lines[0]["error"]) == ("fails", "ValueError")
    assert content not in str(lines)


async def test_ending_is_no_break() -> None:
    chores = Chores()
    chores.start(waits=asyncio.sleep(60))
    await chores.end()
    await chores.end()
    assert not chores.broken.is_set()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(chores.broken.wait(), 0.01)
