from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.support.filter_drawing import NOON
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog import search_reading
from ponteio.eventlog.indexer import Indexer, IndexerOptions
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.model.cursor import Cursor
from ponteio.model.event import Origin
from ponteio.model.filter_language import parse_filter
from ponteio.model.identity import OrganizationScope
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageUnavailableError
from ponteio.storage.tables import event_logs

CALLS = parse_filter("event:call", NOON)


@pytest.fixture
async def world(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SearchWorld]:
    monkeypatch.setattr(search_reading, "ROWS", 3)
    async with search_world(database, database_url) as world:
        yield world


async def calls(world: SearchWorld, scope: OrganizationScope, count: int) -> None:
    await world.put_all(scope, [(b"{}", "call", "alpha", 0, Origin.LIVE)] * count)


async def places(world: SearchWorld, scope: OrganizationScope) -> list[int]:
    return [event.seq for event in (await world.log.search(scope, CALLS)).events]


def napping(times: int) -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    """The pauses that were made, and a sleep that ends its task after so many."""
    pauses: list[float] = []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == times:
            raise asyncio.CancelledError

    return pauses, sleep


async def test_each_log_is_followed_a_portion_at_a_time(world: SearchWorld) -> None:
    one, other = await world.organization("one"), await world.organization("other")
    await calls(world, one, 5)
    await calls(world, other, 2)
    assert await world.indexer.step()
    assert world.indexer.lag() == 2
    heads = await world.index.progress()
    assert (heads[one.organization_id].seq, heads[other.organization_id].seq) == (3, 2)
    assert not await world.indexer.step()
    assert world.indexer.lag() == 0
    assert await places(world, one) == [5, 4, 3, 2, 1]


async def test_two_who_index_the_same_log_do_no_harm(world: SearchWorld) -> None:
    scope = await world.organization("one")
    await calls(world, scope, 10)
    others = [Indexer(world.database, world.index) for _ in range(3)]
    await asyncio.gather(*(indexer.catch_up() for indexer in others))
    assert await places(world, scope) == list(range(10, 0, -1))
    assert (await world.index.progress())[scope.organization_id].seq == 10


async def test_an_index_that_knows_more_than_the_log_is_begun_anew(world: SearchWorld) -> None:
    """The database is an older copy of itself: other events get the same numbers."""
    scope = await world.organization("one")
    await calls(world, scope, 4)
    await world.indexer.catch_up()
    async with world.database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM events")
        await connection.execute(update(event_logs).values(head=0))
    again = Indexer(world.database, world.index)
    await again.catch_up()
    assert scope.organization_id not in await world.index.progress()
    await world.put(scope, {}, "messages.upsert")
    await calls(world, scope, 1)
    await again.catch_up()
    assert await places(world, scope) == [2]


async def test_a_new_epoch_is_indexed_anew(world: SearchWorld) -> None:
    scope = await world.organization("one")
    await calls(world, scope, 2)
    await world.indexer.catch_up()
    async with world.database.write() as connection:
        await connection.execute(update(event_logs).values(epoch="ffffffff"))
    assert await places(world, scope) == [2, 1]
    await world.indexer.catch_up()
    assert (await world.index.progress())[scope.organization_id] == Cursor("ffffffff", 2)
    assert await places(world, scope) == [2, 1]


async def test_a_log_that_is_gone_leaves_nothing(world: SearchWorld) -> None:
    scope = await world.organization("one")
    await calls(world, scope, 2)
    await world.indexer.catch_up()
    async with world.database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM event_logs")
    await Indexer(world.database, world.index).step()
    assert await world.index.progress() == {}


async def test_behind_it_works_a_share_of_the_time_and_else_it_waits(world: SearchWorld) -> None:
    scope = await world.organization("one")
    await calls(world, scope, 5)
    pauses, sleep = napping(3)
    ticks = iter(range(100))
    options = IndexerOptions(pause_s=7.0, share=0.25)
    indexer = Indexer(world.database, world.index, options, clock=lambda: float(next(ticks)), sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await indexer.run()
    # One tick for the sweep's look at the clock, and one more: two seconds of work, then three times as long a rest.
    assert pauses == [6.0, 7.0, 7.0]


async def test_it_sweeps_now_and_then(world: SearchWorld) -> None:
    scope = await world.organization("one")
    for _ in range(9):
        await calls(world, scope, 1)
    await world.indexer.catch_up()
    async with world.database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM events WHERE seq < 9")
    now = 0.0
    pauses, sleep = napping(3)
    indexer = Indexer(world.database, world.index, IndexerOptions(sweep_s=100.0), clock=lambda: now, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await indexer.run()
    assert len(pauses) == 3
    assert await places(world, scope) == [9]


async def test_trouble_is_waited_out(world: SearchWorld) -> None:
    pauses, sleep = napping(2)
    indexer = Indexer(world.database, world.index, IndexerOptions(trouble_s=9.0), sleep=sleep)
    await world.database.close()
    with pytest.raises(asyncio.CancelledError):
        await indexer.run()
    assert pauses == [9.0, 9.0]
    with pytest.raises(StorageUnavailableError):
        await indexer.catch_up()


async def test_a_damaged_index_is_made_anew(sqlite_database: Database, sqlite_file_url: str) -> None:
    async with search_world(sqlite_database, sqlite_file_url) as world:
        scope = await world.organization("one")
        await calls(world, scope, 2)
        await world.indexer.catch_up()
        assert isinstance(world.index, SqliteTermIndex)
        async with world.index._file.database.write() as connection:
            await connection.exec_driver_sql("DROP TABLE terms_1")
        await calls(world, scope, 1)
        pauses, sleep = napping(2)
        with pytest.raises(asyncio.CancelledError):
            await Indexer(world.database, world.index, sleep=sleep).run()
        assert pauses == [5.0, 1.0]
        assert (await world.index.progress())[scope.organization_id].seq == 3
        assert await places(world, scope) == [3, 2, 1]


async def test_a_damaged_index_that_cannot_be_made_anew_is_tried_again(
    sqlite_database: Database, sqlite_file_url: str, tmp_path: Path
) -> None:
    async with search_world(sqlite_database, sqlite_file_url) as world:
        scope = await world.organization("one")
        await calls(world, scope, 1)
        assert isinstance(world.index, SqliteTermIndex)
        async with world.index._file.database.write() as connection:
            await connection.exec_driver_sql("DROP TABLE logs")
        (tmp_path / "test.search.db-wal").unlink()
        (tmp_path / "test.search.db-wal").mkdir()
        pauses, sleep = napping(2)
        with pytest.raises(asyncio.CancelledError):
            await Indexer(world.database, world.index, sleep=sleep).run()
        assert pauses == [5.0, 5.0]
