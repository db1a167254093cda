"""Filters as sockets share them."""

from __future__ import annotations

import gc

from tests.live.stored import AT, stored

from ponteio.live.question import Questions
from ponteio.model.filter_language import parse_filter
from ponteio.model.sight import ALL_SEEN, Sight


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
