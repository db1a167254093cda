"""What history finds, against what lets live events through."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.filter_drawing import DATA_BYTES, EVENTS, FILTERS, INSTANCES, LEAVES, NOON
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog import search, search_reading
from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.log import EventLog
from ponteio.model.event import Origin, StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.filter_match import matches
from ponteio.model.filter_tree import Filter, to_text
from ponteio.model.identity import OrganizationScope
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.storage.database import Database

SIGHTS = st.sampled_from([ALL_SEEN, Sight(content=False, pairing=False), Sight(content=True, pairing=False)])
ALLOWED = st.builds(
    EventFilter.of,
    st.none() | st.lists(st.sampled_from(INSTANCES), min_size=1, max_size=3),
    st.none() | st.lists(st.sampled_from([*EVENTS, "messages.*"]), min_size=1, max_size=3),
)
OCCURRENCES = st.lists(
    st.tuples(
        DATA_BYTES,
        st.sampled_from(EVENTS),
        st.sampled_from(INSTANCES),
        st.integers(-3600, 3600),
        st.sampled_from(list(Origin)),
    ),
    max_size=14,
)
_serial = itertools.count()


async def pages(
    log: EventLog, scope: OrganizationScope, wanted: Filter, limit: int, budget_s: float, *, newest_first: bool
) -> list[StoredEvent]:
    """Everything that a reader finds, page by page, in the order of the log."""
    found: list[StoredEvent] = []
    head = await log.head(scope)
    cursor = None if newest_first else head.at(0)
    while True:
        before, after = (cursor, None) if newest_first else (None, cursor)
        page = await log.search(scope, wanted, before=before, after=after, limit=limit, budget_s=budget_s)
        assert len(page.events) <= limit
        assert page.complete or page.next is not None
        found = page.events[::-1] + found if newest_first else found + page.events
        if page.next is None:
            return found
        assert cursor is None or (page.next.seq < cursor.seq if newest_first else page.next.seq > cursor.seq)
        cursor = page.next


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    before=OCCURRENCES,
    after=OCCURRENCES,
    wanted=st.lists(FILTERS | LEAVES.map(Filter), min_size=5, max_size=10),
    allowed=ALLOWED,
    sight=SIGHTS,
    limit=st.integers(1, 9),
    budget_s=st.sampled_from([0.0, 9.0]),
    newest_first=st.booleans(),
)
async def test_history_finds_what_a_live_filter_lets_through(
    search_world_: SearchWorld,
    before: list[tuple[bytes, str, str, int, Origin]],
    after: list[tuple[bytes, str, str, int, Origin]],
    wanted: list[Filter],
    allowed: EventFilter,
    sight: Sight,
    limit: int,
    budget_s: float,
    newest_first: bool,
) -> None:
    """I11: whatever is indexed and counted already, and however small the pages and the time for each."""
    world = search_world_
    whole = await world.organization(f"organization {next(_serial)} {secrets.token_hex(4)}")
    scope = replace(whole, allowed=allowed, sight=sight)
    stored = await world.put_all(whole, before)
    await world.indexer.catch_up()
    await EventCounter(world.database).catch_up()
    stored += await world.put_all(whole, after)
    for one in wanted:
        model = [e for e in stored if allowed.matches(e.instance, e.event) and matches(one, e, sight)]
        found = await pages(world.log, scope, one, limit, budget_s, newest_first=newest_first)
        assert found == model, to_text(one)


@pytest.fixture
async def search_world_(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SearchWorld]:
    monkeypatch.setattr(search, "_FIRST_WINDOW", 3)
    monkeypatch.setattr(search, "_CANDIDATES", 3)
    monkeypatch.setattr(search_reading, "ROWS", 4)
    monkeypatch.setattr(search_reading, "BYTES", 300)
    async with search_world(database, database_url) as world:
        yield world


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    occurrences=OCCURRENCES,
    wanted=FILTERS,
    step_s=st.sampled_from([1, 7, 60, 600, 3600, 7200, 86_400]),
    hours=st.integers(1, 3),
    offset_s=st.integers(-4000, 4000),
    counted=st.booleans(),
)
async def test_a_histogram_counts_what_passes(
    search_world_: SearchWorld,
    occurrences: list[tuple[bytes, str, str, int, Origin]],
    wanted: Filter,
    step_s: int,
    hours: int,
    offset_s: int,
    counted: bool,
) -> None:
    world = search_world_
    scope = await world.organization(f"organization {next(_serial)} {secrets.token_hex(4)}")
    stored = await world.put_all(scope, occurrences)
    if counted:
        await EventCounter(world.database, portion=5).catch_up()
    since = NOON + timedelta(seconds=offset_s)
    until = since + timedelta(hours=hours) * min(1.0, step_s / 3)
    found = await world.log.counts.histogram(scope, wanted, since, until, step_s, budget_s=9.0)
    assert found.complete
    assert found.since <= since
    end = found.since + timedelta(seconds=step_s * len(found.counts))
    assert until <= end

    def bucket(moment: datetime) -> int:
        return int((moment - found.since).total_seconds() // step_s)

    model = [0] * len(found.counts)
    for event in stored:
        if found.since <= event.received_at < end and matches(wanted, event, ALL_SEEN):
            model[bucket(event.received_at)] += 1
    assert found.counts == model, to_text(wanted)

    facets = await world.log.counts.facets(scope, wanted, since, until, budget_s=9.0)
    passing = [e for e in stored if since <= e.received_at < until and matches(wanted, e, ALL_SEEN)]
    assert facets.count == len(passing)
    assert facets.bytes == sum(len(event.data) for event in passing)
    assert facets.instances == {name: sum(e.instance == name for e in passing) for name in facets.instances}
    assert sum(facets.events.values()) == sum(facets.origins.values()) == len(passing)
