from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.alert import Condition, Hours, Language, QuietHours, RuleTerms
from ponteio.model.outcome import FORBIDDEN, INVALID_FILTER, INVALID_RULE, RefusalError
from ponteio.notify.rule import checked, filter_of, from_json, quiet_members, quiet_of, to_json

NOW = datetime(2026, 11, 24, tzinfo=UTC)
EVENT = RuleTerms(Condition.EVENT, filter="event:messages.*")

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
hours = st.builds(
    Hours, st.frozensets(st.integers(0, 6), min_size=1), st.integers(0, 1439), st.integers(0, 1439), st.just("UTC")
)
all_terms = st.builds(
    RuleTerms,
    st.sampled_from(Condition),
    channels=st.lists(names, max_size=3).map(tuple),
    name=names,
    enabled=st.booleans(),
    instances=st.none() | st.lists(names, min_size=1, max_size=3).map(tuple),
    for_s=st.integers(0, 604_800),
    filter=st.none() | names,
    count=st.integers(1, 100),
    usual_hours=st.booleans(),
    hours=st.none() | hours,
    quiet=st.none() | st.builds(QuietHours, hours, st.booleans()),
    language=st.sampled_from(Language),
    include_content=st.booleans(),
    remind_every_s=st.none() | st.integers(300, 604_800),
    tell_resolved=st.booleans(),
    reopen_s=st.integers(0, 604_800),
)


@given(all_terms)
def test_terms_are_kept_as_they_are(terms: RuleTerms) -> None:
    assert from_json(to_json(terms)) == terms


@given(st.builds(QuietHours, hours, st.booleans()))
def test_quiet_hours_are_kept_as_they_are(quiet: QuietHours) -> None:
    assert quiet_of(quiet_members(quiet)) == quiet


def test_terms_of_an_older_program_have_the_defaults_of_this_one() -> None:
    assert from_json('{"condition":"down"}') == RuleTerms(Condition.DOWN)


@pytest.mark.parametrize(
    "terms",
    [
        RuleTerms(Condition.DOWN, for_s=0, instances=("loja-01",)),
        RuleTerms(Condition.LIMIT),
        RuleTerms(Condition.SILENT, for_s=60, usual_hours=True),
        replace(EVENT, count=10, for_s=60),
    ],
)
def test_what_can_be_watched_is_taken(terms: RuleTerms) -> None:
    assert checked(terms, NOW, may_read_content=False) == terms


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 101},
        {"for_s": -1},
        {"for_s": 8 * 86_400},
        {"channels": tuple(map(str, range(21)))},
        {"channels": ("a", "a")},
        {"instances": ()},
        {"filter": "event:" + "x" * 2_000},
        {"count": 0},
        {"count": 10_001},
        {"reopen_s": -1},
        {"name": "\ud800"},
        {"channels": ("\udfff",)},
        {"instances": ("loja\ud800",)},
        {"filter": "inst:\ud800"},
        {"hours": Hours(frozenset({0}), 0, 60, "\ud800")},
        {"remind_every_s": 299},
        {"hours": Hours(frozenset(), 0, 60, "UTC")},
        {"hours": Hours(frozenset({7}), 0, 60, "UTC")},
        {"hours": Hours(frozenset({0}), 0, 1440, "UTC")},
        {"quiet": QuietHours(Hours(frozenset({0}), 0, 60, "Nowhere/At_All"))},
        {"filter": "event:messages.* since:2h"},
        {"filter": "-until:2026-01-01T00:00:00Z"},
    ],
)
def test_what_could_not_be_watched_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RefusalError) as refused:
        checked(replace(EVENT, **changes), NOW, may_read_content=True)  # type: ignore[arg-type]
    assert refused.value.outcome is INVALID_RULE


def test_a_filter_that_is_none_says_where() -> None:
    with pytest.raises(RefusalError) as refused:
        checked(replace(EVENT, filter="event:call ("), NOW, may_read_content=True)
    assert refused.value.outcome is INVALID_FILTER
    assert "position" in refused.value.extra


@pytest.mark.parametrize("changes", [{"filter": 'text:"boleto"'}, {"include_content": True}])
def test_content_is_for_those_who_may_read_it(changes: dict[str, object]) -> None:
    """I5: a rule is no way around the right to content."""
    terms = replace(EVENT, **changes)  # type: ignore[arg-type]
    assert checked(terms, NOW, may_read_content=True) == terms
    with pytest.raises(RefusalError) as refused:
        checked(terms, NOW, may_read_content=False)
    assert refused.value.outcome is FORBIDDEN
    assert refused.value.extra == {"needs": "content:read"}


def test_a_rule_without_a_filter_wants_everything() -> None:
    assert filter_of(RuleTerms(Condition.EVENT), NOW).is_everything
