from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.filter_drawing import DATA_BYTES, EVENTS, FILTERS, INSTANCES, NOON, PATTERNS

from ponteio.model.event import StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_match import matches
from ponteio.model.filter_tree import EVERY, Filter, all_of, any_of, negation
from ponteio.model.sight import ALL_SEEN, Sight, metadata

BLIND = Sight(content=False, pairing=False)

UPSERT = {
    "key": {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": False, "id": "3EB0", "participant": "9:1@lid"},
    "pushName": "Maria",
    "message": {"conversation": "Seu boleto já venceu"},
    "messageTimestamp": 1763895600,
    "status": "READ",
}


def stored(
    data: Any = None, event: str = "messages.upsert", instance: str = "loja 1", origin: str = "live"
) -> StoredEvent:
    return StoredEvent(
        organization_id="org",
        epoch="0123abcd",
        seq=1,
        instance=instance,
        event=event,
        sender=None,
        date_time=None,
        occurred_at=NOON,
        received_at=NOON,
        origin=origin,
        data=orjson.dumps(UPSERT if data is None else data),
    )


STORED = st.builds(
    lambda data, event, instance, origin, age_s: replace(
        stored(None, event, instance, origin), data=data, received_at=NOON + timedelta(seconds=age_s)
    ),
    DATA_BYTES,
    st.sampled_from(EVENTS),
    st.sampled_from(INSTANCES),
    st.sampled_from(["live", "backfill"]),
    st.integers(-3700, 3700),
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "event:messages.upsert",
        "event:messages.*,call",
        'inst:"loja 1"',
        "inst:loja*",
        "origin:live",
        "fromMe:false",
        "chat:5511988887777",
        "chat:5511988887777@c.us",
        "chat:9@lid",
        "chat:9,77",
        "id:3EB0",
        "data.key.fromMe:false",
        "data.pushName:Maria",
        "data.messageTimestamp:1763895600",
        "data.messageTimestamp:1763895600.0",
        "data.*.id:3EB0",
        "text:boleto",
        "text:BOLETO",
        'text:"boleto JÁ"',
        "text:outro,venceu",
        "since:0s",
        "since:2h",
        "until:2026-11-23T12:00:00.000001Z",
        "event:call OR text:boleto",
        "-event:call",
        "-(event:call OR origin:backfill)",
    ],
)
def test_an_event_that_fits_passes(text: str) -> None:
    assert matches(parse_filter(text, NOON), stored(), ALL_SEEN)


@pytest.mark.parametrize(
    "text",
    [
        "event:messages",
        "event:MESSAGES.UPSERT",
        "inst:loja",
        "origin:backfill",
        "fromMe:true",
        "chat:551198888777",
        "chat:5511988887777@g.us",
        "id:3eb0",
        'data.key.fromMe:"false"',
        "data.key:null",
        "data.absent:null",
        "text:bolet",
        'text:"boleto venceu"',
        "until:0s",
        "since:2026-11-23T12:00:00.000001Z",
        "event:messages.upsert -fromMe:false",
        "-event:*",
    ],
)
def test_an_event_that_does_not_fit_does_not_pass(text: str) -> None:
    assert not matches(parse_filter(text, NOON), stored(), ALL_SEEN)


def test_an_element_of_an_array_is_enough() -> None:
    history = stored([{"key": {"id": "1"}}, UPSERT], "messages.set")
    for text in ("id:3EB0", "chat:5511988887777", "text:boleto", "data.pushName:Maria", "data[1].key.id:3EB0"):
        assert matches(parse_filter(text, NOON), history, ALL_SEEN)
    assert not matches(parse_filter("data[0].key.id:3EB0", NOON), history, ALL_SEEN)


@pytest.mark.parametrize("text", ["text:boleto", "data.pushName:Maria", "data.message.conversation:x"])
def test_content_is_not_there_for_whoever_may_not_see_it(text: str) -> None:
    wanted = parse_filter(text, NOON)
    assert not matches(wanted, stored(), BLIND)
    assert matches(Filter(negation(wanted.root)), stored(), BLIND)
    assert matches(parse_filter("id:3EB0 fromMe:false chat:9 data.status:READ", NOON), stored(), BLIND)


@given(FILTERS, STORED)
def test_a_filter_tells_nothing_of_what_is_withheld(wanted: Filter, event: StoredEvent) -> None:
    bare = replace(event, data=metadata(event.event, event.data))
    assert matches(wanted, event, BLIND) == matches(wanted, bare, ALL_SEEN)


@given(FILTERS, FILTERS, STORED)
def test_and_or_and_not_are_those_of_logic(left: Filter, right: Filter, event: StoredEvent) -> None:
    one, other = matches(left, event, ALL_SEEN), matches(right, event, ALL_SEEN)
    assert matches(left.also(right), event, ALL_SEEN) == (one and other)
    assert matches(Filter(all_of([left.root, right.root])), event, ALL_SEEN) == (one and other)
    assert matches(Filter(any_of([left.root, right.root])), event, ALL_SEEN) == (one or other)
    assert matches(Filter(negation(left.root)), event, ALL_SEEN) == (not one)


@given(
    st.none() | st.lists(st.sampled_from(INSTANCES), min_size=1),
    st.none() | st.lists(st.sampled_from(PATTERNS), min_size=1),
    STORED,
)
def test_instances_and_patterns_mean_the_same_in_both_filters(
    instances: list[str] | None, patterns: list[str] | None, event: StoredEvent
) -> None:
    plain = EventFilter.of(instances, patterns)
    assert matches(Filter.of(plain), event, ALL_SEEN) == plain.matches(event.instance, event.event)


@given(STORED)
def test_every_event_passes_no_filter(event: StoredEvent) -> None:
    assert matches(EVERY, event, ALL_SEEN)
    assert matches(EVERY, event, BLIND)


def test_data_is_read_once_for_all_who_see_alike() -> None:
    event = stored()
    assert event.facts(ALL_SEEN) is event.facts(ALL_SEEN)
    assert event.facts(BLIND) is event.facts(BLIND)
    assert event.facts(BLIND) is not event.facts(ALL_SEEN)
