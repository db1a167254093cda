from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.tenancy.narrowing import columns_of, from_columns, within

_NAMES = ("alpha", "beta", "gamma")
_EVENTS = ("messages.upsert", "messages.update", "messages.update.status", "chats.upsert", "messages", "x.*")
_PATTERNS = (*_EVENTS, "messages.*", "messages.update.*", "chats.*")


def _filters() -> st.SearchStrategy[EventFilter]:
    return st.builds(
        EventFilter,
        st.none() | st.frozensets(st.sampled_from(_NAMES), min_size=1),
        st.none() | st.frozensets(st.sampled_from(_PATTERNS), min_size=1),
    )


def _taken(wanted: EventFilter) -> set[tuple[str, str]]:
    return {(name, event) for name in _NAMES for event in _EVENTS if wanted.matches(name, event)}


@given(_filters(), _filters())
def test_what_is_within_takes_what_both_take_and_no_more(outer: EventFilter, asked: EventFilter) -> None:
    granted = within(outer, asked)
    if granted is not None:
        assert _taken(granted) == _taken(outer) & _taken(asked)


@given(_filters(), _filters())
def test_only_what_asks_for_more_is_refused(outer: EventFilter, asked: EventFilter) -> None:
    every = EventFilter(asked.instances or outer.instances, asked.events or outer.events)
    fits = _taken(every) <= _taken(outer)
    if within(outer, asked) is not None:
        assert fits
    else:
        names = asked.instances is not None and outer.instances is not None and not asked.instances <= outer.instances
        assert names or asked.events is not None


@given(_filters())
def test_all_and_oneself_are_always_within(wanted: EventFilter) -> None:
    assert within(wanted, EVERYTHING) == wanted
    assert within(wanted, wanted) == wanted
    assert within(EVERYTHING, wanted) == wanted


@pytest.mark.parametrize(
    ("outer", "asked", "is_within"),
    [
        (["messages.*"], ["messages.upsert"], True),
        (["messages.*"], ["messages.update.*"], True),
        (["messages.*"], ["messages.*", "chats.upsert"], False),
        (["messages.*"], ["messages"], False),
        (["messages.*"], ["messagesx.upsert"], False),
        (["messages.upsert"], ["messages.*"], False),
        (["messages.upsert"], ["messages.upsert.x"], False),
    ],
)
def test_a_family_covers_what_it_takes(outer: list[str], asked: list[str], is_within: bool) -> None:
    granted = within(EventFilter.of(None, outer), EventFilter.of(None, asked))
    assert (granted is not None) is is_within


def test_a_star_is_all_that_the_outer_one_has() -> None:
    outer = EventFilter.of(["alpha"], ["messages.*"])
    assert within(outer, EventFilter.of(["alpha"], ["*"])) == outer


@given(st.builds(EventFilter, st.none() | st.frozensets(st.text(min_size=1)), st.none() | st.frozensets(st.text())))
def test_what_is_stored_comes_back(wanted: EventFilter) -> None:
    columns = columns_of(wanted)
    assert from_columns(columns["instances"], columns["events"]) == wanted
    assert all(text is None or text.isascii() for text in columns.values())


def test_a_lone_surrogate_in_a_name_is_kept() -> None:
    wanted = EventFilter(frozenset({"\ud800", "\x00"}))
    columns = columns_of(wanted)
    assert from_columns(columns["instances"], columns["events"]) == wanted
