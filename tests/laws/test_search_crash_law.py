"""Whoever indexes and counts may be killed at any moment."""

from __future__ import annotations

import asyncio
import sys

from tests.support.filter_drawing import NOON
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog.counting import EventCounter
from ponteio.model.event import Origin
from ponteio.model.filter_language import parse_filter
from ponteio.storage.database import Database

_FOLLOW = """
import asyncio, sys
from ponteio.eventlog import search_reading
from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.indexer import Indexer
from ponteio.storage.database import Database
from tests.support.search_world import term_index

async def main(url):
    search_reading.ROWS = 2
    database = await Database.open(url, checkpoints=False)
    async with term_index(database, url) as index:
        print("ready", flush=True)
        await asyncio.gather(Indexer(database, index).catch_up(), EventCounter(database, portion=3).catch_up())
        print("done", flush=True)

asyncio.run(main(sys.argv[1]))
"""
EVENTS = 120


async def _killed_after(url: str, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _FOLLOW, url), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _sums(world: SearchWorld) -> set[int]:
    async with world.database.read() as connection:
        rows = [
            await connection.exec_driver_sql(f"SELECT coalesce(sum({column}), 0) FROM {table}")  # noqa: S608
            for table, column in (
                *(("counted_logs", "seq"), ("event_minutes", "count")),
                *(("event_hours", "count"), ("event_days", "count")),
            )
        ]
    return {int(row.scalar_one()) for row in rows}


async def test_a_killed_follower_leaves_no_half_of_anything(database: Database, database_url: str) -> None:
    """I11: what is indexed is found, what is counted was counted once."""
    async with search_world(database, database_url) as world:
        scope = await world.organization("one")
        names = ["call" if number % 3 else "presence.update" for number in range(EVENTS)]
        stored = await world.put_all(scope, [(b"{}", name, "alpha", 0, Origin.LIVE) for name in names])
        calls = [event.seq for event in stored if event.event == "call"][::-1]
        for number in range(4):
            await _killed_after(database_url, 0.02 * 3**number)
            found = await world.log.search(scope, parse_filter("event:call", NOON))
            assert [event.seq for event in found.events] == calls
            assert len(await _sums(world)) == 1
        await world.indexer.catch_up()
        await EventCounter(database).catch_up()
        assert await _sums(world) == {EVENTS}
        found = await world.log.search(scope, parse_filter("event:call", NOON))
        assert [event.seq for event in found.events] == calls
