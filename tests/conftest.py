"""What every test may ask for: fresh databases on both engines, and honest skips."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.databases import POSTGRES_VARIABLE, migrated, postgres_schema, postgres_server, sqlite_url

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
    server = postgres_server()
    if server is None:
        pytest.fail("mark this test with @pytest.mark.postgres", pytrace=False)
    async with postgres_schema(server) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    return str(request.param)


@pytest.fixture
async def database_url(dialect: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database on each engine in turn."""
    server = postgres_server()
    if dialect == "sqlite" or server is None:
        yield sqlite_url(tmp_path)
        return
    async with postgres_schema(server) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database on each engine in turn."""
    async with migrated(database_url) as opened:
        yield opened


@pytest.fixture
async def sqlite_database(sqlite_file_url: str) -> AsyncIterator[Database]:
    """A migrated, empty SQLite database."""
    async with migrated(sqlite_file_url) as opened:
        yield opened
