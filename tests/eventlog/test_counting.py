from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.support.search_world import search_world

from ponteio.eventlog.counting import EventCounter, Group, Minute, merged
from ponteio.model.event import Origin
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageUnavailableError
from ponteio.storage.history_tables import counted_instances, counted_logs, event_hours, event_minutes


async def rows(database: Database, table: Any) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in (await connection.execute(select(table).order_by(*table.primary_key))).all()]


async def test_each_event_is_counted_once_however_many_count(database: Database, database_url: str) -> None:
    async with search_world(database, database_url) as world:
        one, other = await world.organization("one"), await world.organization("other")
        odd = "q'\x00\ud800"
        await world.put_all(one, [(b"{}", "call", "alpha", 60 * n, Origin.LIVE) for n in range(7)])
        await world.put_all(one, [(b"[1]", "call", odd, 7200, Origin.BACKFILL)] * 3)
        await world.put(other, b"null", "call", "gamma")
        counters = [EventCounter(database, portion=2) for _ in range(3)]
        await asyncio.gather(*(counter.catch_up() for counter in counters))
        assert dict(await rows(database, counted_logs)) == {one.organization_id: 10, other.organization_id: 1}
        hours = await rows(database, event_hours)
        mine = [row[1:] for row in hours if row[0] == one.organization_id]
        assert sum(row[-2] for row in mine) == 10
        assert [row[1:] for row in mine if row[1] == odd] == [(odd, "call", "backfill", 3, 9)]
        assert [row[2:] for row in hours if row[0] == other.organization_id] == [("gamma", "call", "live", 1, 4)]
        minutes = [row for row in await rows(database, event_minutes) if row[0] == one.organization_id]
        assert sum(row[-1] for row in minutes) == 10
        instances = await rows(database, counted_instances)
        assert sorted(name for owner, name in instances if owner == one.organization_id) == sorted(["alpha", odd])
        await counters[0].catch_up()
        assert await rows(database, event_hours) == hours


async def test_a_counter_waits_for_the_database(database: Database, database_url: str) -> None:
    async with search_world(database, database_url) as world:
        scope = await world.organization("one")
        await world.put_all(scope, [(b"{}", "call", "alpha", 0, Origin.LIVE)] * 3)
        pauses: list[float] = []

        async def sleep(pause_s: float) -> None:
            pauses.append(pause_s)
            if len(pauses) == 3:
                raise asyncio.CancelledError

        counter = EventCounter(database, pause_s=10.0, portion=2, sleep=sleep)
        with pytest.raises(asyncio.CancelledError):
            await counter.run()
        # Behind, then not any more.
        assert pauses == [2.0, 10.0, 10.0]
        assert await rows(database, counted_logs) == [(scope.organization_id, 3)]
    await database.close()
    pauses.clear()
    with pytest.raises(asyncio.CancelledError):
        await counter.run()
    assert pauses == [10.0] * 3
    with pytest.raises(StorageUnavailableError):
        await counter.catch_up()


@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=6), max_size=6))
def test_every_minute_knows_where_in_the_log_it_is(portions: list[list[int]]) -> None:
    known: dict[int, Minute] = {}
    history: list[tuple[int, int]] = []
    seq = 0
    for portion in portions:
        groups = []
        for minute in portion:
            seq += 1
            history.append((minute, seq))
            groups.append(Group(minute, "i", "e", "live", 1, 2, seq, seq))
        first = min(portion)
        before = max((minute for minute in known if minute < first), default=first)
        changed = merged({minute: row for minute, row in known.items() if minute >= before}, groups)
        for minute, row in changed.items():
            former = known[minute].count if minute in known else 0
            known[minute] = Minute(row.low, row.high, former + row.count)
    for minute, row in known.items():
        assert row.low == min(seq for at, seq in history if at >= minute)
        assert row.high == max(seq for at, seq in history if at <= minute)
        assert row.count == sum(at == minute for at, _ in history)
