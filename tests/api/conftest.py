"""What tests of people ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.tenant_desk import TenantDesk, tenant_desk


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[TenantDesk]:
    """Two organizations full of people, on each database in turn."""
    async with tenant_desk(tmp_path, started=False, database_url=database_url) as opened:
        yield opened
