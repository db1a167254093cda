"""The only file that knows the PostgreSQL driver."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ponteio.storage.database_url import PostgresServer
from ponteio.storage.errors import (
    StorageConflictError,
    StorageError,
    StorageSchemaError,
    StorageUnavailableError,
    StorageValueError,
)
from ponteio.storage.script import InsertNew, Load, Query, Rows, Script, Step, storable_rows

T = TypeVar("T")
DriverError = psycopg.Error

WRITERS = 4
READERS = 8

# What the URL may say otherwise. A server that vanished without a word is noticed within half a minute.
_DEFAULTS = {
    "application_name": "ponteio",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

# How binary COPY has to be told the types of our columns.
_WIRE_TYPES = {
    "BIGINT": "int8",
    "BOOLEAN": "bool",
    "FLOAT": "float8",
    "TEXT": "text",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "VARCHAR": "text",
}

# SQLSTATE classes (PostgreSQL manual, appendix A): connection, resources, operator intervention, system, rollback.
_MAY_PASS = ("08", "25006", "40", "53", "55P03", "57", "58")


def writer_engine(server: PostgresServer) -> AsyncEngine:
    """An engine whose commits are on the server's disk when they return."""
    return _engine(server, pool_size=WRITERS, isolation_level="READ COMMITTED", read_only=False)


def reader_engine(server: PostgresServer) -> AsyncEngine:
    """An engine whose connections cannot write. Each transaction sees one state of the database."""
    return _engine(server, pool_size=READERS, isolation_level="REPEATABLE READ", read_only=True)


async def run(connection: psycopg.AsyncConnection[Any], script: Script[T], dialect: Dialect, *, writes: bool) -> T:
    """Carry out `script` as one transaction on this connection, whose engine says whether it `writes`."""
    del writes
    try:
        step = next(script)
        while True:
            step = script.send(await _do(connection, step, dialect))
    except StopIteration as end:
        await connection.commit()
        result: T = end.value
        return result
    except Exception:
        # A connection that cannot even do this is thrown away by the pool.
        with suppress(DriverError):
            await connection.rollback()
        raise


def translate(error: BaseException) -> StorageError:
    """What `error`, an exception of the driver, means to a caller."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        return _without_answer(error)
    text = f"PostgreSQL: {state} ({type(error).__name__})"
    if state.startswith("23"):
        return StorageConflictError(text)
    if state.startswith(("22", "54")):
        return StorageValueError(text)
    if state.startswith(_MAY_PASS):
        return StorageUnavailableError(text)
    if state in ("42P01", "42703", "3F000"):
        return StorageSchemaError(text)
    return StorageError(text)


def _without_answer(error: BaseException) -> StorageError:
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        # Written by the client library about the connection: it cannot hold a row or the password.
        return StorageUnavailableError(f"PostgreSQL: {' '.join(str(error).split())[:300]}")
    if isinstance(error, psycopg.DataError):  # the driver itself cannot send the value
        return StorageValueError(f"PostgreSQL: {type(error).__name__}")
    return StorageError(f"PostgreSQL: {type(error).__name__}")


async def _do(connection: psycopg.AsyncConnection[Any], step: Step, dialect: Dialect) -> Rows:
    if isinstance(step, Query):
        return await _fetch(connection, step)
    if isinstance(step, Load):
        return step.read(await _fetch(connection, step.query()), dialect)
    if isinstance(step, InsertNew):
        return [row for query in step.statements(dialect) for row in await _fetch(connection, query)]
    types = [_WIRE_TYPES[column.type.dialect_impl(dialect).compile(dialect)] for column in step.table.columns]
    names = ", ".join(column.name for column in step.table.columns)
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {step.table.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(types)
        for row in storable_rows(step, dialect):
            await copy.write_row(row)
    return []


async def _fetch(connection: psycopg.AsyncConnection[Any], query: Query) -> Rows:
    async with connection.cursor() as cursor:
        await cursor.execute(query.statement.replace("?", "%s"), query.parameters)
        return await cursor.fetchall()


def _engine(server: PostgresServer, *, pool_size: int, isolation_level: Any, read_only: bool) -> AsyncEngine:
    arguments: dict[str, Any] = {key: value for key, value in _DEFAULTS.items() if key not in server.url.query}
    if server.pooled:
        arguments["prepare_threshold"] = None
    engine = create_async_engine(
        server.url,
        connect_args=arguments,
        isolation_level=isolation_level,
        pool_size=pool_size,
        max_overflow=0,
        # A reader asks first whether its connection is alive; a writer's caller sends its transaction again.
        pool_pre_ping=read_only,
        hide_parameters=True,
    )

    def prepare(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for name, value in _session(server, read_only=read_only).items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        cursor.close()
        connection.commit()

    event.listen(engine.sync_engine, "connect", prepare, insert=True)
    return engine


def _session(server: PostgresServer, *, read_only: bool) -> dict[str, str]:
    settings = {
        "synchronous_commit": "on",
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": "30s",
        # A process that froze must not keep the lock on an organization's log.
        "idle_in_transaction_session_timeout": "60s",
    }
    if server.schema is not None:
        settings["search_path"] = '"' + server.schema.replace('"', '""') + '"'
    if read_only:
        settings["default_transaction_read_only"] = "on"
    return settings
