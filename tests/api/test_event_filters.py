"""The filter of a request: the grammar and the lists of names, together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.api.event_filters import FilterQuery, named, parse_cursor, wanted
from ponteio.model import outcome
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY, Filter
from ponteio.model.outcome import RefusalError

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_nothing_said_lets_everything_through() -> None:
    assert wanted(FilterQuery(), NOON) == EVERY
    assert wanted(FilterQuery(filter=" "), NOON) == EVERY


def test_what_is_said_must_all_hold() -> None:
    query = FilterQuery(filter="text:boleto OR fromMe:true", instance=["a", "b"], event=["messages.*"])
    assert wanted(query, NOON) == parse_filter("inst:a,b event:messages.* (text:boleto OR fromMe:true)", NOON)


def test_lists_alone_are_the_filter_that_they_were() -> None:
    assert wanted(FilterQuery(instance=["a"]), NOON) == Filter.of(EventFilter.of(["a"]))
    assert named(["a"], None) == EventFilter.of(["a"])


@pytest.mark.parametrize(
    ("query", "extra"),
    [
        (FilterQuery(filter="event:call colour:red"), {"position": 11}),
        (FilterQuery(filter="event:"), {"position": 6}),
        (FilterQuery(filter="("), {"position": 1}),
        (FilterQuery(event=["mess*"]), {}),
        (FilterQuery(instance=[""]), {}),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(query: FilterQuery, extra: dict[str, int]) -> None:
    with pytest.raises(RefusalError) as caught:
        wanted(query, NOON)
    assert caught.value.outcome is outcome.INVALID_FILTER
    assert {name: value for name, value in caught.value.extra.items() if name == "position"} == extra


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        assert str(parse_cursor(text)) == text
    except RefusalError as refusal:
        named_outcome = refusal.outcome
    else:
        return
    assert named_outcome is outcome.INVALID_CURSOR


HOSTILE = [
    "data.__proto__:x",
    "data.constructor.prototype:1",
    "data.$where:1",
    "inst:' OR 1=1 --",
    'text:"\' ; DROP TABLE events; --"',
    'text:"a* NEAR(b) AND c:d ^e"',
    "text:%_\\",
    'inst:"\x00"',
    'text:"\u202e\u0000\uffff"',
    "event:" + "a," * 499 + "a",
    "(" * 20 + "event:a" + ")" * 20,
    " ".join(f"inst:i{number}" for number in range(200)),
    "x" * 5_000,
    "(" * 2_000,
    "-" * 3_000,
    "NOT " * 500 + "event:a",
    'inst:"' + "\\" * 999,
    "since:-1h",
    "since:99999999999999999999d",
    "until:9999-99-99",
    "id:" + "9" * 3_000,
    "data." + "a." * 900 + "b:1",
    "data[999999999999999999999]:1",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_filters_are_understood_or_refused(text: str) -> None:
    try:
        assert isinstance(wanted(FilterQuery.model_construct(filter=text), NOON), Filter)
    except RefusalError as refusal:
        named_outcome = refusal.outcome
        assert len(refusal.detail) < 400  # noqa: PT017
    else:
        return
    assert named_outcome is outcome.INVALID_FILTER
