"""What tests of people ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.tenant_desk import TenantDesk, tenant_desk


@pytest.fixture
def dialect() -> str:
    """Tests of the API run on SQLite, unless they are marked with `ON_EACH_DATABASE`."""
    return "sqlite"


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[TenantDesk]:
    """Two organizations full of people."""
    async with tenant_desk(tmp_path, started=False, database_url=database_url) as opened:
        yield opened
