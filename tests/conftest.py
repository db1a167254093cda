"""What every test may ask for: fresh databases on both engines, and honest skips."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.databases import (
    POSTGRES_VARIABLE,
    drop_schema,
    empty,
    migrate,
    migrated,
    new_schema_url,
    opened,
    postgres_schema,
    postgres_server,
    sqlite_url,
)

from ponteio.storage.database import Database

_NODE_PACKAGES = Path(__file__).parent / "node" / "node_modules"


def _missing(item: pytest.Item) -> str | None:
    """What the test needs and this machine lacks."""
    if item.get_closest_marker("postgres") and postgres_server() is None:
        return f"needs PostgreSQL: set {POSTGRES_VARIABLE}"
    if item.get_closest_marker("node") and (shutil.which("node") is None or not _NODE_PACKAGES.is_dir()):
        return "needs Node and tests/node/node_modules: run ./run test, or npm ci in tests/node"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that lacks something is skipped and says so; PONTEIO_TEST_ALL=1 makes it fail instead."""
    reason = _missing(item)
    if reason is None:
        return
    if os.environ.get("PONTEIO_TEST_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def sqlite_file_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return sqlite_url(tmp_path)


@pytest.fixture
async def postgres_url() -> AsyncIterator[str]:
    """The URL of a new, empty schema on PostgreSQL. Mark the test with `postgres`."""
    async with postgres_schema(_server()) as url:
        yield url


@pytest.fixture(scope="session")
def shared_postgres_url() -> Iterator[str]:
    """The URL of one migrated schema on PostgreSQL, for those who empty it before they use it."""
    url = new_schema_url(_server())
    asyncio.run(migrate(url))
    yield url
    asyncio.run(drop_schema(url))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    return str(request.param)


@pytest.fixture
async def bare_database_url(dialect: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database without tables on each engine in turn."""
    if dialect == "sqlite":
        yield sqlite_url(tmp_path)
        return
    async with postgres_schema(_server()) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from: quicker than to migrate for each test."""
    folder = tmp_path_factory.mktemp("migrated")
    asyncio.run(migrate(sqlite_url(folder)))
    return folder / "test.db"


@pytest.fixture
def used_database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database on each engine in turn, with whatever the test before left there."""
    if dialect == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite_file"), tmp_path / "test.db")
        return sqlite_url(tmp_path)
    return str(request.getfixturevalue("shared_postgres_url"))


@pytest.fixture
async def database_url(dialect: str, used_database_url: str) -> str:
    """The URL of a migrated database without rows on each engine in turn. Leave its tables as they are: others use
    them too.
    """
    if dialect != "sqlite":
        await empty(used_database_url)
    return used_database_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database without rows on each engine in turn. Leave its tables as they are: others use them too."""
    async with opened(database_url) as database:
        yield database


@pytest.fixture
async def own_database(bare_database_url: str) -> AsyncIterator[Database]:
    """A migrated database on each engine in turn, whose tables may be changed."""
    async with migrated(bare_database_url) as database:
        yield database


@pytest.fixture
async def sqlite_database(sqlite_file_url: str, migrated_sqlite_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated SQLite database without rows, at `sqlite_file_url`."""
    shutil.copy(migrated_sqlite_file, tmp_path / "test.db")
    async with opened(sqlite_file_url) as database:
        yield database


def _server() -> str:
    server = postgres_server()
    if server is None:
        pytest.fail("mark this test with @pytest.mark.postgres", pytrace=False)
    return server
