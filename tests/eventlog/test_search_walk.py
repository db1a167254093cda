from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.filter_drawing import NOON

from ponteio.eventlog.search_reading import Stretch
from ponteio.eventlog.search_walk import Question, Walk
from ponteio.eventlog.term_index import AllTerms, Term
from ponteio.model.event import StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY
from ponteio.model.identity import OrganizationScope

SCOPE = OrganizationScope("org")
EVENT = StoredEvent("org", "0123abcd", 1, "alpha", "call", None, None, NOON, NOON, "live", b"12345")


def walk(low: int, high: int, *, newest_first: bool, limit: int = 10, max_bytes: int = 1000) -> Walk:
    question = Question.of(SCOPE, EVERY, "0123abcd", "sqlite", None, newest_first=newest_first)
    return Walk(question, low, high, limit, max_bytes)


def events(*seqs: int) -> list[StoredEvent]:
    return [replace(EVENT, seq=seq) for seq in seqs]


def test_a_question_is_what_is_wanted_within_the_scope() -> None:
    scope = replace(SCOPE, allowed=EventFilter.of(["alpha"], ["call"]))
    question = Question.of(scope, parse_filter("since:1h", NOON), "0123abcd", "sqlite", None, newest_first=True)
    assert question.condition.parameters == ("alpha", "call", "2026-11-23T11:00:00.000000Z")
    assert question.query == AllTerms((Term(b"i:alpha"), Term(b"e:call")))
    assert question.passes(EVENT)
    assert not question.passes(replace(EVENT, instance="beta"))
    assert not question.passes(replace(EVENT, event="messages.upsert"))


def test_beginnings_of_names_are_names_where_these_are_known() -> None:
    wanted = parse_filter("inst:al*", NOON)
    unknown = Question.of(SCOPE, wanted, "0123abcd", "sqlite", None, newest_first=True)
    known = Question.of(SCOPE, wanted, "0123abcd", "sqlite", ["alpha", "beta"], newest_first=True)
    assert unknown.query is None
    assert known.query == Term(b"i:alpha")
    assert known.passes(EVENT)


def test_windows_end_where_the_index_begins() -> None:
    assert walk(1, 100, newest_first=True).window(10, indexed=95) == Stretch("org", "0123abcd", 96, 100)
    assert walk(1, 100, newest_first=True).window(10, indexed=0) == Stretch("org", "0123abcd", 91, 100)
    assert walk(98, 100, newest_first=True).window(10, indexed=0) == Stretch("org", "0123abcd", 98, 100)
    assert walk(5, 100, newest_first=False).window(10, indexed=0) == Stretch("org", "0123abcd", 5, 14)
    assert walk(1, 50, newest_first=True).indexed_part(95) == Stretch("org", "0123abcd", 1, 50)
    assert walk(1, 100, newest_first=False).indexed_part(95) == Stretch("org", "0123abcd", 1, 95)


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_walk_goes_on_behind_what_it_looked_at(newest_first: bool) -> None:
    it = walk(1, 9, newest_first=newest_first)
    reached = 5
    it.take(events(7 if newest_first else 3), reached)
    assert it.at == (4 if newest_first else 6)
    assert not it.is_over
    it.leap(0 if newest_first else 10)
    assert it.is_over


def test_a_full_walk_goes_on_behind_the_last_event() -> None:
    it = walk(1, 9, newest_first=True, limit=2)
    it.take(events(9, 8, 7), 1)
    assert [event.seq for event in it.found] == [9, 8]
    assert it.is_full
    assert it.at == 7


def test_bytes_are_bounded_and_one_event_always_fits() -> None:
    it = walk(1, 9, newest_first=True, max_bytes=12)
    it.take(events(9, 8, 7), 1)
    assert [event.seq for event in it.found] == [9, 8]
    assert it.is_full
    assert it.at == 7
    it = walk(1, 9, newest_first=True, max_bytes=0)
    assert not it.is_full
    it.take(events(9, 8), 1)
    assert [event.seq for event in it.found] == [9]
    assert it.at == 8


def test_nothing_to_walk_is_over_at_once() -> None:
    assert walk(1, 0, newest_first=True).is_over
    assert walk(1, 0, newest_first=False).is_over
