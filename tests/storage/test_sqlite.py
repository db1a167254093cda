from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from tests.support.databases import migrated, sqlite_url

from ponteio.storage import sqlite
from ponteio.storage.database import Database
from ponteio.storage.database_url import SqliteFile
from ponteio.storage.errors import (
    StorageConflictError,
    StorageError,
    StorageSchemaError,
    StorageUnavailableError,
    StorageValueError,
)
from ponteio.storage.script import InsertNew, Script
from ponteio.storage.tables import event_fingerprints, link_intents


async def _pragma(database: Database, name: str, *, writer: bool) -> object:
    async with database.write() if writer else database.read() as connection:
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()


async def test_the_writer_is_durable_and_strict(sqlite_database: Database) -> None:
    assert await _pragma(sqlite_database, "journal_mode", writer=True) == "wal"
    assert await _pragma(sqlite_database, "synchronous", writer=True) == 2
    assert await _pragma(sqlite_database, "foreign_keys", writer=True) == 1
    assert await _pragma(sqlite_database, "busy_timeout", writer=True) == 10_000


async def test_only_the_gateways_writer_checkpoints(sqlite_database: Database, sqlite_file_url: str) -> None:
    assert await _pragma(sqlite_database, "wal_autocheckpoint", writer=True) == sqlite.CHECKPOINT_PAGES
    assert await _pragma(sqlite_database, "query_only", writer=False) == 1
    other = await Database.open(sqlite_file_url, checkpoints=False)
    try:
        assert await _pragma(other, "wal_autocheckpoint", writer=True) == 0
    finally:
        await other.close()


async def test_a_reader_cannot_checkpoint(sqlite_database: Database) -> None:
    async def checkpoint() -> tuple[int, ...]:
        async with sqlite_database._engines.reader.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            return tuple(next(iter(await raw.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)"))))

    async with sqlite_database.write() as connection:
        await connection.execute(insert(link_intents).values(server_id="main", namespace="/", wanted=True))
    with pytest.raises(sqlite3.OperationalError):
        await checkpoint()


async def test_the_log_beside_the_file_stays_bounded(sqlite_database: Database, tmp_path: Path) -> None:
    text_of_a_megabyte = "x" * 1_000_000
    for number in range(30):
        async with sqlite_database.write() as connection:
            row = {"server_id": text_of_a_megabyte, "namespace": f"/{number}", "wanted": True}
            await connection.execute(insert(link_intents).values(row))
    assert (tmp_path / "test.db-wal").stat().st_size < 12_000_000


async def test_files_are_the_owners_alone(sqlite_database: Database, tmp_path: Path) -> None:
    async with sqlite_database.write() as connection:
        await connection.execute(insert(link_intents).values(server_id="main", namespace="/", wanted=True))
    files = sorted(tmp_path.iterdir())
    assert [one.name for one in files] == ["test.db", "test.db-shm", "test.db-wal"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


async def test_folders_are_made_and_odd_names_work(tmp_path: Path) -> None:
    folder = tmp_path / "data dir" / "ü#%25"
    async with migrated(sqlite_url(folder, "p?&.db")):
        assert "p?&.db" in [one.name for one in folder.iterdir()]


async def test_a_writer_waits_for_another_process(sqlite_database: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(_put(sqlite_database))
        # Long enough for the writer to have met the lock; shorter than it is willing to wait.
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        other.execute("COMMIT")
        await waiting
    finally:
        other.close()


async def test_a_lock_that_stays_is_unavailable_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.05)
    async with migrated(sqlite_url(tmp_path)) as database:
        other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailableError, match="SQLITE_BUSY"):
                await _put(database)
            with pytest.raises(StorageUnavailableError, match="SQLITE_BUSY"):
                await database.run(_mark(1))
            other.execute("COMMIT")
        finally:
            other.close()
        await _put(database)
        await database.run(_mark(1))


async def _fill_the_disk(database: Database) -> None:
    """Stands for the full disk; the connection is given up after the error, and the limit with it."""
    async with database._engines.writer.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        await raw.execute("PRAGMA max_page_count = 1")


async def test_a_full_disk_undoes_the_transaction_and_passes(sqlite_database: Database) -> None:
    async def put_many() -> None:
        async with sqlite_database.write() as connection:
            rows = [{"server_id": "main", "namespace": f"/{n}", "wanted": True} for n in range(5_000)]
            await connection.execute(insert(link_intents), rows)

    await _fill_the_disk(sqlite_database)
    with pytest.raises(StorageUnavailableError, match="SQLITE_FULL"):
        await sqlite_database.run(_mark(5_000))
    await sqlite_database.run(_mark(5_000))
    await _fill_the_disk(sqlite_database)
    with pytest.raises(StorageUnavailableError, match="SQLITE_FULL"):
        await put_many()
    async with sqlite_database.read() as connection:
        assert (await connection.execute(select(link_intents))).all() == []
        assert len((await connection.execute(select(event_fingerprints))).all()) == 5_000
    await put_many()


async def test_a_file_that_is_no_database_is_an_error_that_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / "test.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StorageError) as raised:
        await Database.open(sqlite_url(tmp_path))
    assert not isinstance(raised.value, StorageUnavailableError)


async def test_tables_that_are_not_there_are_a_schema_error(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path))
    try:
        with pytest.raises(StorageSchemaError):
            await _put(database)
        with pytest.raises(StorageSchemaError):
            await database.run(_mark(1))
    finally:
        await database.close()


def test_driver_errors_are_sorted() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (x UNIQUE)")
    connection.execute("INSERT INTO t VALUES ('hunter2')")
    with pytest.raises(sqlite3.IntegrityError) as raised:
        connection.execute("INSERT INTO t VALUES ('hunter2')")
    connection.close()
    told = sqlite.translate(raised.value)
    assert isinstance(told, StorageConflictError)
    assert str(told) == "SQLite: SQLITE_CONSTRAINT_UNIQUE"
    assert isinstance(sqlite.translate(sqlite3.OperationalError("no active connection")), StorageUnavailableError)
    assert type(sqlite.translate(sqlite3.ProgrammingError("odd"))) is StorageError


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailableError):
        sqlite.create_file(SqliteFile(tmp_path / "file" / "x.db"))


def _mark(count: int) -> Script[None]:
    rows = [(number.to_bytes(32, "big"), 1) for number in range(count)]
    yield InsertNew(event_fingerprints, ("fingerprint", "seen_s"), rows)


async def _put(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(link_intents).values(server_id="main", namespace="/", wanted=True))


async def test_a_value_that_no_row_can_hold_is_named_so(sqlite_database: Database) -> None:
    with pytest.raises(StorageValueError):
        async with sqlite_database.read() as connection:
            await connection.execute(text("SELECT length(zeroblob(1000000001))"))


async def test_a_new_file_that_somebody_else_is_just_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite says "busy" at once, whatever its timeout, to who switches a file to WAL that another writes."""
    path = tmp_path / "new.db"
    with contextlib.closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("CREATE TABLE something (x)")
        other.commit()
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.rollback)
        release.start()
        try:
            database = await Database.open(f"sqlite:///{path}")
        finally:
            release.join()
    assert await _pragma(database, "journal_mode", writer=True) == "wal"
    await database.close()
