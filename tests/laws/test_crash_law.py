"""A process that is killed while it appends."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from tests.support.databases import migrated, sqlite_url
from tests.support.log_world import LogWorld, log_world

from ponteio.eventlog.log import EventLog
from ponteio.model.event import StoredEvent
from ponteio.tenancy.directory import Directory

_ROOT = Path(__file__).parents[2]


async def _append_until_killed(url: str, start: int, batches: int) -> int:
    """The last number the process told before it was killed in the middle of its work."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.crashing_appender",
        url,
        str(start),
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
    )
    assert process.stdout is not None
    told = 0
    for _ in range(batches):
        told = int(await process.stdout.readline())
    process.kill()
    rest = (await process.stdout.read()).split()
    await process.wait()
    return int(rest[-1]) if rest else told


async def test_nothing_committed_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    """I1: what was told to be stored is there after SIGKILL, dense, each once, and the log goes on from it."""
    url = sqlite_url(tmp_path)
    async with migrated(url) as database:
        await log_world(database, "alpha")
    told = 0
    for life in range(4):
        told = await _append_until_killed(url, life * 100_000, random.randint(1, 25))
        events = await _everything(url)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert len({event.occurred_at for event in events}) == len(events)
        # The last batch may have been committed and not told.
        assert told <= len(events) <= told + 40
        told = len(events)


async def _everything(url: str) -> list[StoredEvent]:
    async with migrated(url) as database:
        directory = Directory(database)
        await directory.load()
        return await LogWorld(database, directory, EventLog(database)).everything("alpha")
