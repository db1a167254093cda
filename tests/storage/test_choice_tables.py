from __future__ import annotations

import pytest
from sqlalchemy import Table, insert, select

from ponteio.storage.choice_tables import event_policies, retention_marks
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.tables import event_logs, organizations
from ponteio.tenancy.directory import Directory

CHOICE = {"pattern": "call", "store": True, "keep_days": 7, "push": True}
MARK = {"keep_days": 7, "rules": "[]", "seq": 3}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (event_policies, {**CHOICE, "pattern": "x", "keep_days": 0}),
        (event_policies, {**CHOICE, "organization_id": "nobody"}),
        (retention_marks, {**MARK, "keep_days": 9, "seq": -1}),
        (retention_marks, {**MARK, "organization_id": "nobody"}),
    ],
)
async def test_the_database_refuses_what_is_not_true(database: Database, table: Table, row: dict[str, object]) -> None:
    mine = (await _directory(database)).organizations()[0].organization_id
    good = CHOICE if table is event_policies else MARK
    async with database.write() as connection:
        await connection.execute(insert(table).values({"organization_id": mine, **good}))
    with pytest.raises(StorageConflictError):
        async with database.write() as connection:
            await connection.execute(insert(table).values({"organization_id": mine, **row}))


async def test_a_log_begins_whole(database: Database) -> None:
    await _directory(database)
    async with database.read() as connection:
        rows = (await connection.execute(select(event_logs.c.floor).join(organizations))).scalars().all()
    assert rows == [0]


async def _directory(database: Database) -> Directory:
    directory = Directory(database)
    await directory.load()
    await directory.create_organization("acme")
    return directory
