from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ponteio.eventlog.journal_buffer import HOUR, SINGLE, Draft, JournalBuffer
from ponteio.model.journal import JournalKind, JournalNote

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LOST, BACK = JournalKind.LINK_LOST, JournalKind.LINK_CONNECTED


def note(kind: JournalKind = LOST, at_s: float = 0, instance: str | None = "loja-01", **more: object) -> JournalNote:
    return JournalNote(kind, NOW + timedelta(seconds=at_s), "org_1", "main", instance, **more)  # type: ignore[arg-type]


def write_all(buffer: JournalBuffer, rows: dict[int, Draft], limit: int = 1_000) -> None:
    """What a database would have afterwards."""
    for draft in buffer.take(limit):
        if draft.entry_id is None:
            draft.entry_id = len(rows) + 1
        rows[draft.entry_id] = draft
        buffer.written([draft], [draft.count])


@given(
    st.lists(
        st.tuples(st.sampled_from([LOST, BACK]), st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", None])),
        max_size=200,
    ),
    st.integers(1, 30),
)
def test_nothing_is_lost_and_every_kind_is_counted(
    notes: list[tuple[JournalKind, str, str | None]], every: int
) -> None:
    buffer, rows = JournalBuffer(), dict[int, Draft]()
    for number, (kind, instance, reason) in enumerate(notes):
        buffer.add(note(kind, number, instance, reason=reason))
        if number % every == 0:
            write_all(buffer, rows, limit=3)
    write_all(buffer, rows)
    assert len(buffer) == 0
    told: dict[tuple[object, ...], int] = {}
    for kind, instance, reason in notes:
        told[kind, instance, reason] = told.get((kind, instance, reason), 0) + 1
    kept: dict[tuple[object, ...], int] = {}
    for draft in rows.values():
        sort = (draft.note.kind, draft.note.instance, draft.note.reason)
        kept[sort] = kept.get(sort, 0) + draft.count
        assert draft.last_at >= draft.note.at
    assert kept == told
    # Two instances, six sorts each at most beyond those that stand for themselves.
    assert len(rows) <= 2 * (SINGLE + 6)


def test_a_link_that_flaps_all_day_leaves_few_rows() -> None:
    buffer, rows = JournalBuffer(), dict[int, Draft]()
    for second in range(0, 86_400, 10):
        buffer.add(note(LOST, second, reason="transport_closed", detail=f"attempt {second}"))
        buffer.add(note(BACK, second + 5))
        if second % 600 == 0:
            write_all(buffer, rows)
    write_all(buffer, rows)
    assert len(rows) <= 24 * (SINGLE + 2)
    assert sum(draft.count for draft in rows.values()) == 2 * 8_640
    last = max(rows.values(), key=lambda draft: draft.last_at)
    assert last.last_at == NOW + timedelta(seconds=86_395)
    lost = [draft for draft in rows.values() if draft.note.kind is LOST and draft.count > 1]
    assert lost[-1].note.detail == "attempt 86390"  # what differs is that of the last time


def test_the_first_ones_stand_for_themselves() -> None:
    buffer = JournalBuffer()
    for second in range(SINGLE):
        buffer.add(note(LOST, second))
    assert [draft.count for draft in buffer.take(100)] == [1] * SINGLE
    buffer.add(note(LOST, SINGLE))
    assert [draft.count for draft in buffer.take(100)] == [1] * (SINGLE - 1) + [2]
    buffer.add(note(LOST, HOUR.total_seconds()))
    assert len(buffer.take(100)) == SINGLE + 1


def test_what_is_raised_while_it_is_being_written_is_written_again() -> None:
    buffer = JournalBuffer()
    for second in range(SINGLE):
        buffer.add(note(LOST, second))
    drafts = buffer.take(100)
    counts = [draft.count for draft in drafts]
    buffer.add(note(LOST, SINGLE))
    buffer.written(drafts, counts)
    (again,) = buffer.take(100)
    assert (again.count, again.written) == (2, 1)


def test_when_too_many_wait_the_oldest_go_and_that_is_said() -> None:
    buffer = JournalBuffer(max_waiting=5)
    for number in range(12):
        buffer.add(note(LOST, number, f"loja-{number}"))
    assert (len(buffer), buffer.dropped) == (5, 7)
    drafts = buffer.take(100)
    assert [draft.note.instance for draft in drafts] == ["loja-8", "loja-9", "loja-10", "loja-11", None]
    assert drafts[-1].note.kind is JournalKind.JOURNAL_DROPPED
    assert drafts[-1].note.detail == "7 entries were lost."
    # The word about it took the place of one more.
    assert buffer.dropped == 1
    # One that was dropped is not raised: it has no row.
    buffer.add(note(LOST, 20, "loja-0"))
    assert [draft.count for draft in buffer.take(100) if draft.note.instance == "loja-0"] == [1]


def test_memory_of_the_past_is_given_up() -> None:
    buffer = JournalBuffer()
    for number in range(30):
        buffer.add(note(LOST, 0, f"loja-{number}"))
    buffer.forget(NOW + timedelta(seconds=1))
    assert buffer._hours == {}
