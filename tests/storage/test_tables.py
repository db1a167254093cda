from __future__ import annotations

import pytest
from sqlalchemy import CheckConstraint, insert

from ponteio.model.event import Origin
from ponteio.model.identity import InstanceState
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.tables import event_logs, events, instances, metadata


def _check(table_name: str, name: str) -> str:
    found = [
        str(one.sqltext)
        for one in metadata.tables[table_name].constraints
        if isinstance(one, CheckConstraint) and one.name == f"ck_{table_name}_{name}"
    ]
    assert len(found) == 1
    return found[0]


def test_the_checks_know_every_word_of_the_model() -> None:
    for state in InstanceState:
        assert f"'{state.value}'" in _check(instances.name, "state")
    for origin in Origin:
        assert f"'{origin.value}'" in _check(events.name, "origin")


def test_data_is_the_last_column_of_the_events() -> None:
    assert list(events.columns)[-1].name == "data"


@pytest.mark.parametrize(
    "row",
    [
        {"organization_id": "nobody", "epoch": "00000000", "head": 0},
        {"organization_id": "nobody", "epoch": "short", "head": 0},
        {"organization_id": "nobody", "epoch": "00000000", "head": -1},
    ],
)
async def test_the_database_refuses_what_is_not_true(database: Database, row: dict[str, object]) -> None:
    with pytest.raises(StorageConflictError):
        async with database.write() as connection:
            await connection.execute(insert(event_logs).values(row))
