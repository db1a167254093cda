from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ponteio.model.alert import Condition, Hours, Language
from ponteio.model.identity import InstanceState
from ponteio.model.link import LinkState
from ponteio.notify.wording import (
    REASONS,
    condition_text,
    hours_text,
    moment_text,
    names_text,
    reason_text,
    rough_span_text,
    span_text,
)

EN, PT = Language.EN, Language.PT_BR


def test_every_state_has_words() -> None:
    silent_ones = {f"link_{LinkState.CONNECTED}", f"state_{InstanceState.OPEN}"}
    states = {f"state_{state}" for state in InstanceState} | {f"link_{state}" for state in LinkState}
    assert states - silent_ones <= set(REASONS)
    for english, portuguese in REASONS.values():
        assert english
        assert portuguese


def test_a_word_without_a_sentence_stands_for_itself() -> None:
    assert reason_text(EN, "too_many_links") == "too_many_links"
    assert reason_text(PT, None) == ""


@pytest.mark.parametrize(
    ("seconds", "english", "portuguese"),
    [(90, "90 s", "90 s"), (300, "5 min", "5 min"), (7200, "2 h", "2 h"), (86_400, "1 day", "1 dia"),
     (172_800, "2 days", "2 dias"), (0, "0 s", "0 s")],
)  # fmt: skip
def test_spans(seconds: int, english: str, portuguese: str) -> None:
    assert (span_text(EN, seconds), span_text(PT, seconds)) == (english, portuguese)


@pytest.mark.parametrize(
    ("span", "english"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=1, minutes=5), "1 day"),
        (timedelta(days=3, hours=2), "3 days 2 h"),
    ],
)
def test_rough_spans(span: timedelta, english: str) -> None:
    assert rough_span_text(EN, span) == english


def test_moments_name_their_zone() -> None:
    moment = datetime(2026, 11, 24, 15, 4, tzinfo=UTC)
    assert moment_text(EN, moment, "America/Sao_Paulo") == "2026-11-24 12:04 (America/Sao_Paulo)"
    assert moment_text(PT, moment, "UTC") == "24/11/2026 15:04 (UTC)"


def test_hours_of_the_week() -> None:
    assert hours_text(PT, Hours(frozenset({0, 1, 2, 3, 4}), 480, 1080, "UTC")) == "seg-sex 08:00-18:00 (UTC)"
    assert hours_text(EN, Hours(frozenset({5, 6}), 0, 0, "UTC")) == "Sat, Sun 00:00-00:00 (UTC)"
    assert hours_text(EN, Hours(frozenset(range(7)), 0, 1, "UTC")) == "every day 00:00-00:01 (UTC)"
    assert hours_text(EN, Hours(frozenset({0, 2, 4}), 0, 1, "UTC")) == "Mon, Wed, Fri 00:00-00:01 (UTC)"


def test_names() -> None:
    assert names_text(EN, ("a", "b"), 2) == "a, b"
    assert names_text(PT, tuple("abcdef"), 30) == "a, b, c, d, e e mais 25"


@pytest.mark.parametrize("condition", Condition)
def test_conditions_have_words(condition: Condition) -> None:
    assert condition_text(EN, condition) != condition_text(PT, condition)
