"""Slices of a log in either order: what their cursors promise holds whatever the filter and the size of a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.live.stored import EPOCH, stored
from tests.support.log_world import LogWorld, log_world

from ponteio.api.event_pages import EventSlice, newest_first, oldest_first
from ponteio.model.cursor import Cursor
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY, Filter
from ponteio.model.outcome import CURSOR_EXPIRED, INVALID_CURSOR, Outcome, RefusalError
from ponteio.model.sight import ALL_SEEN
from ponteio.storage.database import Database

NOW = datetime.now(UTC) + timedelta(days=1)
AMOUNT = 23
FILTERS = {
    "everything": EVERY,
    "names": Filter.of(EventFilter.of(None, ["messages.upsert"])),
    "data": parse_filter("data.n:1,2,5,6,7,13,21", NOW),
    "nothing": parse_filter("data.n:99", NOW),
}


@pytest.fixture
def dialect() -> str:
    return "sqlite"


@pytest.fixture
async def world(database: Database) -> LogWorld:
    opened = await log_world(database, "acme")
    for number in range(1, AMOUNT + 1):
        event = "messages.upsert" if number % 3 else "call"
        await opened.log.append(opened.batch("acme", [number], event))
    return opened


def expected(name: str) -> list[int]:
    return {
        "everything": list(range(1, AMOUNT + 1)),
        "names": [number for number in range(1, AMOUNT + 1) if number % 3],
        "data": [1, 2, 5, 6, 7, 13, 21],
        "nothing": [],
    }[name]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FILTERS)), st.integers(1, 9), st.integers(0, AMOUNT))
async def test_pages_in_both_orders_meet(world: LogWorld, name: str, limit: int, middle: int) -> None:
    """I11: `after` is strictly greater, `before` strictly less: what lies on both sides of a place is all there is."""
    log, scope, wanted = world.log, world.scope("acme"), FILTERS[name]
    place = (await log.head(scope)).at(middle)
    later, cursor, more = [], place, True
    while more:
        page = await oldest_first(log, scope, wanted, after=cursor, limit=limit)
        assert page.complete
        later += [event.seq for event in page.events]
        cursor, more = page.next, page.more
    assert cursor == page.head
    earlier, cursor, more = [], place.at(middle + 1), True
    while more:
        page = await newest_first(log, scope, wanted, before=cursor, limit=limit)
        earlier += [event.seq for event in page.events]
        cursor, more = page.next, page.more
    assert earlier[::-1] + later == expected(name)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FILTERS)), st.integers(1, 9), st.integers(0, AMOUNT))
async def test_the_way_back_leads_to_what_was_just_before(world: LogWorld, name: str, limit: int, start: int) -> None:
    log, scope, wanted = world.log, world.scope("acme"), FILTERS[name]
    place = (await log.head(scope)).at(start)
    forward = await oldest_first(log, scope, wanted, after=place, limit=limit)
    back = await newest_first(log, scope, wanted, before=forward.previous, limit=AMOUNT)
    assert [event.seq for event in back.events][::-1] == [seq for seq in expected(name) if seq <= start]
    backward = await newest_first(log, scope, wanted, before=place.at(start + 1), limit=limit)
    on = await oldest_first(log, scope, wanted, after=backward.previous, limit=AMOUNT)
    assert [event.seq for event in on.events] == [seq for seq in expected(name) if seq > start]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FILTERS)), st.integers(0, AMOUNT), st.integers(0, AMOUNT + 1), st.integers(1, 5))
async def test_between_two_places(world: LogWorld, name: str, low: int, high: int, limit: int) -> None:
    log, scope = world.log, world.scope("acme")
    head = await log.head(scope)
    found, cursor, more = [], head.at(low), True
    while more:
        page = await oldest_first(log, scope, FILTERS[name], after=cursor, before=head.at(high), limit=limit)
        found += [event.seq for event in page.events]
        cursor, more = page.next, page.more
    assert found == [seq for seq in expected(name) if low < seq < high]
    assert cursor.seq == max(high - 1, low)


@pytest.mark.parametrize("name", sorted(FILTERS))
async def test_places_that_are_none_are_refused_whatever_the_filter(world: LogWorld, name: str) -> None:
    log, scope = world.log, world.scope("acme")
    head = await log.head(scope)
    for place, outcome in ((Cursor("ffffffff", 1), CURSOR_EXPIRED), (head.at(AMOUNT + 1), INVALID_CURSOR)):
        assert await refusal(oldest_first(log, scope, FILTERS[name], after=place, limit=1)) is outcome
    assert await refusal(newest_first(log, scope, FILTERS[name], before=Cursor("ffffffff", 1), limit=1)) is (
        CURSOR_EXPIRED
    )


async def refusal(work: object) -> Outcome:
    with pytest.raises(RefusalError) as caught:
        await work  # type: ignore[misc]
    return caught.value.outcome


def test_a_slice_is_json_around_the_events_own_bytes() -> None:
    head = Cursor(EPOCH, 7)
    empty = EventSlice([], head, head, head, more=False, complete=True)
    assert orjson.loads(empty.json(ALL_SEEN)) == {
        "events": [],
        "next": f"{EPOCH}-7",
        "previous": f"{EPOCH}-7",
        "head": f"{EPOCH}-7",
        "more": False,
        "complete": True,
    }
    odd = stored(1, data=b'{"big":12345678901234567890123,"twice":1,"twice":2}')
    one = EventSlice([odd], head, head, head, more=True, complete=False)
    assert odd.data in one.json(ALL_SEEN)
