"""The queue of dials: in order, evenly spaced, and empty-handed for those who left."""

from __future__ import annotations

import asyncio
import itertools

from ponteio.upstream.dial_turns import DialTurns


async def test_turns_come_in_order_and_spaced() -> None:
    turns = DialTurns(per_second=100)
    loop = asyncio.get_running_loop()
    given: list[tuple[int, float]] = []
    done = asyncio.Event()

    def give(number: int) -> None:
        given.append((number, loop.time()))
        if number == 9:
            done.set()

    for number in range(10):
        turns.ask(lambda number=number: give(number))  # type: ignore[misc]
    assert given == []
    await done.wait()
    assert [number for number, _ in given] == list(range(10))
    times = [at for _, at in given]
    assert all(later - earlier >= 0.0099 for earlier, later in itertools.pairwise(times))


async def test_no_more_turns_in_a_second_than_allowed_even_when_asked_at_the_last_moment() -> None:
    turns = DialTurns(per_second=50)
    loop = asyncio.get_running_loop()
    times: list[float] = []
    done = asyncio.Event()

    def again() -> None:
        times.append(loop.time())
        if len(times) == 15:
            done.set()
        else:
            turns.ask(again)

    turns.ask(again)
    await done.wait()
    assert times[-1] - times[0] >= 14 / 50 - 0.001


async def test_one_that_fails_at_once_cannot_crowd_out_the_others() -> None:
    turns = DialTurns(per_second=200)
    order: list[str] = []
    done = asyncio.Event()

    def greedy() -> None:
        order.append("greedy")
        turns.ask(greedy)

    turns.ask(greedy)
    for number in range(5):
        turns.ask(lambda number=number: order.append(str(number)))  # type: ignore[misc]
    turns.ask(done.set)
    await done.wait()
    assert order[:6] == ["greedy", "0", "1", "2", "3", "4"]


async def test_who_left_gets_no_turn_and_takes_none_away() -> None:
    turns = DialTurns(per_second=1000)
    given: list[str] = []
    done = asyncio.Event()
    first = turns.ask(lambda: given.append("first"))
    turns.ask(done.set)
    first.leave()
    assert not first.is_waiting
    await done.wait()
    assert given == []
