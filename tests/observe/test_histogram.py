"""Histograms: what goes in is counted, and quantiles are as near as they are said to be."""

from __future__ import annotations

import itertools
import json
import math

from hypothesis import given
from hypothesis import strategies as st

from ponteio.observe.histogram import BATCH, DURATION_S, REQUEST_S, Histogram

durations = st.lists(st.floats(0, 2_000, allow_nan=False), min_size=1, max_size=200)
FACTOR = 5 / 3


def of(values: list[float]) -> Histogram:
    made = Histogram()
    for value in values:
        made.observe(value)
    return made


def test_bounds_grow_by_at_most_what_is_documented() -> None:
    assert DURATION_S[0] == 0.001
    assert DURATION_S[-1] == 900
    for lower, upper in itertools.pairwise(DURATION_S):
        assert lower < upper <= lower * FACTOR * (1 + 1e-9)
    assert list(REQUEST_S) == sorted(REQUEST_S)
    assert BATCH[-1] == 64


def test_a_bucket_holds_what_is_at_most_its_bound() -> None:
    made = of([0.0, 0.001, 0.00100001, 900, 901])
    assert (made.counts[0], made.counts[1], made.counts[-2], made.counts[-1]) == (2, 1, 1, 1)
    assert made.count == 5
    assert math.isclose(made.sum, 1801.00200001)


def test_one_value_many_times() -> None:
    made = Histogram(BATCH)
    made.observe(3, 4)
    assert (made.count, made.sum, made.counts[2]) == (4, 12, 4)


@given(durations, st.floats(0, 1))
def test_a_quantile_is_near_the_true_one(values: list[float], share: float) -> None:
    true = sorted(values)[max(math.ceil(share * len(values)), 1) - 1]
    found = of(values).quantile(share)
    assert found is not None
    if true > DURATION_S[-1]:
        assert found == DURATION_S[-1]
    elif true <= DURATION_S[0]:
        assert abs(found - true) <= DURATION_S[0]
    else:
        assert true / (FACTOR + 1e-6) <= found <= true * (FACTOR + 1e-6)


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None


@given(durations, durations)
def test_together_is_as_if_counted_together(one: list[float], other: list[float]) -> None:
    both, together = of(one), of([*one, *other])
    both.add(of(other))
    assert both.counts == together.counts
    assert math.isclose(both.sum, together.sum, rel_tol=1e-9)


@given(durations)
def test_what_was_spelled_is_read_again(values: list[float]) -> None:
    made, again = of(values), Histogram()
    again.add_spelled(json.loads(json.dumps(made.spelled())))
    assert again.counts == made.counts
    assert math.isclose(again.sum, made.sum, rel_tol=1e-9)


def test_what_another_version_spelled_is_passed_over() -> None:
    made = Histogram(BATCH)
    for spelled in ({}, {"counts": [1], "sum": 1}, {"counts": {"1": 1}, "sum": "much"}):
        made.add_spelled(spelled)
    made.add_spelled({"counts": {"99": 1, "x": 1, "0": "1", "1": 2}, "sum": 4.0})
    assert made.counts == [0, 2, 0, 0, 0, 0, 0, 0]
