"""The door to the database: transactions that read or write, and nothing half-done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from sqlalchemy.engine.interfaces import Dialect as EngineDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ponteio.storage import migrator, postgres, sqlite
from ponteio.storage.database_url import SqliteFile, parse_database_url
from ponteio.storage.errors import StorageConflictError, StorageError, StorageUnavailableError
from ponteio.storage.script import Script

T = TypeVar("T")
Dialect = Literal["sqlite", "postgresql"]
CLOSE_S = 10.0


class _Runner(Protocol):
    def __call__(self, connection: Any, script: Script[T], dialect: EngineDialect, *, writes: bool) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class _Engines:
    dialect: Dialect
    schema: str | None
    writer: AsyncEngine
    reader: AsyncEngine
    driver_error: type[Exception]
    translate: Callable[[BaseException], StorageError]
    run: _Runner


class Database:
    """Transactions on SQLite or PostgreSQL. Made by `Database.open`; driver errors leave it as `StorageError`."""

    def __init__(self, engines: _Engines) -> None:
        self._engines = engines
        self._closed = False
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        # SQLite has one writer: those who wait queue here, in order, instead of in the pool with its deadline.
        self._turn = asyncio.Lock() if engines.dialect == "sqlite" else nullcontext()

    @classmethod
    async def open(cls, url: str, checkpoints: bool = True, *, derived: bool = False) -> Database:
        """The database that `url` means, reached and answering, not yet migrated.

        `checkpoints` is for the one process that may copy SQLite's write-ahead log home: the gateway. Every other
        process passes False. A SQLite file that is `derived` can be made again: its commits need not survive a power
        failure. Raises `StorageUrlError` or `StorageUnavailableError`.
        """
        database = cls(_engines(url, checkpoints=checkpoints, derived=derived))
        try:
            async with database._guarded(), database._engines.writer.connect():
                pass
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def dialect(self) -> Dialect:
        return self._engines.dialect

    @property
    def busy(self) -> int:
        """Transactions under way; those that wait for a connection count too, those that wait for their turn do not."""
        return self._busy

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One read-only transaction: everything read in it belongs to the same moment."""
        async with self._guarded(), self._engines.reader.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed and on disk when the block ends, undone when the block raises.

        On SQLite transactions take turns. When the commit itself fails its result is unknown.
        """
        async with self._turn, self._guarded(), self._engines.writer.connect() as connection:
            try:
                async with connection.begin():
                    yield connection
            except DBAPIError as error:
                # After a failed write or fsync the connection's view of the file cannot be trusted.
                if not isinstance(self._translated(error), StorageConflictError):
                    await connection.invalidate()
                raise

    async def run(self, script: Script[T]) -> T:
        """What `script` returns, after it was carried out as one transaction like that of `write`."""
        async with self._turn, self._guarded(), self._engines.writer.connect() as connection:
            return await self._carry_out(connection, script, writes=True)

    async def run_reading(self, script: Script[T]) -> T:
        """What `script` returns, after it was carried out as one transaction like that of `read`."""
        async with self._guarded(), self._engines.reader.connect() as connection:
            return await self._carry_out(connection, script, writes=False)

    async def migrate(self) -> None:
        """The tables are those of this program; whoever migrates at the same time waits. Raises `StorageSchemaError`
        when the database was made by a newer program.
        """
        async with self.write() as connection:
            await connection.run_sync(migrator.upgrade, self._engines.schema)

    async def standing(self) -> migrator.Standing:
        """How its tables stand to this program's; nothing is changed. Raises `StorageError`."""
        async with self.read() as connection:
            return await connection.run_sync(migrator.standing)

    async def close(self) -> None:
        """No connection and no thread is left; transactions that had begun got 10 s to end. May be called again."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._idle.wait()
        await self._engines.reader.dispose()
        await self._engines.writer.dispose()

    async def _carry_out(self, connection: AsyncConnection, script: Script[T], *, writes: bool) -> T:
        driver = (await connection.get_raw_connection()).driver_connection
        try:
            result: T = await self._engines.run(driver, script, connection.dialect, writes=writes)
        except asyncio.CancelledError:
            await connection.invalidate()
            raise
        except self._engines.driver_error as error:
            translated = self._engines.translate(error)
            if not isinstance(translated, StorageConflictError):
                await connection.invalidate()
            raise translated from None
        return result

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        if self._closed:
            raise StorageUnavailableError("the database is closed")
        self._busy += 1
        self._idle.clear()
        try:
            yield
        except DBAPIError as error:
            raise self._translated(error) from None
        except PoolTimeoutError:
            raise StorageUnavailableError("all connections to the database are busy") from None
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    def _translated(self, error: DBAPIError) -> StorageError:
        return self._engines.translate(error.orig or error)


def _engines(url: str, *, checkpoints: bool, derived: bool) -> _Engines:
    place = parse_database_url(url)
    if isinstance(place, SqliteFile):
        sqlite.create_file(place)
        writer, reader = (
            sqlite.writer_engine(place, checkpoints=checkpoints, derived=derived),
            sqlite.reader_engine(place, derived=derived),
        )
        return _Engines("sqlite", None, writer, reader, sqlite.DriverError, sqlite.translate, sqlite.run)
    writer, reader = postgres.writer_engine(place), postgres.reader_engine(place)
    return _Engines("postgresql", place.schema, writer, reader, postgres.DriverError, postgres.translate, postgres.run)
