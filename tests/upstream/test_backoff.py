"""Waits: bounded, growing, and spread so that links do not come back together."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.upstream.backoff import RetryPolicy, auth_delay, dial_delay, pending_delay

POLICY = RetryPolicy()
SEEDS = st.integers(0, 2**32)


@given(st.integers(0, 10**9), SEEDS)
def test_a_dial_never_waits_longer_than_the_cap(failures: int, seed: int) -> None:
    assert 0.0 <= dial_delay(POLICY, failures, random.Random(seed)) <= 30.0


@pytest.mark.parametrize(("failures", "ceiling"), [(0, 1), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (1000, 30)])
def test_a_dial_waits_anything_up_to_a_doubling_ceiling(failures: int, ceiling: float) -> None:
    rng = random.Random(7)
    delays = [dial_delay(POLICY, failures, rng) for _ in range(4000)]
    assert max(delays) <= ceiling
    assert max(delays) > ceiling * 0.97
    assert min(delays) < ceiling * 0.03
    assert sum(delays) / len(delays) == pytest.approx(ceiling / 2, rel=0.1)


@given(st.integers(1, 10**9), SEEDS)
def test_a_refused_key_waits_up_to_five_minutes(refusals: int, seed: int) -> None:
    assert 2.5 <= auth_delay(POLICY, refusals, random.Random(seed)) <= 300.0
    assert 150.0 <= auth_delay(POLICY, refusals + 7, random.Random(seed)) <= 300.0


@given(st.integers(1, 10**9), SEEDS)
def test_a_pending_namespace_is_asked_for_about_every_second_and_later_every_five(refusals: int, seed: int) -> None:
    assert 0.8 <= pending_delay(POLICY, 1, random.Random(seed)) <= 1.0
    assert 0.8 <= pending_delay(POLICY, refusals, random.Random(seed)) <= 5.0
    assert 4.0 <= pending_delay(POLICY, refusals + 3, random.Random(seed)) <= 5.0
