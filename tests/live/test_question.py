"""Filters as sockets share them, and what of a filter names alone decide."""

from __future__ import annotations

import gc

import pytest
from tests.live.stored import AT, stored

from ponteio.live.question import Questions, narrowed
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY, Filter
from ponteio.model.sight import ALL_SEEN, Sight

NARROWED = [
    ("", EVERYTHING, True),
    ("event:*", EVERYTHING, True),
    ("event:messages.*", EventFilter.of(None, ["messages.*"]), True),
    ("inst:one,two", EventFilter.of(["one", "two"]), True),
    ("inst:one event:call", EventFilter.of(["one"], ["call"]), True),
    ("inst:one inst:two", EventFilter.of(["one"]), False),
    ("event:call event:messages.*", EventFilter.of(None, ["call"]), False),
    ("inst:lo*", EVERYTHING, False),
    ("inst:one text:boleto", EventFilter.of(["one"]), False),
    ("-event:call", EVERYTHING, False),
    ("event:call OR inst:one", EVERYTHING, False),
    ("origin:live", EVERYTHING, False),
    ("inst:one (event:call OR text:x)", EventFilter.of(["one"]), False),
]


@pytest.mark.parametrize(("text", "names", "is_all"), NARROWED)
def test_what_names_decide(text: str, names: EventFilter, is_all: bool) -> None:
    wanted = parse_filter(text, AT)
    found, rest = narrowed(wanted)
    assert found == names
    assert (rest is None) is is_all
    assert rest in (None, wanted)


def test_event_filters_are_decided_by_names() -> None:
    for some in (EVERYTHING, EventFilter.of(["a"]), EventFilter.of(None, ["x.*", "y"]), EventFilter.of(["a"], ["*"])):
        assert narrowed(Filter.of(some)) == (some, None)
    assert narrowed(EVERY) == (EVERYTHING, None)


def test_a_question_is_one_object_while_somebody_has_it() -> None:
    questions = Questions()
    wanted = parse_filter("text:boleto", AT)
    first = questions.of(wanted, ALL_SEEN)
    assert questions.of(parse_filter('text:"Boleto"', AT), ALL_SEEN) is first
    assert questions.of(wanted, Sight(content=False)) is not first
    del first
    gc.collect()
    assert len(questions) == 0


def test_among_leaves_nothing_on_the_events() -> None:
    questions = Questions()
    events = [stored(1, data=b'{"message":{"conversation":"o boleto"}}'), stored(2, data=b'{"message":{}}')]
    question = questions.of(parse_filter("text:boleto", AT), ALL_SEEN)
    assert question.among(events) == events[:1]
    assert all("_whole_facts" not in vars(event) for event in events)
    assert questions.of(parse_filter("text:boleto", AT), Sight(content=False)).among(events) == []
