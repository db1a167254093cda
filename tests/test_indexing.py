from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.filter_drawing import NOON
from tests.support.search_world import search_world

from ponteio import indexing
from ponteio.eventlog.log import EventLog
from ponteio.indexing import Indexing
from ponteio.model.filter_language import parse_filter
from ponteio.storage.database import Database


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def ended(task: asyncio.Task[None]) -> None:
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def count(database: Database) -> int:
    async with database.read() as connection:
        rows = await connection.exec_driver_sql("SELECT coalesce(sum(count), 0) FROM event_days")
        return int(rows.scalar_one())


async def test_the_house_indexes_and_counts_what_it_stores(database: Database, database_url: str) -> None:
    async with search_world(database, database_url) as world:
        scope = await world.organization("one")
        await world.put(scope, {"message": {"conversation": "Seu boleto"}})
        events = EventLog(database)
        work = Indexing(database, database_url, events)
        assert work.lag() == 0
        task = asyncio.create_task(work.run())
        index = world.index
        async with asyncio.timeout(20):
            while not await index.progress() or not await count(database):
                await asyncio.sleep(0.01)
        assert await count(database) == 1
        assert len((await events.search(scope, parse_filter("text:boleto", NOON))).events) == 1
        assert work.lag() == 0
        await ended(task)
        # Whoever searches after the end reads the log itself.
        assert len((await events.search(scope, parse_filter("text:boleto", NOON))).events) == 1


async def test_an_index_that_cannot_be_opened_is_tried_again(
    sqlite_database: Database, sqlite_file_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "TROUBLE_S", 0.01)
    (tmp_path / "test.search.db").mkdir()
    with capture_logs() as logs:
        task = asyncio.create_task(Indexing(sqlite_database, sqlite_file_url, EventLog(sqlite_database)).run())
        await until(lambda: [line["event"] for line in logs].count("search index cannot be opened") > 2)
    (tmp_path / "test.search.db").rmdir()
    await until((tmp_path / "test.search.db").is_file)
    await ended(task)


async def test_what_cannot_work_without_a_database_waits_for_it(
    sqlite_database: Database, sqlite_file_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "PRUNE_S", 0.01)
    await sqlite_database.close()
    with capture_logs() as logs:
        task = asyncio.create_task(Indexing(sqlite_database, sqlite_file_url, EventLog(sqlite_database)).run())
        await until(lambda: [line["event"] for line in logs].count("old counts could not be removed") > 2)
        await until(lambda: "search index cannot be kept up to date" in [line["event"] for line in logs])
    await ended(task)
