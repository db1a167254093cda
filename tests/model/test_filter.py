from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.filter import EVERYTHING, MAX_TERMS, EventFilter, FilterError

NAMES = st.sampled_from(
    ["messages.upsert", "messages.update", "messages", "call", "send.message", "messagesx.y", "a.b.c"]
)
PATTERNS = st.sampled_from(["*", "messages.*", "call", "call.*", "send.message", "a.b.*", "a.*", "nothing"])


def test_no_filter_lets_everything_through() -> None:
    assert EventFilter.parse(None) == EventFilter.parse({}) == EVERYTHING
    assert EVERYTHING.is_everything
    assert EVERYTHING.matches("any", "thing")


def test_a_star_among_the_events_is_every_event() -> None:
    assert EventFilter.parse({"events": ["*", "call"]}) == EVERYTHING
    assert not EventFilter.parse({"events": ["*"], "instances": ["alpha"]}).is_everything


def test_an_event_must_fit_instances_and_events() -> None:
    wanted = EventFilter.parse({"instances": ["alpha", "beta"], "events": ["messages.*", "call"]})
    assert not wanted.is_everything
    assert wanted.matches("alpha", "messages.upsert")
    assert wanted.matches("beta", "call")
    assert not wanted.matches("gamma", "call")
    assert not wanted.matches("alpha", "send.message")


def test_a_family_does_not_take_its_neighbours() -> None:
    wanted = EventFilter.of(events=["messages.*"])
    assert wanted.matches("a", "messages.upsert")
    assert wanted.matches("a", "messages.upsert.later")
    assert not wanted.matches("a", "messages")
    assert not wanted.matches("a", "messagesx.upsert")


def test_names_are_compared_as_they_are() -> None:
    wanted = EventFilter.of(instances=["Loja Centro"], events=["call"])
    assert not wanted.matches("loja centro", "call")
    assert not wanted.matches("Loja Centro", "CALL")


def test_any_collection_of_texts_will_do() -> None:
    assert EventFilter.of(("alpha",), {"call"}) == EventFilter(frozenset({"alpha"}), frozenset({"call"}))


@pytest.mark.parametrize(
    "value",
    [
        [],
        "messages.*",
        7,
        True,
        {"event": ["call"]},
        {"events": ["call"], "organization": "other"},
        {1: 2},
        {"events": "call"},
        {"events": b"call"},
        {"events": {"call": True}},
        {"events": 7},
        {"events": []},
        {"instances": []},
        {"events": [""]},
        {"events": [7]},
        {"events": [None]},
        {"events": [["call"]]},
        {"events": ["messages*"]},
        {"events": ["*.upsert"]},
        {"events": ["mess*ges.*"]},
        {"events": ["**"]},
        {"events": ["x"] * (MAX_TERMS + 1)},
        {"instances": ["x"] * (MAX_TERMS + 1)},
    ],
)
def test_a_filter_that_is_not_understood_is_refused_and_not_taken_for_all(value: object) -> None:
    with pytest.raises(FilterError):
        EventFilter.parse(value)


def test_as_many_terms_as_are_allowed_are_allowed() -> None:
    assert EventFilter.of([f"i{number}" for number in range(MAX_TERMS)]).matches("i499", "x")


@given(st.sets(PATTERNS, min_size=1), NAMES)
def test_patterns_mean_what_they_say(patterns: set[str], event: str) -> None:
    by_hand = any(
        pattern in ("*", event) or (pattern.endswith(".*") and event.startswith(pattern.removesuffix("*")))
        for pattern in patterns
    )
    assert EventFilter.of(events=patterns).matches("any", event) is by_hand


PARTS = st.text(alphabet="ab.*", max_size=6)


@given(st.frozensets(PARTS.map(lambda text: text.replace("*", "") + ".*") | PARTS, max_size=8), PARTS)
def test_a_family_takes_what_begins_with_it_and_a_dot(patterns: frozenset[str], event: str) -> None:
    taken = event in patterns or any(event.startswith(one[:-1]) for one in patterns if one.endswith(".*"))
    assert EventFilter(None, patterns).matches("any", event) is taken
