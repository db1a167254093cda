from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ponteio.live.rate import Allowance


def test_a_burst_is_allowed_then_only_the_rate() -> None:
    allowance = Allowance.full(20.0, 40, now=0.0)
    assert [allowance.spend(0.0) for _ in range(41)] == [True] * 40 + [False]
    assert not allowance.spend(0.04)
    assert allowance.spend(0.1)


def test_what_is_not_used_is_not_saved_up_beyond_the_burst() -> None:
    allowance = Allowance.full(20.0, 3, now=0.0)
    assert [allowance.spend(1_000.0) for _ in range(4)] == [True, True, True, False]


def test_it_is_full_again_when_what_was_spent_has_come_back() -> None:
    allowance = Allowance.full(2.0, 3, now=0.0)
    assert allowance.is_full(0.0)
    allowance.spend(0.0)
    assert not allowance.is_full(0.4)
    assert allowance.is_full(0.5)
    assert allowance.left == 2.0, "to ask spends nothing"


@given(st.lists(st.floats(0, 2), max_size=200))
def test_never_more_than_burst_plus_rate_times_time(steps: list[float]) -> None:
    allowance, now, allowed = Allowance.full(20.0, 40, now=0.0), 0.0, 0
    for step in steps:
        now += step
        allowed += allowance.spend(now)
    assert allowed <= 40 + 20 * now + 1e-6
