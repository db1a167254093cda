from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.support.log_world import NOON, decoded, log_world

from ponteio.eventlog.recent_counts import EventCount, recent_counts
from ponteio.storage.database import Database


async def test_counts_are_of_one_organization_and_of_the_time_that_is_asked_for(database: Database) -> None:
    world = await log_world(database, "alpha", "beta")
    hour, batch = timedelta(hours=1), []
    for number, (name, event) in enumerate(
        [("alpha", "call"), ("alpha", "x"), ("beta", "x"), ("alpha", "call"), ("alpha", "x"), ("alpha", "call")]
    ):
        made = decoded(name, number, event, data=b'{"n":1}')
        batch.append(world.addressed(replace(made, received_at=NOON + number * hour)))
    await world.log.append(batch)
    found = await world.log.counted_since(world.scope("alpha"), NOON + hour)
    assert found.counts == (EventCount("call", 2, 14), EventCount("x", 2, 14))
    assert (found.since, found.is_complete) == (NOON + hour, True)
    empty = await world.log.counted_since(world.scope("beta"), NOON + 9 * hour)
    assert (empty.counts, empty.is_complete) == ((), True)
    async with database.read() as connection:
        some = await recent_counts(connection, world.scope("alpha"), NOON, at_most=2)
    assert (some.counts, some.is_complete) == ((EventCount("call", 1, 7), EventCount("x", 1, 7)), False)
    assert some.since == NOON + 4 * hour
