from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.catalogue import CATALOGUE
from ponteio.model.event_policy import (
    ALL_CHOSEN,
    FOREVER_DAYS,
    MAX_POLICIES,
    PRESETS,
    EventChoices,
    EventPolicy,
    EventPolicyError,
    checked,
    unknown_patterns,
)
from ponteio.model.filter import EventFilter

EVENTS = st.sampled_from(
    ["messages.upsert", "send.message", "send.message.update", "send", "call", "a.b.c.d", ".", "a."]
)
PATTERNS = ("*", "messages.*", "messages.upsert", "send.*", "send.message.*", "send.message", "call", "a.*", "a.b.*")
DAYS = st.one_of(st.none(), st.integers(1, FOREVER_DAYS))
POLICIES = st.lists(
    st.builds(EventPolicy, st.sampled_from(PATTERNS), st.booleans(), DAYS, st.booleans()),
    unique_by=lambda one: one.pattern,
)


def most_specific(policies: Iterable[EventPolicy], event: str) -> EventPolicy:
    """The rule, said the slow way: a name before a family, a longer family before a shorter."""
    fitting = [one for one in policies if EventFilter.of(None, [one.pattern]).matches("", event)]
    ranked = sorted(fitting, key=lambda one: (one.pattern == event, one.pattern != "*", len(one.pattern)))
    return ranked[-1] if ranked else EventPolicy("*")


@given(policies=POLICIES, event=EVENTS)
def test_the_most_specific_pattern_decides(policies: list[EventPolicy], event: str) -> None:
    choices = EventChoices(policies)
    assert choices.of(event) == most_specific(policies, event)
    if choices.of(event).store:
        assert choices.pushes(event) == choices.of(event).push


@given(policies=POLICIES, keep_days=st.integers(1, FOREVER_DAYS), most_days=st.integers(1, FOREVER_DAYS), event=EVENTS)
def test_nothing_is_kept_for_longer_than_is_allowed(
    policies: list[EventPolicy], keep_days: int, most_days: int, event: str
) -> None:
    choices = EventChoices(policies, keep_days=keep_days, most_days=most_days)
    asked = choices.of(event).keep_days
    assert choices.kept_days(event) == min(keep_days if asked is None else asked, most_days)
    assert choices.kept_days(event) in choices.periods
    assert list(choices.periods) == sorted(set(choices.periods))
    assert choices.general_days in choices.periods
    assert choices.default_days <= choices.most_days


@given(policies=POLICIES, others=POLICIES)
def test_rules_are_alike_exactly_when_they_keep_alike(policies: list[EventPolicy], others: list[EventPolicy]) -> None:
    one, other = EventChoices(policies), EventChoices(others)
    said = {choice.pattern: one.kept_days(choice.pattern) for choice in policies}
    said_too = {choice.pattern: other.kept_days(choice.pattern) for choice in others}
    said.setdefault("*", 90)
    said_too.setdefault("*", 90)
    alike = said == said_too and one.general_days == other.general_days
    assert (one.rules == other.rules) == alike


def test_what_nobody_chose_is_stored_and_pushed() -> None:
    for name in (*CATALOGUE, "something.new"):
        assert ALL_CHOSEN.of(name) == EventPolicy("*")
        assert ALL_CHOSEN.pushes(name)
    assert not EventPolicy("*").is_passing
    assert EventPolicy("*", store=False).is_passing
    assert not EventPolicy("*", store=False, push=False).is_passing


def test_the_general_time_is_that_of_the_star_or_of_what_is_stored() -> None:
    assert EventChoices([EventPolicy("call", keep_days=7)]).general_days == 90
    assert EventChoices([EventPolicy("*", keep_days=7), EventPolicy("call", keep_days=70)]).general_days == 7
    nothing_else = [EventPolicy("*", store=False, keep_days=3), EventPolicy("call", keep_days=70)]
    assert EventChoices(nothing_else).general_days == 70
    assert EventChoices([EventPolicy("*", store=False, keep_days=3)]).general_days == 3


@pytest.mark.parametrize(
    "policies",
    [
        [EventPolicy("")],
        [EventPolicy("a*")],
        [EventPolicy("*.*")],
        [EventPolicy(".*")],
        [EventPolicy("a.*.*")],
        [EventPolicy("a b")],
        [EventPolicy("a\n")],
        [EventPolicy("é")],
        [EventPolicy("x" * 201)],
        [EventPolicy("call", keep_days=0)],
        [EventPolicy("call", keep_days=FOREVER_DAYS + 1)],
        [EventPolicy("call"), EventPolicy("call", store=False)],
        [EventPolicy(f"x{number}") for number in range(MAX_POLICIES + 1)],
    ],
)
def test_what_is_no_policy_is_refused(policies: list[EventPolicy]) -> None:
    with pytest.raises(EventPolicyError):
        checked(policies)


@given(policies=POLICIES)
def test_what_is_a_policy_is_taken_in_order(policies: list[EventPolicy]) -> None:
    assert checked(policies) == tuple(sorted(policies, key=lambda one: one.pattern))
    assert EventChoices(policies).policies == checked(policies)


def test_presets_store_messages_and_state() -> None:
    for name, policies in PRESETS.items():
        assert unknown_patterns(checked(policies), CATALOGUE) == []
        choices = EventChoices(policies)
        for event in ("messages.upsert", "messages.update", "send.message", "connection.update"):
            assert choices.of(event).store, (name, event)
    assert EventChoices(PRESETS["without presence"]).of("presence.update").is_passing
    minimum = EventChoices(PRESETS["minimum"])
    assert minimum.of("qrcode.updated").is_passing
    assert (minimum.of("presence.update").store, minimum.of("presence.update").push) == (False, False)


def test_patterns_that_fit_no_event_are_named() -> None:
    policies = [EventPolicy(pattern) for pattern in ("*", "call", "messages.*", "send.message.*", "cal", "message.*")]
    assert unknown_patterns(policies, CATALOGUE) == ["cal", "message.*"]
