from __future__ import annotations

from datetime import timedelta

from tests.support.log_world import NOON
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.spans import Span, bounds, known_instances, minute_of, span_of
from ponteio.model.filter_language import parse_filter
from ponteio.storage.database import Database


def test_bounds_are_those_that_every_event_must_keep() -> None:
    hour = timedelta(hours=1)
    assert bounds(parse_filter("since:3h since:2h until:1h until:0h", NOON)) == (NOON - 2 * hour, NOON - hour)
    assert bounds(parse_filter("since:2h", NOON)) == (NOON - 2 * hour, None)
    for text in ("since:2h OR event:a", "-since:2h", "(since:2h OR until:1h)", ""):
        assert bounds(parse_filter(text, NOON)) == (None, None)


def test_what_lies_between_is_skipped_in_both_directions() -> None:
    span = Span(low=2, high=4, counted=9)
    assert [seq for seq in range(12) if span.skips(seq)] == [5, 6, 7, 8, 9]
    assert (span.beyond(-1), span.beyond(1)) == (4, 10)


async def span(world: SearchWorld, organization_id: str, text: str, head: int) -> Span:
    return await world.database.run_reading(span_of(organization_id, parse_filter(text, NOON), head))


async def test_a_time_is_a_part_of_the_log(database: Database, database_url: str) -> None:
    async with search_world(database, database_url) as world:
        scope = await world.organization("alpha")
        for minutes in (50, 40, 30, 20, 10):
            await world.put(scope, {}, age_s=minutes * 60)
        mine = scope.organization_id
        # Nothing is counted yet: every number must be looked at.
        assert await span(world, mine, "since:25m", 5) == Span(1, 0, 0)
        await EventCounter(database, portion=2).catch_up()
        assert await span(world, mine, "", 5) == Span(1, 5, 5)
        assert await span(world, mine, "since:35m", 5) == Span(3, 5, 5)
        assert await span(world, mine, "until:35m", 5) == Span(1, 2, 5)
        assert await span(world, mine, "since:45m until:15m", 5) == Span(2, 4, 5)
        assert await span(world, mine, "since:5m", 5) == Span(6, 5, 5)
        assert await span(world, mine, "until:9h", 5) == Span(1, 0, 5)
        await world.put(scope, {}, instance="beta")
        assert await span(world, mine, "since:5m", 6) == Span(6, 5, 5)
        assert await database.run_reading(known_instances(mine)) == (5, ["alpha"])
        assert await database.run_reading(known_instances("nobody")) == (0, [])


def test_minutes_are_counted_from_1970() -> None:
    assert minute_of(NOON) == minute_of(NOON.replace(second=59)) == minute_of(NOON + timedelta(minutes=1)) - 1
