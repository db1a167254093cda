"""A refused filter points at the place, whatever is there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model import outcome
from ponteio.model.filter import EventFilter, FilterError
from ponteio.model.filter_language import FilterSyntaxError, parse_filter
from ponteio.model.filter_refusal import filter_refusal, shown

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_the_place_is_between_brackets_and_in_the_extra() -> None:
    text = "event:messages.* colour:red since:2h"
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text, NOON)
    refusal = filter_refusal(caught.value, text)
    assert refusal.outcome is outcome.INVALID_FILTER
    position, length = refusal.extra["position"], refusal.extra["length"]
    assert isinstance(position, int)
    assert isinstance(length, int)
    assert text[position : position + length] in ("colour", "colour:", "colour:red")
    assert "event:messages.* ⟨colour" in refusal.detail


def test_lists_that_are_no_filter_have_no_place() -> None:
    with pytest.raises(FilterError) as caught:
        EventFilter.of([], None)
    refusal = filter_refusal(caught.value, where="auth.filter")
    assert refusal.detail == "auth.filter: instances must have between 1 and 500 items"
    assert refusal.extra == {}


def test_long_texts_are_cut_around_the_place() -> None:
    assert shown("a" * 30 + "!" + "b" * 30, 30, 1) == f"…{'a' * 24}⟨!⟩{'b' * 24}…"
    assert shown("x" * 100, 0, 100) == f"⟨{'x' * 24}…⟩"
    assert shown("abc", 3, 1) == "abc⟨⟩"


@given(st.text(max_size=120), st.integers(0, 200), st.integers(-3, 200))
def test_any_place_in_any_text_is_one_printable_line(text: str, position: int, length: int) -> None:
    line = shown(text, position, length)
    assert line.isprintable()
    assert len(line) <= 2 * 24 + 2 * 24 + 4


@given(st.text(max_size=60))
def test_every_refusal_of_the_parser_can_be_shown(text: str) -> None:
    try:
        parse_filter(text, NOON)
    except FilterSyntaxError as error:
        refusal = filter_refusal(error, text, "auth.filter")
    else:
        return
    assert refusal.detail.startswith("auth.filter: ")
    assert refusal.extra["position"] in range(len(text) + 1)
