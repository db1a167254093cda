from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.support.log_world import NOON, LogWorld, decoded, log_world

from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.recent_counts import EventCount, recent_counts
from ponteio.storage.database import Database

HOUR = timedelta(hours=1)
FULL = NOON.replace(minute=0, second=0, microsecond=0)


async def _fill(world: LogWorld, begin: int = 0) -> None:
    """One event an hour, of two names and organizations."""
    batch = []
    kinds = [("alpha", "call"), ("alpha", "x"), ("beta", "x"), ("alpha", "call"), ("alpha", "x"), ("alpha", "call")]
    for number, (name, event) in enumerate(kinds):
        made = decoded(name, begin + number, event, data=b'{"n":1}')
        batch.append(world.addressed(replace(made, received_at=NOON + number * HOUR)))
    await world.log.append(batch)


async def test_counts_are_of_one_organization_and_of_the_time_that_is_asked_for(database: Database) -> None:
    world = await log_world(database, "alpha", "beta")
    await _fill(world)
    found = await world.log.counted_since(world.scope("alpha"), NOON + HOUR)
    assert found.counts == (EventCount("call", 2, 14), EventCount("x", 2, 14))
    assert (found.since, found.is_complete) == (FULL + HOUR, True)
    empty = await world.log.counted_since(world.scope("beta"), NOON + 9 * HOUR)
    assert (empty.counts, empty.is_complete) == ((), True)


async def test_counted_hours_and_what_came_since_are_the_same_as_all_one_by_one(database: Database) -> None:
    world = await log_world(database, "alpha", "beta")
    await _fill(world)
    await _fill(world, 10)
    alone = await world.log.counted_since(world.scope("alpha"), NOON + 2 * HOUR)
    await EventCounter(database).catch_up()
    assert await world.log.counted_since(world.scope("alpha"), NOON + 2 * HOUR) == alone
    await _fill(world, 20)
    both = await world.log.counted_since(world.scope("alpha"), NOON + 2 * HOUR)
    assert both.counts == (EventCount("call", 6, 42), EventCount("x", 3, 21))


async def test_what_is_too_much_is_counted_from_later_on(database: Database) -> None:
    world = await log_world(database, "alpha", "beta")
    await _fill(world)
    async with database.read() as connection:
        some = await recent_counts(connection, world.scope("alpha"), NOON, at_most=2)
    assert (some.counts, some.is_complete) == ((EventCount("call", 1, 7), EventCount("x", 1, 7)), False)
    assert some.since == NOON + 4 * HOUR
