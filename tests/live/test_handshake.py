from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.stored import AT

from ponteio.live.handshake import Hello, start_at
from ponteio.model.cursor import Cursor
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY
from ponteio.model.outcome import (
    AUTH_INVALID,
    CURSOR_EXPIRED,
    INVALID_CURSOR,
    INVALID_FILTER,
    INVALID_REQUEST,
    Outcome,
    RefusalError,
)

HEAD = Cursor("0123abcd", 10)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_nothing_at_all_is_an_empty_hello() -> None:
    assert Hello.parse(None, AT) == Hello(None, None, EVERYTHING)
    assert Hello.parse({}, AT) == Hello(None, None, EVERYTHING)


def test_members_are_taken_and_unknown_ones_passed_over() -> None:
    hello = Hello.parse({"token": "t", "cursor": "c", "filter": {"events": ["messages.*"]}, "later": 1}, AT)
    assert hello == Hello("t", "c", EventFilter.of(None, ["messages.*"]))


@pytest.mark.parametrize(
    ("auth", "outcome"),
    [
        ([], INVALID_REQUEST),
        (["token"], INVALID_REQUEST),
        ("token", INVALID_REQUEST),
        (7, INVALID_REQUEST),
        (True, INVALID_REQUEST),
        ({"token": 7}, INVALID_REQUEST),
        ({"token": ["t"]}, INVALID_REQUEST),
        ({"token": "\ud800"}, AUTH_INVALID),
        ({"token": "t", "filter": []}, INVALID_FILTER),
        ({"token": "t", "filter": {"instance": ["one"]}}, INVALID_FILTER),
        ({"token": "t", "filter": {"events": ["mess*"]}}, INVALID_FILTER),
        ({"token": "t", "filter": "colour:red"}, INVALID_FILTER),
        ({"token": "t", "filter": 7}, INVALID_FILTER),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_code(auth: object, outcome: Outcome) -> None:
    with pytest.raises(RefusalError) as caught:
        Hello.parse(auth, AT)
    assert caught.value.outcome is outcome


def test_a_text_is_read_by_the_grammar() -> None:
    hello = Hello.parse({"token": "t", "filter": 'event:messages.* text:"boleto" since:2h'}, AT)
    assert hello.filter == parse_filter('event:messages.* text:"boleto" since:2h', AT)
    assert Hello.parse({"filter": "  "}, AT).filter == EVERY


def test_a_text_that_is_no_filter_is_refused_with_its_place() -> None:
    with pytest.raises(RefusalError) as caught:
        Hello.parse({"token": "t", "filter": "event:call colour:red"}, AT)
    assert caught.value.outcome is INVALID_FILTER
    assert caught.value.extra["position"] == 11
    assert caught.value.detail.startswith("auth.filter: ")
    assert "⟨colour" in caught.value.detail


@settings(max_examples=30, deadline=None)
@given(JSON)
def test_any_json_is_understood_or_refused(auth: object) -> None:
    with contextlib.suppress(RefusalError):
        Hello.parse(auth, AT)


def test_without_a_cursor_a_socket_begins_at_the_head() -> None:
    start = start_at(None, HEAD)
    assert (start.cursor, start.resumed, start.reason) == (HEAD, False, None)


@pytest.mark.parametrize("seq", [0, 1, 10])
def test_a_known_cursor_is_resumed_from_the_start_of_the_log_to_its_head(seq: int) -> None:
    """I11: 0 is before the beginning, and the head itself has nothing after it."""
    start = start_at(f"0123abcd-{seq}", HEAD)
    assert (start.cursor, start.resumed, start.reason) == (HEAD.at(seq), True, None)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("0123abcd-11", INVALID_CURSOR),
        ("ffffffff-3", CURSOR_EXPIRED),
        ("ffffffff-11", CURSOR_EXPIRED),
        ("", INVALID_CURSOR),
        ("0123abcd-", INVALID_CURSOR),
        ("0123abcd-01", INVALID_CURSOR),
        ("0123abcd--1", INVALID_CURSOR),
        (7, INVALID_CURSOR),
        ({"epoch": "0123abcd"}, INVALID_CURSOR),
    ],
)
def test_a_cursor_that_cannot_be_continued_leads_to_the_head_and_never_to_part_of_the_stream(
    asked: object, reason: Outcome
) -> None:
    """I3: another epoch means "start over"."""
    start = start_at(asked, HEAD)
    assert (start.cursor, start.resumed, start.reason) == (HEAD, False, reason)


def test_a_cursor_below_the_floor_leads_to_the_head() -> None:
    """I3: what follows it is not all there any more; what follows the floor itself is."""
    for seq, is_resumed in ((3, False), (4, True), (10, True)):
        start = start_at(f"0123abcd-{seq}", HEAD, floor=4)
        assert (start.resumed, start.reason) == (is_resumed, None if is_resumed else CURSOR_EXPIRED)
        assert start.cursor == (HEAD.at(seq) if is_resumed else HEAD)
