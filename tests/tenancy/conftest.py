"""The directory of this process, and that of another one on the same database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.databases import migrated
from tests.support.log_world import log_world

from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory


@pytest.fixture
async def directory(database: Database) -> Directory:
    return (await log_world(database, "alpha", "beta")).directory


@pytest.fixture
async def elsewhere(directory: Directory, database_url: str) -> AsyncIterator[Directory]:
    """The directory of another process."""
    async with migrated(database_url) as database:
        other = Directory(database)
        await other.load()
        yield other
