from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.stored import EPOCH, stored
from tests.support.gateway_edge import event_of

from ponteio.live.damper import Damper, Damping
from ponteio.live.packets import Batch, EventPacket, batch_of
from ponteio.model.cursor import Cursor
from ponteio.model.identity import Limits, OrganizationScope, Principal
from ponteio.model.rights import CredentialKind
from ponteio.model.sight import ALL_SEEN, Sight

LIMITS = Limits(live_per_minute=60, live_burst=3)


def principal(kind: CredentialKind, live_per_minute: int | None = None) -> Principal:
    return Principal(kind, "id", frozenset(), OrganizationScope("org"), live_per_minute=live_per_minute)


@pytest.mark.parametrize("kind", [CredentialKind.SESSION, CredentialKind.TICKET, CredentialKind.JWT])
def test_browsers_are_damped_by_the_limits_of_their_organization(kind: CredentialKind) -> None:
    assert Damping.of(principal(kind), LIMITS) == Damping(60, 3)


def test_keys_are_free_of_it_unless_they_were_given_one() -> None:
    assert Damping.of(principal(CredentialKind.KEY), LIMITS) is None
    assert Damping.of(principal(CredentialKind.KEY, 7), LIMITS) == Damping(7, 7)
    assert Damping.of(principal(CredentialKind.KEY, 0), LIMITS) == Damping(0, 0)


def batch(*instances: str, first: int = 1) -> Batch:
    """Events of these instances, numbered from `first`."""
    events = [EventPacket(stored(first + n, instance=name), 1 << 20) for n, name in enumerate(instances)]
    return batch_of(events, ALL_SEEN, Cursor(EPOCH, first + len(instances) - 1))


def damper(per_minute: int = 60, burst: int = 3, max_instances: int = 100) -> Damper:
    return Damper(Damping(per_minute, burst), max_instances, 0.0)


def seqs(some: Batch) -> list[int]:
    return [event.seq for event in some.events]


def notices(of: Damper) -> list[Any]:
    found = [event_of(packet.encode()) for packet in of.notices()]
    assert all(name == "held" for name, _ in found)
    return [body for _, body in found]


def test_a_batch_of_which_nothing_is_held_is_passed_on_itself() -> None:
    """So that what is made once for all sockets stays so."""
    whole = batch("one", "two", "one")
    assert damper().strain(whole, ALL_SEEN, 0.0) is whole


def test_over_the_burst_events_are_held_and_the_cursor_moves_on() -> None:
    new = damper()
    passed = new.strain(batch(*["one"] * 6), ALL_SEEN, 0.0)
    assert (seqs(passed), passed.next.seq, len(passed.packets)) == ([1, 2, 3], 6, 3)
    assert notices(new) == [
        {"instance": "one", "from": f"{EPOCH}-4", "to": f"{EPOCH}-6", "count": 3, "code": "live_held"}
    ]
    assert notices(new) == []


def test_one_instance_in_a_storm_holds_back_no_other() -> None:
    new = damper()
    new.strain(batch(*["one"] * 5), ALL_SEEN, 0.0)
    whole = batch("two", "two", first=6)
    assert new.strain(whole, ALL_SEEN, 0.0) is whole


def test_the_rate_comes_back_with_time() -> None:
    new = damper(per_minute=60, burst=3)
    new.strain(batch(*["one"] * 3), ALL_SEEN, 0.0)
    assert seqs(new.strain(batch("one", "one", first=4), ALL_SEEN, 1.0)) == [4]
    assert seqs(new.strain(batch("one", "one", "one", "one", first=6), ALL_SEEN, 100.0)) == [6, 7, 8]


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 0), (0, 100), (100, 0)])
def test_zero_means_that_everything_is_held(per_minute: int, burst: int) -> None:
    new = damper(per_minute, burst)
    for turn in range(3):
        passed = new.strain(batch("one", first=turn + 1), ALL_SEEN, turn * 1_000.0)
        assert (passed.packets, passed.next.seq) == ([], turn + 1)


def test_what_is_sent_of_a_batch_is_as_the_reader_may_see_it() -> None:
    blind = Sight(content=False, pairing=False)
    events = [EventPacket(stored(seq, data=b'{"text":"secret"}'), 1 << 20) for seq in range(1, 6)]
    passed = damper().strain(batch_of(events, blind, Cursor(EPOCH, 5)), blind, 0.0)
    assert len(passed.packets) == 3
    assert not any("secret" in packet.encode() for packet in passed.packets)


def test_names_beyond_the_bound_share_one_allowance_and_memory_stays_bounded() -> None:
    new = damper(burst=2, max_instances=10)
    for number in range(10):
        new.strain(batch(f"i{number}"), ALL_SEEN, 0.0)
    sent = sum(len(new.strain(batch(f"new{number}"), ALL_SEEN, 0.0).packets) for number in range(50))
    assert sent == 2
    new.notices()
    assert len(new) == 10


def test_an_allowance_that_has_filled_up_again_makes_room() -> None:
    new = damper(per_minute=60, burst=2, max_instances=2)
    new.strain(batch("one", "two"), ALL_SEEN, 0.0)
    new.strain(batch("one", first=3), ALL_SEEN, 5.0)
    whole = batch("three", "three", first=4)
    assert new.strain(whole, ALL_SEEN, 5.0) is whole
    assert seqs(new.strain(batch("one", "one", "one", first=6), ALL_SEEN, 5.0)) == [6]


def test_it_says_when_too_many_notices_wait() -> None:
    new = damper(0, 0, max_instances=3)
    new.strain(batch("one", "two"), ALL_SEEN, 0.0)
    assert not new.is_full()
    new.strain(batch("three"), ALL_SEEN, 0.0)
    assert new.is_full()
    assert len(notices(new)) == 3
    assert not new.is_full()


def test_other_numbers_hold_at_once_and_the_same_change_nothing() -> None:
    new = damper(burst=3)
    new.strain(batch(*["one"] * 3), ALL_SEEN, 0.0)
    new.tune(Damping(60, 3), 0.0)
    assert new.strain(batch("one", first=4), ALL_SEEN, 0.0).packets == []
    new.tune(Damping(60, 1), 0.0)
    assert new.damping == Damping(60, 1)
    assert seqs(new.strain(batch("one", "one", first=5), ALL_SEEN, 0.0)) == [5]
    assert [(body["from"], body["to"], body["count"]) for body in notices(new)] == [(f"{EPOCH}-4", f"{EPOCH}-6", 2)]


STEPS = st.lists(
    st.tuples(st.floats(0, 30), st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=20)),
    min_size=1,
    max_size=30,
)


@given(STEPS, st.integers(0, 120), st.integers(0, 10), st.integers(1, 3), st.booleans())
def test_every_event_is_sent_or_counted_as_held_and_never_more_is_sent_than_allowed(
    steps: list[tuple[float, list[str]]], per_minute: int, burst: int, max_instances: int, asks_often: bool
) -> None:
    new, now, seq = damper(per_minute, burst, max_instances), 0.0, 0
    sent: dict[str, int] = {}
    held: dict[str, list[int]] = {}
    told: list[Any] = []
    for wait, instances in steps:
        now += wait
        before = batch(*instances, first=seq + 1)
        after = new.strain(before, ALL_SEEN, now)
        seq += len(instances)
        assert after.next.seq == seq
        for event in before.events:
            if event.seq in seqs(after):
                sent[event.instance] = sent.get(event.instance, 0) + 1
            else:
                held.setdefault(event.instance, []).append(event.seq)
        told += notices(new) if asks_often else []
    told += notices(new)
    for instance, amount in sent.items():
        if max_instances == 3:
            assert amount <= burst + per_minute / 60 * now + 1e-6, instance
    for instance, numbers in held.items():
        mine = [body for body in told if body["instance"] == instance]
        assert sum(body["count"] for body in mine) == len(numbers)
        assert (mine[0]["from"], mine[-1]["to"]) == (f"{EPOCH}-{numbers[0]}", f"{EPOCH}-{numbers[-1]}")
    assert {body["instance"] for body in told} == set(held)
