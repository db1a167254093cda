from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.notify.retries import DELAYS_S, MAX_RETRY_AFTER_S, MAX_TRIES, next_try, retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATE = NOW + timedelta(days=9)


@given(
    attempts=st.integers(1, 20),
    seed=st.integers(0, 2**32),
    asked_s=st.none() | st.floats(0, 10**6),
    left_s=st.floats(-10, 10**6),
)
def test_the_next_try_is_in_its_time_or_never(attempts: int, seed: int, asked_s: float | None, left_s: float) -> None:
    expires_at = NOW + timedelta(seconds=left_s)
    due_at = next_try(attempts, NOW, expires_at, random.Random(seed), asked_s)
    if attempts >= MAX_TRIES:
        assert due_at is None
        return
    least = max(0.8 * DELAYS_S[attempts - 1], min(asked_s or 0, MAX_RETRY_AFTER_S))
    most = max(DELAYS_S[attempts - 1], min(asked_s or 0, MAX_RETRY_AFTER_S))
    if due_at is None:
        assert left_s <= most
    else:
        assert due_at < expires_at
        assert least - 0.001 <= (due_at - NOW).total_seconds() <= most + 0.001


def test_all_tries_together_take_less_than_six_hours() -> None:
    assert MAX_TRIES == 8
    assert sum(DELAYS_S) < 6 * 3600
    assert list(DELAYS_S) == sorted(DELAYS_S)


def test_those_that_failed_together_do_not_come_back_together() -> None:
    rng = random.Random(1)
    assert len({next_try(3, NOW, LATE, rng) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 40, 999_999_999.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Mon, 23 Nov 2026 12:01:00 -0000", 60.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str, expected: float | None) -> None:
    assert retry_after_s(header, NOW) == expected


@given(st.text(max_size=60))
def test_whatever_the_header_says_nothing_breaks(header: str) -> None:
    found = retry_after_s(header, NOW)
    assert found is None or found >= 0
