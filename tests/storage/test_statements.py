from __future__ import annotations

from sqlalchemy import insert, select

from ponteio.observe.clock import utc_now
from ponteio.storage.choice_tables import instance_events
from ponteio.storage.database import Database
from ponteio.storage.statements import PORTION, insert_new, portions, put_row, put_rows
from ponteio.storage.tables import link_intents, organizations, servers


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


async def test_put_rows_does_so_for_many(database: Database) -> None:
    unknown = ("drift_since", "mends_since", "applied_at", "found_at", "accepted", "found_enabled", "found_events")
    row = {**dict.fromkeys((*unknown, "preset")), "mends": 0, "keep": False, "server_id": "main"}
    first, second = utc_now(), utc_now()
    statement = put_rows(instance_events, database.dialect, keep=("changed_at",))
    async with database.write() as connection:
        owner = {"organization_id": "org_1", "name": "acme", "name_key": "acme", "created_at": first}
        await connection.execute(insert(organizations).values(owner))
        for events, moment, names in (("CALL", first, ("a", "b")), ("CHATS_SET", second, ("b", "c"))):
            said = {**row, "organization_id": "org_1", "events": events, "changed_at": moment}
            await connection.execute(statement, [{**said, "instance_id": name} for name in names])
        found = (await connection.execute(select(instance_events).order_by(instance_events.c.instance_id))).all()
    assert [(one.instance_id, one.events, one.changed_at) for one in found] == [
        ("a", "CALL", first),
        ("b", "CHATS_SET", first),
        ("c", "CHATS_SET", second),
    ]


def test_values_come_once_each_and_no_more_at_a_time_than_a_statement_takes() -> None:
    values = [f"{number:06}" for number in range(2 * PORTION + 1)]
    found = list(portions([*reversed(values), *values]))
    assert [len(each) for each in found] == [PORTION, PORTION, 1]
    assert [value for each in found for value in each] == values
    assert list(portions([])) == []
