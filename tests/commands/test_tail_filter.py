"""Words of a command as a filter, with a finger at what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.commands.tail_filter import WordsError, filter_of, filter_text, told
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_words_and_lists_must_all_hold() -> None:
    found = filter_of("text:boleto", ["loja-01"], ["messages.*"], NOON)
    assert found == parse_filter("inst:loja-01 event:messages.* text:boleto", NOON)
    assert filter_of("", (), (), NOON) == EVERY


def test_the_gateway_is_told_moments_not_spans() -> None:
    assert told(filter_of("since:2h", (), (), NOON)) == "since:2026-11-23T10:00:00Z"
    assert told(EVERY) is None


def test_the_place_is_pointed_at() -> None:
    with pytest.raises(WordsError) as caught:
        filter_of("event:call colour:red", (), (), NOON)
    first, line, finger = str(caught.value).splitlines()
    assert first.startswith("the filter is malformed: ")
    assert line[finger.index("^") :].startswith("colour")


def test_lists_that_are_no_filter_are_said_too() -> None:
    with pytest.raises(WordsError, match="pattern"):
        filter_of("", (), ("mess*",), NOON)


def test_option_and_words_must_both_hold() -> None:
    assert filter_text("", ()) == ""
    assert filter_text(" a:b OR c:d ", ()) == "a:b OR c:d"
    assert filter_text("", ("event:call", "OR", "inst:a")) == "event:call OR inst:a"
    both = filter_text("event:call OR event:x", ("inst:a", "OR", "inst:b"))
    assert filter_of(both, (), (), NOON) == parse_filter("(event:call OR event:x) (inst:a OR inst:b)", NOON)


@given(st.text(max_size=120))
def test_any_words_are_a_filter_or_pointed_at(text: str) -> None:
    try:
        filter_of(text, (), (), NOON)
    except WordsError as error:
        lines = str(error).split("\n")
    else:
        return
    assert len(lines) in (1, 3)
    assert all(line.isprintable() for line in lines[1:])
    assert len(lines) == 1 or "^" in lines[2]
