from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from tests.support.databases import migrated

from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError, StorageError, StorageUnavailableError, StorageUrlError
from ponteio.storage.script import Query, Script
from ponteio.storage.tables import link_intents


async def _put(database: Database, namespace: str) -> None:
    async with database.write() as connection:
        await connection.execute(insert(link_intents).values(server_id="main", namespace=namespace, wanted=True))


async def _namespaces(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(link_intents.c.namespace))).scalars())


async def test_what_was_written_is_read(database: Database) -> None:
    await _put(database, "/a")
    assert await _namespaces(database) == ["/a"]


async def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(insert(link_intents).values(server_id="main", namespace="/a", wanted=True))
            raise LookupError("mine")

    with pytest.raises(LookupError):
        await fail()
    assert await _namespaces(database) == []


async def test_a_conflict_is_told_apart_and_tells_no_content(database: Database) -> None:
    await _put(database, "/secret-name")
    with pytest.raises(StorageConflictError) as raised:
        await _put(database, "/secret-name")
    assert "secret-name" not in repr(raised.value)
    assert raised.value.__suppress_context__
    await _put(database, "/b")


async def test_a_read_cannot_write(database: Database) -> None:
    async def sneak() -> None:
        async with database.read() as connection:
            await connection.execute(insert(link_intents).values(server_id="main", namespace="/a", wanted=True))

    with pytest.raises(StorageError):
        await sneak()
    assert await _namespaces(database) == []


async def test_a_read_sees_one_moment(database: Database) -> None:
    await _put(database, "/a")
    async with database.read() as connection:
        assert len((await connection.execute(select(link_intents))).all()) == 1
        await _put(database, "/b")
        assert len((await connection.execute(select(link_intents))).all()) == 1
    assert len(await _namespaces(database)) == 2


async def test_writers_and_readers_in_crowds_all_get_their_turn(database: Database) -> None:
    await asyncio.gather(
        *(_put(database, f"/{number}") for number in range(40)), *(_namespaces(database) for _ in range(40))
    )
    assert len(await _namespaces(database)) == 40


async def test_a_cancelled_write_is_undone_and_the_next_one_works(database: Database) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with database.write() as connection:
            await connection.execute(insert(link_intents).values(server_id="main", namespace="/a", wanted=True))
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(hang())
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _put(database, "/b")
    assert await _namespaces(database) == ["/b"]


async def test_cancelling_in_the_middle_of_a_statement_is_survived(database: Database) -> None:
    for steps in range(30):
        task = asyncio.ensure_future(_put(database, f"/{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await _put(database, "/last")
    assert "/last" in await _namespaces(database)


async def test_closing_waits_for_those_inside_and_refuses_newcomers(database: Database) -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def stay() -> None:
        async with database.write() as connection:
            inside.set()
            await leave.wait()
            await connection.execute(insert(link_intents).values(server_id="main", namespace="/a", wanted=True))

    staying = asyncio.ensure_future(stay())
    await inside.wait()
    closing = asyncio.ensure_future(database.close())
    await asyncio.sleep(0)
    with pytest.raises(StorageUnavailableError, match="closed"):
        await _namespaces(database)
    assert not closing.done()
    leave.set()
    await asyncio.gather(staying, closing)


async def test_a_writer_that_is_cancelled_keeps_nobody_from_writing(database: Database) -> None:
    """Wherever the cancellation falls, and a second one after it: no transaction stays open."""
    await _put(database, "/a")

    def script() -> Script[None]:
        yield Query("UPDATE directory_version SET version = version + 1 RETURNING version", ())
        yield Query("SELECT version FROM directory_version", ())

    rng = random.Random(7)
    for _ in range(250):
        writers = [
            asyncio.ensure_future(database.run(script()) if rng.random() < 0.3 else _put(database, "/a"))
            for _ in range(rng.choice([1, 1, 2, 3]))
        ]
        for _ in range(rng.choice([0, 1, 2, 3, 5])):
            await asyncio.sleep(rng.choice([0, 0, 0, 0.0003, 0.001, 0.002]))
            rng.choice(writers).cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        async with asyncio.timeout(5):
            await database.run(script())


async def test_closing_again_is_harmless_and_no_thread_is_left(database_url: str) -> None:
    others = set(threading.enumerate())
    database = await Database.open(database_url)
    await database.migrate()
    await asyncio.gather(*(_namespaces(database) for _ in range(10)))
    await database.close()
    await database.close()
    # A thread answers its last request a moment before it ends.
    for thread in set(threading.enumerate()) - others:
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()

    def script() -> Script[None]:
        yield Query("SELECT 1", ())

    for attempt in (database.run(script()), database.run_reading(script()), database.migrate(), _put(database, "/")):
        with pytest.raises(StorageUnavailableError, match="closed"):
            await attempt


async def test_what_is_committed_is_there_after_opening_again(database_url: str) -> None:
    async with migrated(database_url) as database:
        await _put(database, "/a")
    # Reading before anything was written: the readers cannot make SQLite's side files themselves.
    reopened = await Database.open(database_url)
    try:
        assert await _namespaces(reopened) == ["/a"]
    finally:
        await reopened.close()


async def test_a_bad_url_and_an_unreachable_place_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StorageUrlError):
        await Database.open("mysql://localhost/x")
    with pytest.raises(StorageUnavailableError):
        await Database.open(f"sqlite:///{tmp_path}")
    with pytest.raises(StorageUnavailableError):
        await Database.open("postgresql://nobody:hunter2@127.0.0.1:1/x?connect_timeout=2")


async def test_sql_with_a_mistake_is_a_storage_error(database: Database) -> None:
    async def ask() -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT nonsense"))

    with pytest.raises(StorageError):
        await ask()


async def test_transactions_under_way_are_counted(database: Database) -> None:
    assert database.busy == 0
    async with database.read(), database.read():
        assert database.busy == 2
    assert database.busy == 0
