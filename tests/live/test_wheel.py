from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ponteio.live.wheel import Wheel


def test_every_item_comes_up_once_in_a_turn() -> None:
    wheel: Wheel[int] = Wheel(4)
    for item in range(10):
        wheel.add(item)
    slices = [wheel.advance() for _ in range(4)]
    assert sorted(item for one in slices for item in one) == list(range(10))
    assert max(map(len, slices)) == 3
    assert sorted(wheel) == list(range(10))
    assert len(wheel) == 10


def test_what_was_discarded_comes_up_no_more_and_may_be_discarded_again() -> None:
    wheel: Wheel[str] = Wheel(2)
    wheel.add("here")
    wheel.discard("here")
    wheel.discard("here")
    assert [wheel.advance() for _ in range(4)] == [[], [], [], []]
    assert len(wheel) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20))))
def test_slots_stay_even_and_nothing_is_lost(steps: list[tuple[bool, int]]) -> None:
    wheel: Wheel[int] = Wheel(3)
    model: set[int] = set()
    for adds, item in steps:
        if adds and item not in model:
            wheel.add(item)
            model.add(item)
        elif not adds:
            wheel.discard(item)
            model.discard(item)
    turn = [wheel.advance() for _ in range(3)]
    assert {item for one in turn for item in one} == model
