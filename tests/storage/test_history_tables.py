from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

from ponteio.storage.database import Database
from ponteio.storage.history_tables import (
    counted_instances,
    counted_logs,
    event_days,
    event_hours,
    event_minutes,
    event_terms,
    indexed_logs,
)

TABLES = (counted_instances, counted_logs, event_days, event_hours, event_minutes, event_terms, indexed_logs)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_every_key_begins_with_the_tenant(table: object) -> None:
    assert next(iter(table.primary_key)).name == "organization_id"  # type: ignore[attr-defined]


async def test_terms_have_an_index_that_finds_them(database: Database) -> None:
    async with database.read() as connection:
        found = await connection.run_sync(lambda sync: inspect(sync).get_indexes("event_terms"))
        assert [index["name"] for index in found] == ["ix_event_terms_terms"]
        if database.dialect == "postgresql":
            kind = await connection.execute(
                text("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_event_terms_terms' LIMIT 1")
            )
            assert "USING gin" in kind.scalar_one()
