"""The only file that knows the PostgreSQL driver."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ponteio.storage.database_url import PostgresServer
from ponteio.storage.errors import StorageConflictError, StorageError, StorageSchemaError, StorageUnavailableError

WRITERS = 4
READERS = 8

# A server that vanished without a word is noticed within half a minute.
_LIVENESS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

# SQLSTATE classes (PostgreSQL manual, appendix A): connection, resources, operator intervention, system, rollback.
_MAY_PASS = ("08", "25006", "40", "53", "55P03", "57", "58")


def writer_engine(server: PostgresServer) -> AsyncEngine:
    """An engine whose commits are on the server's disk when they return."""
    return _engine(server, pool_size=WRITERS, isolation_level="READ COMMITTED", read_only=False)


def reader_engine(server: PostgresServer) -> AsyncEngine:
    """An engine whose connections cannot write. Each transaction sees one state of the database."""
    return _engine(server, pool_size=READERS, isolation_level="REPEATABLE READ", read_only=True)


def translate(error: BaseException) -> StorageError:
    """What `error`, an exception of the driver, means to a caller."""
    state = getattr(error, "sqlstate", None)
    text = f"PostgreSQL: {state or 'no answer'} ({type(error).__name__})"
    if state is None:
        lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        return StorageUnavailableError(text) if lost else StorageError(text)
    if state.startswith("23"):
        return StorageConflictError(text)
    if state.startswith(_MAY_PASS):
        return StorageUnavailableError(text)
    if state in ("42P01", "42703", "3F000"):
        return StorageSchemaError(text)
    return StorageError(text)


def _engine(server: PostgresServer, *, pool_size: int, isolation_level: Any, read_only: bool) -> AsyncEngine:
    arguments: dict[str, Any] = {key: value for key, value in _LIVENESS.items() if key not in server.url.query}
    arguments.setdefault("application_name", "ponteio")
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
    settings = {"synchronous_commit": "on", "timezone": "UTC", "jit": "off"}
    if server.schema is not None:
        settings["search_path"] = '"' + server.schema.replace('"', '""') + '"'
    if read_only:
        settings["default_transaction_read_only"] = "on"
    return settings
