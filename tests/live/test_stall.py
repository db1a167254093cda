from __future__ import annotations

from ponteio.live.stall import Stall


def judge(stall: Stall, now: float, taken: int, *, over: bool = True) -> bool:
    return stall.judge(over_limit=over, taken=taken, now=now, patience_s=30.0)


def test_a_socket_that_takes_nothing_is_judged_after_the_patience_and_not_before() -> None:
    stall = Stall()
    assert not judge(stall, 0.0, 100)
    assert not judge(stall, 29.9, 100)
    assert judge(stall, 30.0, 100)


def test_a_slow_socket_that_takes_one_byte_now_and_then_is_left_alone() -> None:
    stall = Stall()
    assert not any(judge(stall, now * 20.0, now) for now in range(100))


def test_who_fell_below_the_limit_starts_anew() -> None:
    stall = Stall()
    assert not judge(stall, 0.0, 100)
    assert not judge(stall, 20.0, 100, over=False)
    assert not judge(stall, 40.0, 100)
    assert judge(stall, 70.0, 100)


def test_a_socket_below_its_limit_is_never_judged() -> None:
    stall = Stall()
    assert not any(judge(stall, now * 100.0, 0, over=False) for now in range(10))
