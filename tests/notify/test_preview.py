from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.alert import Condition, Hours, RuleTerms, Subject, SubjectKind
from ponteio.notify.incident_machine import IDLE, Glance, Move, Terms, step
from ponteio.notify.preview import simulated
from ponteio.notify.preview_sources import Troubles
from ponteio.notify.spans import TroubleSpan, merged

START = datetime(2026, 11, 17, 12, tzinfo=UTC)
END = START + timedelta(days=7)
CALM = timedelta(seconds=30)
SHOP = Subject(SubjectKind.INSTANCE, "loja-01")


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def span(begin: float, end: float) -> TroubleSpan:
    return TroubleSpan(at(begin), at(end))


def fired(terms: RuleTerms, *spans: TroubleSpan, unseen: list[TroubleSpan] | None = None) -> list[float]:
    """In which minutes."""
    troubles = Troubles({SHOP: list(spans)}, {} if unseen is None else {"loja-01": unseen})
    found = simulated(troubles, terms, CALM, START, END)
    return [(moment - START) / timedelta(minutes=1) for moment, _ in found]


def test_trouble_fires_once_it_has_lasted() -> None:
    terms = RuleTerms(Condition.DOWN, for_s=300)
    assert fired(terms, span(0, 4)) == []
    assert fired(terms, span(0, 6), span(60, 70)) == [5, 65]
    assert fired(terms, span(10, 6 * 24 * 60)) == [15]


def test_flapping_fires_once() -> None:
    terms = RuleTerms(Condition.DOWN, for_s=0, reopen_s=600)
    assert fired(terms, *(span(minute, minute + 0.7) for minute in range(60))) == [0]


def test_hours_are_those_of_the_rule() -> None:
    hours = Hours(frozenset(range(7)), 14 * 60, 15 * 60, "UTC")
    terms = RuleTerms(Condition.DOWN, for_s=300, hours=hours)
    assert fired(terms, span(0, 60)) == []
    assert fired(terms, span(0, 125)) == [120], "it has lasted long enough when the hours begin"
    assert fired(terms, span(150, 160)) == [155]
    assert fired(terms, span(179, 200)) == []


def test_what_was_not_to_be_seen_fires_nothing_and_ends_nothing() -> None:
    terms = RuleTerms(Condition.DOWN, for_s=300)
    assert fired(terms, span(0, 60), unseen=[span(0, 30)]) == [30]
    assert fired(terms, span(0, 20), span(40, 60), unseen=[span(10, 45)]) == [5]


def test_when_time_is_over_the_rest_is_left_out() -> None:
    troubles = Troubles({SHOP: [span(0, 60)]})
    assert simulated(troubles, RuleTerms(Condition.DOWN), CALM, START, END, lambda: False) == []


pieces = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=10).map(
    lambda pairs: merged(span(begin, begin + length) for begin, length in pairs)
)


@given(pieces, st.integers(0, 20), st.integers(0, 20))
def test_a_preview_says_what_a_watch_that_looked_every_second_would(
    spans: list[TroubleSpan], lasts: int, reopen: int
) -> None:
    """Within the second between two looks."""
    terms = RuleTerms(Condition.DOWN, for_s=lasts * 60, reopen_s=reopen * 60)
    machine = Terms(timedelta(minutes=lasts), CALM, timedelta(minutes=reopen))
    memory, watched = IDLE, []
    for seconds in range(0, 400 * 60, 10):
        now = START + timedelta(seconds=seconds)
        since = next((one.from_at for one in spans if one.from_at <= now < one.to_at), None)
        memory, move = step(memory, Glance(now, since), machine)
        if move in (Move.OPENED, Move.REOPENED):
            watched.append(seconds / 60)
    assert fired(terms, *spans) == watched
