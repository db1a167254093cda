"""Fresh databases for tests: a SQLite file, or a schema of its own on a real PostgreSQL server."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import delete, make_url, text, update

from ponteio.storage.database import Database
from ponteio.storage.tables import directory_version, metadata

POSTGRES_VARIABLE = "PONTEIO_TEST_POSTGRES_URL"


def postgres_server() -> str | None:
    """The server that tests may make databases on, or None when there is none."""
    return os.environ.get(POSTGRES_VARIABLE) or None


def sqlite_url(folder: Path, name: str = "test.db") -> str:
    """The URL of a database file in `folder`."""
    return f"sqlite:///{quote(str(folder / name))}"


def new_schema_url(server: str) -> str:
    """The URL of a schema that nobody has; migrating makes it."""
    url = make_url(server).update_query_dict({"schema": f"test_{secrets.token_hex(6)}"})
    return url.render_as_string(hide_password=False)


async def drop_schema(url: str) -> None:
    """The schema of `url` is gone, with all that is in it."""
    schema = make_url(url).query["schema"]
    async with opened(url) as database, database.write() as connection:
        await connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))


@asynccontextmanager
async def postgres_schema(server: str) -> AsyncIterator[str]:
    """The URL of a new schema, not made yet; it is dropped afterwards."""
    url = new_schema_url(server)
    try:
        yield url
    finally:
        await drop_schema(url)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database at `url`, open; it is closed afterwards."""
    database = await Database.open(url)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def migrated(url: str) -> AsyncIterator[Database]:
    """The database at `url`, open and migrated; it is closed afterwards."""
    async with opened(url) as database:
        await database.migrate()
        yield database


async def migrate(url: str) -> None:
    """The database at `url` has its tables."""
    async with migrated(url):
        pass


async def empty(url: str) -> None:
    """The migrated database at `url` is as if just migrated. Much quicker than to make another."""
    async with opened(url) as database, database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is not directory_version:
                await connection.execute(delete(table))
        await connection.execute(update(directory_version).values(version=0))
