from __future__ import annotations

from sqlalchemy import select

from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.statements import PORTION, insert_new, portions, put_row
from ponteio.storage.tables import link_intents, servers


async def test_insert_new_leaves_rows_that_are_there(database: Database) -> None:
    row = {"server_id": "main", "namespace": "/", "wanted": True}
    statement = insert_new(link_intents, database.dialect).returning(link_intents.c.namespace)
    async with database.write() as connection:
        assert (await connection.execute(statement, [row, row | {"namespace": "/b"}])).scalars().all() == ["/", "/b"]
        again = await connection.execute(statement, [row | {"wanted": False}, row | {"namespace": "/c"}])
        assert again.scalars().all() == ["/c"]
        wanted = (await connection.execute(select(link_intents.c.wanted))).scalars().all()
    assert wanted == [True, True, True]


async def test_put_row_replaces_all_but_what_is_kept(database: Database) -> None:
    first, second = utc_now(), utc_now()
    async with database.write() as connection:
        for url, moment in (("http://one", first), ("http://two", second)):
            row = {"server_id": "main", "url": url, "created_at": moment}
            await connection.execute(put_row(servers, database.dialect, row, keep=("created_at",)))
        found = (await connection.execute(select(servers))).one()
    assert (found.url, found.created_at) == ("http://two", first)


def test_values_come_once_each_and_no_more_at_a_time_than_a_statement_takes() -> None:
    values = [f"{number:06}" for number in range(2 * PORTION + 1)]
    found = list(portions([*reversed(values), *values]))
    assert [len(each) for each in found] == [PORTION, PORTION, 1]
    assert [value for each in found for value in each] == values
    assert list(portions([])) == []
