from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.filter_drawing import NOON

from ponteio.model.filter import MAX_TERMS, FilterError
from ponteio.model.filter_language import MAX_BYTES, MAX_DEPTH, FilterSyntaxError, parse_filter
from ponteio.model.filter_tree import EVERY, AllOf, AnyOf, EventIs, Filter, IdIs, Node, Not, TextHas, to_text


def event(name: str) -> Node:
    return EventIs(frozenset({name}))


def said(*phrase: str) -> Node:
    return TextHas(frozenset({phrase}))


A, B, C = event("a"), event("b"), event("c")


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("event:a", A),
        ("  event:a\t\n", A),
        ("event:a event:b", AllOf((A, B))),
        ("event:a AND event:b", AllOf((A, B))),
        ("event:a OR event:b", AnyOf((A, B))),
        ("event:a event:b OR event:c", AnyOf((AllOf((A, B)), C))),
        ("event:a (event:b OR event:c)", AllOf((A, AnyOf((B, C))))),
        ("-event:a", Not(A)),
        ("- event:a", Not(A)),
        ("NOT event:a", Not(A)),
        ("NOT(event:a)", Not(A)),
        ("-(event:a event:b)", Not(AllOf((A, B)))),
        ("--event:a", A),
        ("((event:a))", A),
        ("event:*", AllOf(())),
        ("-event:*", Not(AllOf(()))),
        ("event:OR", event("OR")),
        ("event:a-b", event("a-b")),
        ("boleto", said("boleto")),
        ("Boleto event:a", AllOf((said("boleto"), A))),
        ('event:a OR -"2ª via"', AnyOf((A, Not(said("2a", "via"))))),
        ("(pix,boleto)", TextHas(frozenset({("pix",), ("boleto",)}))),
    ],
)
def test_terms_are_put_together(text: str, root: Node) -> None:
    assert parse_filter(text, NOON).root == root


def test_nothing_is_every_event() -> None:
    assert parse_filter("", NOON) == parse_filter(" \n ", NOON) == EVERY


@pytest.mark.parametrize(
    ("text", "position", "length"),
    [
        ("!?", 0, 2),
        ("event:a ...", 8, 3),
        ('"', 0, 1),
        (":boleto", 0, 7),
        ("event:a or event:b", 8, 2),
        ("OR event:a", 0, 2),
        ("event:a OR", 10, 0),
        ("event:a OR OR event:b", 11, 2),
        ("event:a NOT", 11, 0),
        ("NOT", 3, 0),
        ("-", 1, 0),
        ("()", 1, 1),
        ("(event:a", 0, 1),
        ("event:a)", 7, 1),
        (")", 0, 1),
        ("event: a", 6, 0),
        ("event:", 6, 0),
        ("event:a,", 8, 0),
        ("event:a,,b", 8, 0),
        (":a", 0, 2),
        ('inst:"a', 5, 1),
        ('inst:"a"b', 8, 1),
        ("inst:a(b)", 6, 1),
        ('inst:a"b"', 6, 1),
        ("event:a \ud800", 8, 1),
        ('"event":a', 0, 7),
    ],
)
def test_a_text_that_is_no_filter_is_pointed_at(text: str, position: int, length: int) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text, NOON)
    assert (caught.value.position, caught.value.length) == (position, length)
    assert isinstance(caught.value, FilterError)


def test_long_texts_are_refused() -> None:
    fits = "event:" + "é" * ((MAX_BYTES - 6) // 2)
    assert parse_filter(fits, NOON).root == event(fits[6:])
    with pytest.raises(FilterSyntaxError, match="bytes"):
        parse_filter(fits + "é", NOON)


def test_many_values_are_refused() -> None:
    assert parse_filter("id:" + ",".join("x" * MAX_TERMS), NOON).leaves == [IdIs(frozenset("x"))]
    with pytest.raises(FilterSyntaxError, match=f"{MAX_TERMS} values"):
        parse_filter("id:" + ",".join("x" * MAX_TERMS) + " id:x", NOON)


@pytest.mark.parametrize("opening", ["(", "-", "NOT "])
def test_deep_texts_are_refused(opening: str) -> None:
    closing = ")" if opening == "(" else ""
    assert parse_filter(opening * MAX_DEPTH + "event:a" + closing * MAX_DEPTH, NOON).root == A
    with pytest.raises(FilterSyntaxError, match="levels"):
        parse_filter(opening * 1000 + "event:a" + closing * 1000, NOON)


def read(text: str) -> Filter | FilterSyntaxError:
    try:
        return parse_filter(text, NOON)
    except FilterSyntaxError as error:
        return error


def check(text: str) -> None:
    """The text is a filter that survives its own spelling, or has a place where it is wrong."""
    found = read(text)
    if isinstance(found, Filter):
        assert parse_filter(to_text(found), NOON) == found
    else:
        assert 0 <= found.position <= found.position + found.length <= len(text) + 1


@given(st.text())
def test_any_text_is_a_filter_or_has_a_wrong_place(text: str) -> None:
    check(text)


_tokens = st.sampled_from(
    [
        *(
            "event:",
            "inst:",
            "chat:",
            "text:",
            "data.",
            "data[",
            "since:",
            "id:",
            "fromMe:",
            "-",
            "NOT ",
            " OR ",
            " AND ",
        ),
        *("(", ")", '"', "\\", ",", "*", " ", "a", "1", "2h", "true", ".", "]", "[]", ":", "55@c.us"),
    ]
)


@given(st.lists(_tokens, max_size=12).map("".join))
def test_texts_of_the_languages_own_tokens_too(text: str) -> None:
    check(text)
