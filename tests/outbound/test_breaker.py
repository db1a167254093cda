from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ponteio.outbound.breaker import Breaker


def test_five_failures_in_half_a_minute_are_enough() -> None:
    breaker = Breaker()
    for now in range(5):
        assert breaker.may_call(now)
        breaker.failed(now)
    assert not breaker.may_call(4.5)
    assert not breaker.may_call(33.9)


def test_failures_that_are_far_apart_are_not() -> None:
    breaker = Breaker()
    for now in range(0, 400, 8):
        assert breaker.may_call(now)
        breaker.failed(now)


def test_after_the_pause_one_call_tries_for_all() -> None:
    breaker = Breaker(failures=1)
    breaker.failed(0.0)
    assert breaker.may_call(30.0)
    assert not breaker.may_call(30.0)
    breaker.failed(31.0)
    assert not breaker.may_call(60.9)
    assert breaker.may_call(61.0)
    breaker.succeeded()
    assert breaker.may_call(61.0)
    assert breaker.may_call(61.0)


def test_a_try_of_which_nothing_is_heard_again_locks_nobody_out() -> None:
    breaker = Breaker(failures=1)
    breaker.failed(0.0)
    assert breaker.may_call(30.0)
    assert not breaker.may_call(59.9)
    assert breaker.may_call(60.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=60))
def test_a_server_that_answers_is_never_given_up(steps: list[tuple[float, bool]]) -> None:
    breaker, now = Breaker(), 0.0
    for passed, answers in steps:
        now += passed
        if breaker.may_call(now):
            breaker.succeeded() if answers else breaker.failed(now)
            if answers:
                assert breaker.may_call(now)
    assert breaker.may_call(now + 31.0)
