from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.filter_drawing import FILTERS, INSTANCES, NOON, PATTERNS

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY, AllOf, AnyOf, Filter, Not, any_of, negation, to_text

EVENT_FILTERS = st.builds(
    EventFilter.of,
    st.none() | st.lists(st.sampled_from(INSTANCES), min_size=1),
    st.none() | st.lists(st.sampled_from(PATTERNS), min_size=1),
)


@given(FILTERS)
def test_what_is_spelled_reads_back_as_the_same_filter(wanted: Filter) -> None:
    assert parse_filter(to_text(wanted), NOON) == wanted


@given(EVENT_FILTERS)
def test_a_filter_of_instances_and_patterns_is_spelled_too(wanted: EventFilter) -> None:
    assert parse_filter(to_text(Filter.of(wanted)), NOON) == Filter.of(wanted)


def test_no_filter_is_spelled_by_nothing() -> None:
    assert Filter.of(EVERYTHING) == EVERY
    assert EVERY.is_everything
    assert to_text(EVERY) == ""


def test_needless_nesting_is_undone() -> None:
    leaf = parse_filter("event:call", NOON).root
    assert negation(negation(leaf)) == leaf
    assert any_of([any_of([leaf, leaf]), leaf]) == AnyOf((leaf, leaf, leaf))
    assert Filter(AllOf((leaf, leaf))).also(Filter(leaf)).root == AllOf((leaf, leaf, leaf))
    assert EVERY.also(Filter(leaf)) == Filter(leaf)
    assert Filter(Not(leaf)).leaves == [leaf]


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("", False),
        ("event:* inst:a chat:55 id:x fromMe:true origin:live since:2h", False),
        ("data.key.id:x", False),
        ("data[].key.remoteJid:x", False),
        ("data.pushName:Maria", True),
        ("data.key.key.key.key.id:x", True),
        ('text:"boleto"', True),
        ('event:call OR -text:"boleto"', True),
    ],
)
def test_a_filter_knows_whether_it_reads_content(text: str, reads: bool) -> None:
    assert parse_filter(text, NOON).reads_content is reads


@given(EVENT_FILTERS, FILTERS)
def test_a_filter_for_instances_and_events_is_known_as_such(plain: EventFilter, other: Filter) -> None:
    assert Filter.of(plain).plain == plain
    found = other.plain
    assert found is None or Filter.of(found) == other
