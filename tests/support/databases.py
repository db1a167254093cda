"""Fresh databases for tests: a SQLite file, or a schema of its own on a real PostgreSQL server."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url, text

from ponteio.storage.database import Database

POSTGRES_VARIABLE = "PONTEIO_TEST_POSTGRES_URL"


def postgres_server() -> str | None:
    """The server that tests may make databases on, or None when there is none."""
    return os.environ.get(POSTGRES_VARIABLE) or None


def sqlite_url(folder: Path, name: str = "test.db") -> str:
    """The URL of a database file in `folder`."""
    return f"sqlite:///{quote(str(folder / name))}"


@asynccontextmanager
async def postgres_schema(database_url: str) -> AsyncIterator[str]:
    """The URL of a new, empty schema; it is dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    url = make_url(database_url).update_query_dict({"schema": name})
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        await _execute(database_url, f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


@asynccontextmanager
async def migrated(url: str) -> AsyncIterator[Database]:
    """The database at `url`, open and migrated; it is closed afterwards."""
    database = await Database.open(url)
    try:
        await database.migrate()
        yield database
    finally:
        await database.close()


async def _execute(url: str, statement: str) -> None:
    database = await Database.open(url)
    try:
        async with database.write() as connection:
            await connection.execute(text(statement))
    finally:
        await database.close()
