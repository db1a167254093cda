"""What becomes of each event, as its organization chose."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.log_world import decoded

from ponteio import sieve as sieve_module
from ponteio.model.event import AddressedEvent, PassingEvent
from ponteio.model.event_policy import EventChoices, EventPolicy
from ponteio.observe.counters import Counters
from ponteio.sieve import Sieve

STORED, PASSING, DROPPED, SILENT = (
    EventPolicy("*"),
    EventPolicy("*", store=False),
    EventPolicy("*", store=False, push=False),
    EventPolicy("*", push=False),
)


class World:
    """A sieve over two organizations whose choices can be changed."""

    def __init__(self) -> None:
        self.chosen: dict[str, EventChoices] = {}
        self.counters = Counters()
        self.sieve = Sieve(lambda organization_id: self.chosen.get(organization_id, EventChoices()), self.counters)

    def choose(self, organization_id: str, *policies: EventPolicy) -> None:
        self.chosen[organization_id] = EventChoices(policies)

    def sift(self, *events: AddressedEvent) -> tuple[list[AddressedEvent], list[PassingEvent]]:
        """As the corridor does: what is to be stored is."""
        sifted = self.sieve.sift(events)
        self.sieve.stored(sifted.to_store)
        return sifted.to_store, sifted.passing


def event(number: int, name: str = "messages.upsert", organization_id: str = "acme") -> AddressedEvent:
    return AddressedEvent(organization_id, "inst", decoded(organization_id, number, name))


def test_each_goes_where_its_organization_says() -> None:
    world = World()
    world.choose("acme", DROPPED, EventPolicy("messages.*"), EventPolicy("presence.*", store=False))
    batch = [event(1), event(2, "presence.update"), event(3, "call"), event(4, "call", "rival"), event(5)]
    stored, passing = world.sift(*batch)
    assert stored == [batch[0], batch[3], batch[4]]
    assert passing == [PassingEvent.of(batch[1])]
    assert world.counters.totals == {"events_live_only.presence.update": 1, "events_dropped.call": 1}


def test_what_is_stored_and_not_pushed_is_stored() -> None:
    world = World()
    world.choose("acme", SILENT)
    assert world.sift(event(1)) == ([event(1)], [])


def test_unknown_names_are_counted_together() -> None:
    world = World()
    world.choose("acme", PASSING)
    world.sift(*(event(number, f"made.up.{number}") for number in range(5)))
    assert world.counters.totals == {"events_live_only.other": 5}


def test_what_comes_twice_is_shown_once() -> None:
    world = World()
    world.choose("acme", PASSING)
    assert len(world.sift(event(1), event(2), event(1))[1]) == 2
    assert world.sift(event(2), event(3))[1] == [PassingEvent.of(event(3))]
    assert world.counters.total("events_duplicate") == 2


@pytest.mark.parametrize("first", [STORED, PASSING, DROPPED])
@pytest.mark.parametrize("then", [PASSING, DROPPED, STORED])
def test_the_choice_at_its_first_coming_is_that_of_its_repetition(first: EventPolicy, then: EventPolicy) -> None:
    """What the log has it recognises itself: only there may the repetition come so far."""
    world = World()
    world.choose("acme", first)
    world.sift(event(1))
    world.choose("acme", then)
    stored, passing = world.sift(event(1))
    assert passing == []
    assert (stored == []) != (first is then is STORED)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve_module, "REMEMBERED", 10)
    world = World()
    world.choose("acme", PASSING)
    for number in range(100):
        world.sift(event(number))
    assert world.sift(*(event(number) for number in range(90, 100)))[1] == []
    assert len(world.sift(*(event(number) for number in range(80, 90)))[1]) == 10


@given(seed=st.integers(0, 2**32 - 1), repeats=st.integers(0, 3))
def test_nothing_is_lost_and_nothing_twice_while_choices_change(seed: int, repeats: int) -> None:
    """Each event ends in exactly one way, whatever is chosen meanwhile and however often it comes."""
    dice, world = random.Random(seed), World()
    log: set[bytes] = set()
    ends: Counter[bytes] = Counter()
    coming = [number for number in range(20) for _ in range(repeats + 1)]
    dice.shuffle(coming)
    for number in coming:
        if dice.random() < 0.3:
            world.choose("acme", dice.choice([STORED, PASSING, DROPPED, SILENT]))
        dropped = sum(world.counters.under("events_dropped.").values())
        sifted = world.sieve.sift([event(number)])
        new = [one for one in sifted.to_store if one.decoded.fingerprint not in log]
        log |= {one.decoded.fingerprint for one in new}
        world.sieve.stored(sifted.to_store)
        ways = len(new) + len(sifted.passing) + sum(world.counters.under("events_dropped.").values()) - dropped
        ends[event(number).decoded.fingerprint] += ways
    assert set(ends.values()) == {1}
    assert len(ends) == 20


def test_what_passes_holds_what_the_event_held() -> None:
    one = replace(decoded("acme", 7, "presence.update"), sender="5511@s.whatsapp.net", extra=b'{"progress":1}')
    passing = PassingEvent.of(AddressedEvent("acme", "inst", one))
    assert (passing.instance, passing.event, passing.sender) == (one.instance, one.event, one.sender)
    assert (passing.data, passing.extra, passing.origin) == (one.data, one.extra, "live")
    assert (passing.occurred_at, passing.received_at, passing.date_time) == (
        one.occurred_at,
        one.received_at,
        one.date_time,
    )
