from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.filter_drawing import NOON
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.counts import EventCounts
from ponteio.eventlog.search import Search
from ponteio.model.event import Origin
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import ORGANIZATION_NOT_FOUND, RefusalError
from ponteio.storage.database import Database

HOUR = timedelta(hours=1)


@pytest.fixture
async def world(database: Database, database_url: str) -> AsyncIterator[SearchWorld]:
    async with search_world(database, database_url) as world:
        yield world


@pytest.fixture
async def scope(world: SearchWorld) -> OrganizationScope:
    """Three hours with 1, 2 and 3 events, the last of them before noon."""
    scope, other = await world.organization("one"), await world.organization("other")
    text = b'{"message":{"conversation":"Seu boleto"}}'
    await world.put_all(
        scope,
        [
            (text, "messages.upsert", "alpha", 9000, Origin.LIVE),
            *[(text, "call", "beta", 5400, Origin.BACKFILL)] * 2,
            *[(b"{}", "call", "alpha", 1800, Origin.LIVE)] * 3,
        ],
    )
    await world.put_all(other, [(text, "call", "alpha", 1800, Origin.LIVE)] * 50)
    return scope


@pytest.mark.parametrize("is_counted", [True, False])
async def test_a_histogram_has_a_count_for_every_step(
    world: SearchWorld, scope: OrganizationScope, is_counted: bool
) -> None:
    if is_counted:
        await EventCounter(world.database).catch_up()
    log, since = world.log, NOON - 4 * HOUR
    found = await log.counts.histogram(scope, EVERY, since, NOON, 3600)
    assert (found.since, found.step_s, found.counts, found.complete) == (since, 3600, [0, 1, 2, 3], True)
    assert found.known_from == since
    for text, counts in [
        ("event:call", [0, 0, 2, 3]),
        ("text:boleto", [0, 1, 2, 0]),
        ("since:90m", [0, 0, 2, 3]),
        ("since:89m", [0, 0, 0, 3]),
        ("until:2h", [0, 1, 0, 0]),
        ("since:1h until:2h", [0, 0, 0, 0]),
        ("-event:*", [0, 0, 0, 0]),
        ("until:2h OR inst:beta", [0, 1, 2, 0]),
    ]:
        wanted = parse_filter(text, NOON)
        assert (await log.counts.histogram(scope, wanted, since, NOON, 3600)).counts == counts, text
    narrow = replace(scope, allowed=EventFilter.of(["beta"]))
    assert (await log.counts.histogram(narrow, EVERY, since, NOON, 3600)).counts == [0, 0, 2, 0]


async def test_steps_begin_where_they_always_begin(world: SearchWorld, scope: OrganizationScope) -> None:
    minute = timedelta(minutes=1)
    found = await world.log.counts.histogram(scope, EVERY, NOON - 95 * minute, NOON - 29 * minute, 1800)
    assert (found.since, found.counts) == (NOON - 120 * minute, [0, 2, 0, 3])


@pytest.mark.parametrize(("hours", "step_s"), [(1, 0), (1, -1), (0, 60), (-1, 60), (5001, 3600)])
async def test_a_histogram_is_bounded(world: SearchWorld, scope: OrganizationScope, hours: int, step_s: int) -> None:
    with pytest.raises(ValueError, match="steps"):
        await world.log.counts.histogram(scope, EVERY, NOON - hours * HOUR, NOON, step_s)


@pytest.mark.parametrize("is_counted", [True, False])
async def test_facets_count_by_names(world: SearchWorld, scope: OrganizationScope, is_counted: bool) -> None:
    if is_counted:
        await EventCounter(world.database).catch_up()
    found = await world.log.counts.facets(scope, EVERY, NOON - 9 * HOUR, NOON)
    assert list(found.instances.items()) == [("alpha", 4), ("beta", 2)]
    assert list(found.events.items()) == [("call", 5), ("messages.upsert", 1)]
    assert list(found.origins.items()) == [("live", 4), ("backfill", 2)]
    assert (found.count, found.bytes, found.complete) == (6, 3 * 2 + 3 * 41, True)
    text = await world.log.counts.facets(scope, parse_filter("text:boleto", NOON), NOON - 9 * HOUR, NOON)
    assert (text.instances, text.count, text.bytes) == ({"beta": 2, "alpha": 1}, 3, 123)


async def test_without_a_time_facets_are_those_of_the_last_days(world: SearchWorld, scope: OrganizationScope) -> None:
    await world.put(scope, {}, "old", age_s=31 * 86_400)
    counts = EventCounts(world.database, Search(world.database, None), lambda: NOON)
    found = await counts.facets(scope, EVERY)
    assert (found.count, found.since, found.until) == (6, NOON - timedelta(days=30), NOON)


async def test_without_budget_what_was_counted_is_told(world: SearchWorld, scope: OrganizationScope) -> None:
    wanted = parse_filter("text:boleto", NOON)
    found = await world.log.counts.histogram(scope, wanted, NOON - 4 * HOUR, NOON, 3600, budget_s=0.0)
    assert (found.counts, found.complete, found.known_from) == ([0, 0, 0, 0], False, NOON)


async def test_counts_outlive_events(world: SearchWorld, scope: OrganizationScope) -> None:
    counter = EventCounter(world.database)
    await counter.catch_up()
    async with world.database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM events")
    assert (await world.log.counts.histogram(scope, EVERY, NOON - 4 * HOUR, NOON, 3600)).counts == [0, 1, 2, 3]
    assert (await world.log.counts.facets(scope, EVERY, NOON - 3 * HOUR, NOON)).count == 6
    await counter.prune(NOON - HOUR)
    assert (await world.log.counts.facets(scope, EVERY, NOON - 3 * HOUR, NOON)).count == 3
    day = (NOON - 12 * HOUR, NOON + 12 * HOUR)
    assert (await world.log.counts.facets(scope, EVERY, *day)).count == 6


async def test_minutes_of_events_that_are_kept_are_kept(world: SearchWorld, scope: OrganizationScope) -> None:
    counter = EventCounter(world.database)
    await counter.catch_up()
    await counter.prune(NOON)
    found = await world.log.search(scope, parse_filter("until:2h", NOON))
    assert [event.seq for event in found.events] == [1]
    assert (await world.log.counts.histogram(scope, EVERY, NOON - 4 * HOUR, NOON, 60)).counts.count(0) == 237


async def test_nobodys_counts_are_refused(world: SearchWorld) -> None:
    nobody = OrganizationScope("nobody")
    for wanted in (EVERY, parse_filter("text:x", NOON)):
        with pytest.raises(RefusalError) as caught:
            await world.log.counts.facets(nobody, wanted, NOON - HOUR, NOON)
        assert caught.value.outcome is ORGANIZATION_NOT_FOUND
