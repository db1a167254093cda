from __future__ import annotations

import asyncio
import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from ponteio.upstream.pace import Pace


@given(st.lists(st.floats(0, 3), min_size=1, max_size=20), st.floats(0.5, 20))
def test_turns_are_evenly_spaced_and_nobody_waits_without_need(gaps: list[float], rate: float) -> None:
    async def told() -> list[float]:
        now = [0.0]

        async def sleep(seconds: float) -> None:
            now[0] += seconds

        pace, turns = Pace(rate, now=lambda: now[0], sleep=sleep), []
        for gap in gaps:
            now[0] += gap
            asked_at = now[0]
            await pace.turn()
            turns.append((asked_at, now[0]))
        for (_, former), (asked_at, given_at) in itertools.pairwise(turns):
            assert given_at - former >= 1 / rate - 1e-6
            assert given_at <= max(asked_at, former + 1 / rate) + 1e-6
        assert turns[0][0] == turns[0][1]
        return [given_at for _, given_at in turns]

    asyncio.run(told())


async def test_who_is_cancelled_takes_nobodys_turn() -> None:
    pace = Pace(20)
    await pace.turn()
    waiting = asyncio.ensure_future(pace.turn())
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    began = asyncio.get_running_loop().time()
    await pace.turn()
    assert asyncio.get_running_loop().time() - began < 0.09
