"""Which database a URL means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ponteio.storage.errors import StorageUrlError

# Parameters that Prisma reads itself and that libpq would refuse.
_PRISMA_ONLY = frozenset(
    {
        "connection_limit",
        "pgbouncer",
        "pool_timeout",
        "schema",
        "single_use_connections",
        "socket_timeout",
        "sslaccept",
        "sslidentity",
        "statement_cache_size",
    }
)


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A SQLite database in one file."""

    path: Path


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL database. `schema` is where the tables are, None for the role's own search path.

    `pooled` is set for a connection pooler in transaction mode, which cannot keep prepared statements.
    """

    url: URL
    schema: str | None
    pooled: bool


def parse_database_url(text: str) -> SqliteFile | PostgresServer:
    """`sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`, also in Prisma's dialect (`?schema=`).

    Percent escapes are undone, in a path too. Raises `StorageUrlError` for anything else; its text never
    holds the password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError, TypeError):
        raise StorageUrlError("the database URL is not a URL") from None
    if url.drivername == "sqlite":
        return _sqlite(url)
    if url.drivername in ("postgresql", "postgres"):
        return _postgres(url)
    raise StorageUrlError("the database URL must begin with sqlite:// or postgresql://")


def _sqlite(url: URL) -> SqliteFile:
    if url.host or url.query:
        raise StorageUrlError("a SQLite URL is sqlite:///relative/path or sqlite:////absolute/path, and nothing else")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StorageUrlError("SQLite needs a file: its readers are connections of their own")
    return SqliteFile(Path(url.database).absolute())


def _postgres(url: URL) -> PostgresServer:
    schema = _single(url, "schema")
    pooled = _single(url, "pgbouncer") in ("true", "1")
    plain = url.set(drivername="postgresql+psycopg").difference_update_query(_PRISMA_ONLY)
    return PostgresServer(plain, schema, pooled)


def _single(url: URL, parameter: str) -> str | None:
    value = url.query.get(parameter)
    if isinstance(value, tuple):
        raise StorageUrlError(f"the database URL has {parameter} twice")
    return value or None
