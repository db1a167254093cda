"""The only file that knows the SQLite driver."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiosqlite
from sqlalchemy import URL, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ponteio.storage.database_url import SqliteFile
from ponteio.storage.errors import (
    StorageConflictError,
    StorageError,
    StorageSchemaError,
    StorageUnavailableError,
    StorageValueError,
)
from ponteio.storage.script import InsertNew, Load, Query, Rows, Script, Step, storable_rows

T = TypeVar("T")
DriverError = sqlite3.Error

READERS = 4
# How long a writer waits for another process's transaction.
BUSY_S = 10.0
# Pages of write-ahead log before the gateway's writer copies them home: about 4 MiB.
CHECKPOINT_PAGES = 1000
MAPPED_BYTES = 1024 * 1024 * 1024
WAL_KEPT_BYTES = 64 * 1024 * 1024

_MAY_PASS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def writer_engine(file: SqliteFile, *, checkpoints: bool, derived: bool = False) -> AsyncEngine:
    """An engine with one connection, whose transactions begin with the write lock and are on disk when committed. In a
    file whose content is `derived` from another's, the last of them may be lost with the power, never a part of one.

    It is the only connection that copies the write-ahead log home, and only when `checkpoints`: SQLite before 3.51.3
    can lose commits when two connections do.
    """
    engine = _engine(file, "rwc", pool_size=1)
    pages = CHECKPOINT_PAGES if checkpoints else 0

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        _run(
            connection,
            "PRAGMA journal_mode = WAL",
            f"PRAGMA synchronous = {'NORMAL' if derived else 'FULL'}",
            "PRAGMA foreign_keys = ON",
            f"PRAGMA wal_autocheckpoint = {pages}",
            f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}",
        )

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(file: SqliteFile, *, derived: bool = False) -> AsyncEngine:
    """An engine whose connections cannot write. Each transaction sees one state of the database."""
    engine = _engine(file, "ro", pool_size=READERS)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        # A question to an index looks at many pages in many places.
        _run(connection, "PRAGMA query_only = ON", f"PRAGMA mmap_size = {MAPPED_BYTES if derived else 0}")

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


async def run(connection: Any, script: Script[T], dialect: Dialect, *, writes: bool) -> T:
    """Carry out `script` as one transaction, in one hop to the thread of this aiosqlite connection."""
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    # The library offers a hop for each statement only; SQLAlchemy reaches behind it in the same way.
    result: T = await connection._execute(_drive, connection._conn, script, dialect, begin)
    return result


def create_file(file: SqliteFile) -> None:
    """The file and its folder exist; a file made here can be read by its owner only, and so can what SQLite puts
    beside it. Raises `StorageUnavailableError`.
    """
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file.path, os.O_RDWR | os.O_CREAT, 0o600))
        if not _has_wal(file.path):
            _switch_to_wal(file.path)
    except OSError as error:
        raise StorageUnavailableError(f"the database file cannot be opened: {error.strerror}") from None


def _has_wal(path: Path) -> bool:
    """Whether the file's header says so (SQLite file format, section 1.3.3)."""
    with path.open("rb") as file:
        return file.read(20)[18:20] == b"\x02\x02"


def _switch_to_wal(path: Path) -> None:
    """Write-ahead logging is on. Several processes that open a new file at once all try; SQLite answers "busy" to that
    without waiting, whatever its timeout, so the waiting is done here.
    """
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            if not isinstance(translate(error), StorageUnavailableError) or time.monotonic() > deadline:
                raise translate(error) from None
            time.sleep(0.01)
        else:
            return


def translate(error: BaseException) -> StorageError:
    """What `error`, an exception of the driver, means to a caller."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    text = f"SQLite: {name}"
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return StorageConflictError(text)
    if primary in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE):
        return StorageValueError(text)
    if primary in _MAY_PASS or "no active connection" in str(error):
        return StorageUnavailableError(text)
    if str(error).startswith("no such table"):
        return StorageSchemaError(f"{text} (no such table)")
    return StorageError(text)


class _Connection(aiosqlite.Connection):
    """Leaves no transaction open when it ends. The driver's own closing does while a cursor is still referred to, as
    it is by the traceback of a caller that was cancelled, and the library's may forget to close when it is cancelled
    twice: then nobody can write until the garbage is collected.
    """

    async def close(self) -> None:
        """What was not committed is undone, the connection closed, its thread at an end."""
        self._undo()
        await super().close()

    def stop(self) -> asyncio.Future[Any] | None:
        """As `close`, without waiting for it."""
        self._undo()
        return super().stop()

    def _undo(self) -> None:
        if self._connection is not None:
            self._tx.put_nowait((None, partial(_end, self._connection)))


def _connection(database: str, **options: Any) -> aiosqlite.Connection:
    connection = _Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True
    return connection


def _end(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    connection.close()


def _drive(connection: sqlite3.Connection, script: Script[T], dialect: Dialect, begin: str) -> T:
    connection.execute(begin)
    try:
        step = next(script)
        while True:
            step = script.send(_do(connection, step, dialect))
    except StopIteration as end:
        connection.execute("COMMIT")
        result: T = end.value
        return result
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _do(connection: sqlite3.Connection, step: Step, dialect: Dialect) -> Rows:
    if isinstance(step, Query):
        return connection.execute(step.statement, step.parameters).fetchall()
    if isinstance(step, Load):
        return step.read(_do(connection, step.query(), dialect), dialect)
    if isinstance(step, InsertNew):
        return [row for query in step.statements(dialect) for row in _do(connection, query, dialect)]
    columns = step.table.columns
    names, marks = ", ".join(column.name for column in columns), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {step.table.name} ({names}) VALUES ({marks})"  # noqa: S608
    connection.executemany(statement, storable_rows(step, dialect))
    return []


def _engine(file: SqliteFile, mode: str, *, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        URL.create("sqlite+aiosqlite", database=f"file:{quote(str(file.path))}", query={"mode": mode, "uri": "true"}),
        # Transactions begin where we say, never by the driver's guess.
        connect_args={"isolation_level": None, "timeout": BUSY_S, "async_creator_fn": _connection},
        pool_size=pool_size,
        max_overflow=0,
        # Every transaction here ends in a commit or a rollback of ours.
        pool_reset_on_return=None,
        hide_parameters=True,
    )


def _run(connection: DBAPIConnection, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(pragma)
    cursor.close()
