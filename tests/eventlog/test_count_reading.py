from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.filter_drawing import NOON
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog import count_reading
from ponteio.eventlog.column_conditions import ALWAYS, Condition
from ponteio.eventlog.count_reading import DAY_S, HOUR_S, MINUTE_S, Count, Counts, Wanted, counts
from ponteio.eventlog.counting import EventCounter
from ponteio.model.event import Origin
from ponteio.model.identity import OrganizationScope
from ponteio.storage.database import Database

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def ask(
    world: SearchWorld,
    scope: OrganizationScope,
    units: tuple[int, ...],
    *,
    names: bool = False,
    condition: Condition = ALWAYS,
    since: timedelta = 30 * HOUR,
    go_on: bool = True,
) -> Counts:
    wanted = Wanted(scope.organization_id, NOON - since, NOON + HOUR, condition, units, names)
    return await world.database.run_reading(counts(wanted, world.database.dialect, lambda: go_on))


def total(found: Counts) -> int:
    return sum(row.count for row in found.rows)


@pytest.mark.parametrize("units", [(), (MINUTE_S,), (HOUR_S,), (DAY_S, MINUTE_S), (DAY_S, HOUR_S)])
@pytest.mark.parametrize("portion", [3, 100])
async def test_counted_units_and_events_add_up(
    database: Database, database_url: str, units: tuple[int, ...], portion: int
) -> None:
    async with search_world(database, database_url) as world:
        scope, other = await world.organization("one"), await world.organization("other")
        ages = [40 * 3600, 29 * 3600, 20 * 3600, 7200, 3661, 3600, 3599, 61, 60, 0]
        await world.put_all(scope, [(b"{}", "call", "alpha", age_s, Origin.LIVE) for age_s in ages])
        await world.put(other, {}, "call")
        assert total(await ask(world, scope, units)) == 9
        await EventCounter(database, portion=portion).step()
        found = await ask(world, scope, units)
        assert (total(found), found.complete, found.known_from) == (9, True, NOON - 30 * HOUR)
        await world.put(scope, {}, "call", age_s=7200)
        assert total(await ask(world, scope, units)) == 10
        assert total(await ask(world, scope, units, since=timedelta(hours=1, seconds=1))) == 5
        assert total(await ask(world, scope, units, since=timedelta(0))) == 1


async def test_counts_have_names_and_sizes(database: Database, database_url: str) -> None:
    async with search_world(database, database_url) as world:
        scope = await world.organization("one")
        odd = "q'\x00"
        await world.put_all(
            scope,
            [
                (b"{}", "call", odd, 7200, Origin.LIVE),
                (b"[1]", "call", odd, 7100, Origin.LIVE),
                (b"1", "presence.update", "beta", 60, Origin.BACKFILL),
            ],
        )
        for is_counted in (False, True):
            if is_counted:
                await EventCounter(database).catch_up()
            found = await ask(world, scope, (HOUR_S,), names=True)
            sums: dict[tuple[str, str, str], tuple[int, int]] = {}
            for row in found.rows:
                key = (row.instance, row.event, row.origin)
                count, size = sums.get(key, (0, 0))
                sums[key] = (count + row.count, size + row.size)
            assert sums == {(odd, "call", "live"): (2, 5), ("beta", "presence.update", "backfill"): (1, 1)}
            only = await ask(world, scope, (HOUR_S,), names=True, condition=Condition("event = ?", ("call",)))
            assert total(only) == 2


async def test_without_time_what_is_newest_is_known(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count_reading, "WINDOW", 2)
    async with search_world(database, database_url) as world:
        scope = await world.organization("one")
        await world.put_all(scope, [(b"{}", "call", "alpha", 60 * (5 - n), Origin.LIVE) for n in range(5)])
        found = await ask(world, scope, (), go_on=False)
        assert found.rows == [Count(int((NOON - MINUTE * n).timestamp()), "", "", "", 1, 2) for n in (2, 1)]
        assert (found.complete, found.known_from) == (False, NOON - 2 * MINUTE)
        nothing = await ask(world, scope, (), condition=Condition("event = ?", ("x",)), go_on=False)
        assert (nothing.rows, nothing.complete, nothing.known_from) == ([], False, NOON + HOUR)
