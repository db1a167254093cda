from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.stored import AT, EPOCH, stored

from ponteio.live.packets import EventPacket
from ponteio.live.question import Question, Questions
from ponteio.live.ring import Ring
from ponteio.live.view import View
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.identity import OrganizationScope
from ponteio.model.sight import Sight

WHOLE = OrganizationScope("org")
QUESTIONS = Questions()
EVERYTHING = View.of(WHOLE, EventFilter.of(), QUESTIONS)
ONE = View.of(WHOLE, EventFilter.of(["one"]), QUESTIONS)
RED = View.of(WHOLE, parse_filter("inst:one data.colour:red", AT), QUESTIONS)


def packet(seq: int, instance: str = "one", size: int = 10) -> EventPacket:
    return EventPacket(stored(seq, instance=instance, data=b'"%b"' % (b"x" * size)), 1 << 20)


def ring(last: int = 0, *, max_events: int = 5, max_bytes: int = 1 << 20, batch_bytes: int = 1 << 20) -> Ring:
    return Ring(Cursor(EPOCH, last), max_events=max_events, max_bytes=max_bytes, batch_bytes=batch_bytes)


def test_a_new_ring_holds_what_follows_its_beginning_and_nothing_before() -> None:
    new = ring(7)
    assert new.holds(Cursor(EPOCH, 7))
    assert not new.holds(Cursor(EPOCH, 6))
    assert not new.holds(Cursor("ffffffff", 7))
    assert new.batch(Cursor(EPOCH, 7), EVERYTHING).next == Cursor(EPOCH, 7)


@pytest.mark.parametrize("seq", [7, 9])
def test_a_ring_takes_no_hole_and_no_repeat(seq: int) -> None:
    """I2: the numbers of an organization are dense."""
    with pytest.raises(ValueError, match="no holes"):
        ring(7).append(packet(seq))


def test_the_oldest_make_room_by_number() -> None:
    full = ring(max_events=3)
    for seq in range(1, 6):
        full.append(packet(seq))
    assert len(full) == 3
    assert full.holds(Cursor(EPOCH, 2))
    assert not full.holds(Cursor(EPOCH, 1))


def test_the_oldest_make_room_by_bytes_even_all_of_them() -> None:
    small = ring(max_bytes=4_000)
    small.append(packet(1, size=1_000))
    small.append(packet(2, size=1_000))
    assert len(small) == 1
    assert small.size == packet(2, size=1_000).held
    small.append(packet(3, size=5_000))
    assert (len(small), small.size, small.last.seq) == (0, 0, 3)


def test_a_cursor_ahead_of_the_ring_gets_nothing_twice() -> None:
    """I3: a socket whose head was read before the announcement arrived is not sent that event."""
    new = ring(3)
    ahead = Cursor(EPOCH, 5)
    assert new.holds(ahead)
    for seq in (4, 5):
        new.append(packet(seq))
        assert new.batch(ahead, EVERYTHING).packets == []
    new.append(packet(6))
    assert len(new.batch(ahead, EVERYTHING).packets) == 1


def test_a_batch_ends_with_the_event_that_fills_it() -> None:
    new = ring(batch_bytes=2_500)
    for seq in range(1, 6):
        new.append(packet(seq, size=1_000))
    batch = new.batch(Cursor(EPOCH, 0), EVERYTHING)
    assert (len(batch.packets), batch.next.seq) == (3, 3)
    assert new.batch(batch.next, EVERYTHING).next.seq == 5


def test_what_the_filter_leaves_out_moves_the_cursor() -> None:
    new = ring()
    for seq in range(1, 4):
        new.append(packet(seq, instance="two"))
    batch = new.batch(Cursor(EPOCH, 0), ONE)
    assert (batch.packets, batch.next.seq) == ([], 3)


def test_sockets_at_the_same_place_share_one_batch_until_the_next_event() -> None:
    new = ring()
    new.append(packet(1))
    first = new.batch(Cursor(EPOCH, 0), EVERYTHING)
    assert new.batch(Cursor(EPOCH, 0), EVERYTHING) is first
    new.append(packet(2))
    assert len(new.batch(Cursor(EPOCH, 0), EVERYTHING).packets) == 2


def test_readers_with_another_sight_get_batches_of_their_own_and_share_those() -> None:
    new = ring()
    new.append(packet(1, "one", 10))
    blind = View.of(OrganizationScope("org", sight=Sight(content=False)), EventFilter.of(), QUESTIONS)
    reduced = new.batch(Cursor(EPOCH, 0), blind)
    assert reduced is new.batch(Cursor(EPOCH, 0), blind)
    assert reduced.packets[0] is not new.batch(Cursor(EPOCH, 0), EVERYTHING).packets[0]
    assert "withheld" in reduced.packets[0].encode()


def test_what_a_scope_does_not_allow_is_not_in_a_batch_whatever_the_filter_says() -> None:
    """I4: a filter narrows, it never widens."""
    new = ring()
    for seq, instance in enumerate(["one", "two", "one"], start=1):
        new.append(packet(seq, instance))
    narrowed = OrganizationScope("org", EventFilter.of(["two"]))
    for wanted, seqs in ((EventFilter.of(), [2]), (EventFilter.of(["one"]), []), (EventFilter.of(["one", "two"]), [2])):
        batch = new.batch(Cursor(EPOCH, 0), View.of(narrowed, wanted, QUESTIONS))
        assert [event.seq for event in batch.events] == seqs
        assert batch.next.seq == 3


def test_few_batches_are_kept_however_many_places_are_asked_for() -> None:
    new = ring(max_events=100)
    for seq in range(1, 51):
        new.append(packet(seq))
    for seq in range(50):
        new.batch(Cursor(EPOCH, seq), EVERYTHING)
    assert len(new._batches) <= 8


def test_a_restart_forgets_everything_even_the_epoch() -> None:
    new = ring()
    new.append(packet(1))
    new.batch(Cursor(EPOCH, 0), EVERYTHING)
    new.restart(Cursor("ffffffff", 4))
    assert (len(new), new.size, new.last) == (0, 0, Cursor("ffffffff", 4))
    assert not new.holds(Cursor(EPOCH, 1))
    assert new.batch(Cursor("ffffffff", 4), EVERYTHING).packets == []


@given(
    st.lists(st.tuples(st.sampled_from(["one", "two"]), st.integers(0, 300)), max_size=40),
    st.integers(0, 40),
    st.sampled_from([EVERYTHING, ONE, View.of(WHOLE, EventFilter.of(None, ["messages.*"]), QUESTIONS)]),
)
def test_reading_batch_by_batch_gives_what_a_list_would(
    events: list[tuple[str, int]], after: int, wanted: View
) -> None:
    new = ring(max_events=10, max_bytes=6_000, batch_bytes=500)
    kept = []
    for seq, (instance, size) in enumerate(events, start=1):
        new.append(packet(seq, instance, size))
        kept.append((seq, instance))
    cursor = Cursor(EPOCH, min(after, len(events)))
    if not new.holds(cursor):
        return
    expected = [seq for seq, instance in kept if seq > cursor.seq and wanted.shows(instance, "messages.upsert")]
    found = 0
    while cursor.seq < len(events):
        batch = new.batch(cursor, wanted)
        assert batch.next.seq > cursor.seq
        found += len(batch.packets)
        cursor = batch.next
    assert found == len(expected)


def coloured(seq: int, colour: str, instance: str = "one", size: int = 0, max_bytes: int = 1 << 20) -> EventPacket:
    data = b'{"colour":"%b","padding":"%b"}' % (colour.encode(), b"x" * size)
    return EventPacket(stored(seq, instance=instance, data=data), max_bytes)


def shown(ring: Ring, after: int, view: View) -> list[int]:
    return [event.seq for event in ring.batch(Cursor(EPOCH, after), view).events]


def test_a_filter_that_looks_into_events_is_asked_about_those_whose_names_fit() -> None:
    new = ring()
    asked = []
    for seq, (instance, colour) in enumerate([("one", "red"), ("one", "blue"), ("two", "red"), ("one", "red")], 1):
        event = coloured(seq, colour, instance)
        new.append(event)
        asked.append(event)
    assert shown(new, 0, RED) == [1, 4]
    assert shown(new, 1, RED) == [4]
    assert [event._verdicts is not None for event in asked] == [True, True, False, True]
    assert new.batch(Cursor(EPOCH, 0), RED).next == Cursor(EPOCH, 4)


def test_a_verdict_is_worked_out_once_for_all_who_ask_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    new = ring()
    calls: list[int] = []
    new.append(coloured(1, "red"))
    new.append(coloured(2, "blue"))
    assert RED.question is not None
    plain = Question.passes

    def counted(question: Question, event: StoredEvent) -> bool:
        calls.append(event.seq)
        return plain(question, event)

    monkeypatch.setattr(Question, "passes", counted)
    again = View.of(WHOLE, parse_filter("data.colour:red inst:one", AT), QUESTIONS)
    for after in (0, 1, 0, 1):
        new.batch(Cursor(EPOCH, after), RED)
        new._batches.clear()
    assert calls == [1, 2]
    assert again.question is not RED.question
    new.batch(Cursor(EPOCH, 0), again)
    assert calls == [1, 2, 1, 2]


def test_an_event_that_is_too_large_to_be_asked_about_stops_only_those_who_ask() -> None:
    new = ring()
    new.append(coloured(1, "red", size=10, max_bytes=300))
    new.append(coloured(2, "red", size=400, max_bytes=300))
    new.append(coloured(3, "red", size=10, max_bytes=300))
    assert shown(new, 0, ONE) == [1, 2, 3]
    assert new.serves(Cursor(EPOCH, 1), ONE)
    assert shown(new, 0, RED) == [1]
    assert new.batch(Cursor(EPOCH, 0), RED).next == Cursor(EPOCH, 1)
    assert not new.serves(Cursor(EPOCH, 1), RED), "the log must tell"
    assert new.serves(Cursor(EPOCH, 2), RED)
    assert shown(new, 2, RED) == [3]
    two = View.of(WHOLE, parse_filter("inst:two data.colour:red", AT), QUESTIONS)
    assert new.serves(Cursor(EPOCH, 1), two), "its name is enough to leave it out"
    assert shown(new, 0, two) == []
    assert new.serves(Cursor(EPOCH, 3), RED)
    assert not new.serves(Cursor("ffffffff", 1), RED)


def test_facts_are_kept_of_a_few_events_only() -> None:
    new = ring(max_events=200, max_bytes=1 << 24, batch_bytes=1 << 24)
    events = [coloured(seq, "red", size=8_000) for seq in range(1, 101)]
    for event in events:
        new.append(event)
    assert len(shown(new, 0, RED)) == 100
    warm = [event for event in events if event.is_warm]
    assert warm == events[-len(warm) :]
    assert 0 < sum(event.held for event in warm) <= 64 * 1024
    new.restart(Cursor(EPOCH, 100))
    assert not any(event.is_warm for event in events)
