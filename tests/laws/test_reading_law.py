"""What readers see, against a model that is a list in memory."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.log_world import decoded

from ponteio.eventlog import reading
from ponteio.eventlog.log import EventLog
from ponteio.model.event import AddressedEvent, StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory

_INSTANCES = ["alpha", "Alpha", "a,b", "a/b 'q' \"d\"", "ação 😀", "nul\x00", "%_", "*"]
_EVENTS = [
    "messages.upsert",
    "messages.update",
    "MESSAGES.upsert",
    "messagesXupsert",
    "messages",
    "messages.",
    "%.x",
    "é.\x00",
]
_PATTERNS = [*_EVENTS, "messages.*", "%.*", "MESSAGES.*", "é.*", "_essages.*", "*"]

_occurrences = st.lists(
    st.tuples(st.sampled_from(_INSTANCES), st.sampled_from(_EVENTS), st.integers(0, 60)), max_size=40
)
_filters = st.builds(
    EventFilter.of,
    st.none() | st.lists(st.sampled_from([*_INSTANCES, "nobody"]), min_size=1, max_size=4),
    st.none() | st.lists(st.sampled_from(_PATTERNS), min_size=1, max_size=4),
)
_serial = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(occurrences=_occurrences, wanted=_filters, limit=st.integers(1, 9), max_bytes=st.integers(1, 200))
async def test_pages_add_up_to_what_a_list_would_say(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    occurrences: list[tuple[str, str, int]],
    wanted: EventFilter,
    limit: int,
    max_bytes: int,
) -> None:
    """I11: page by page, each bounded, in order, nothing twice, nothing left out that the filter wants."""
    monkeypatch.setattr(reading, "SCAN", 7)
    directory, log = Directory(database), EventLog(database)
    organization = await directory.create_organization(f"organization {next(_serial)}")
    scope = directory.scope_of(organization.organization_id)
    events = [
        decoded(instance, next(_serial), event, data=b'"%s"' % (b"x" * size), sender=f"{event}\x00{instance}")
        for instance, event, size in occurrences
    ]
    stored = (await log.append([AddressedEvent(scope.organization_id, "any", event) for event in events])).stored
    model = [event for event in stored if wanted.matches(event.instance, event.event)]

    seen: list[StoredEvent] = []
    cursor, more = None, True
    while more:
        page = await log.read_after(scope, cursor, limit=limit, max_bytes=max_bytes, filter=wanted)
        assert len(page.events) <= limit
        assert sum(len(event.data) for event in page.events) <= max_bytes or len(page.events) == 1
        assert page.head.seq == len(stored)
        assert page.more == (page.next != page.head)
        assert page.next.seq > (cursor.seq if cursor else 0) or not page.more
        seen += page.events
        cursor, more = page.next, page.more
    assert seen == model


async def test_a_filtered_reader_looks_at_a_bounded_stretch_and_does_not_rescan(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCAN", 10)
    directory, log = Directory(database), EventLog(database)
    organization = await directory.create_organization("alpha")
    scope = directory.scope_of(organization.organization_id)
    events = [decoded("alpha", number, "chats.update") for number in range(25)]
    await log.append([AddressedEvent(scope.organization_id, "any", event) for event in events])
    wanted = EventFilter.of(None, ["messages.*"])
    places = []
    cursor = None
    for _ in range(3):
        page = await log.read_after(scope, cursor, filter=wanted)
        assert page.events == []
        cursor = page.next
        places.append((page.next.seq, page.more))
    assert places == [(10, True), (20, True), (25, False)]
