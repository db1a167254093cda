from __future__ import annotations

import asyncio
from collections import Counter

from tests.support.simulator import running_simulator, until

from ponteio.simulator.state import Instance
from ponteio.simulator.traffic import Traffic


async def test_the_rate_is_kept_over_all_instances() -> None:
    async with running_simulator(instances=4) as simulator:
        before, loop = len(simulator.emitted), asyncio.get_running_loop()
        started = loop.time()
        simulator.traffic.rate = 400
        await until(lambda: len(simulator.emitted) - before >= 200)
        elapsed = loop.time() - started
        assert 0.3 < elapsed < 2
        simulator.traffic.rate = 0
        assert len({each.instance for each in list(simulator.emitted)[before:]}) == 4


async def test_a_rate_of_zero_is_silence() -> None:
    async with running_simulator(instances=2, rate=0) as simulator:
        before = len(simulator.emitted)
        await asyncio.sleep(0.03)
        assert len(simulator.emitted) == before


async def test_a_frozen_or_dead_process_has_no_traffic() -> None:
    async with running_simulator(instances=2, rate=500) as simulator:
        await until(lambda: len(simulator.emitted) > 20)
        simulator.freeze()
        frozen_at = len(simulator.emitted)
        await asyncio.sleep(0.03)
        assert len(simulator.emitted) == frozen_at
        simulator.thaw()
        await until(lambda: len(simulator.emitted) > frozen_at + 20)
        await simulator.go_down()
        down_at = len(simulator.emitted)
        await asyncio.sleep(0.03)
        assert len(simulator.emitted) == down_at
        await simulator.come_up()
        await until(lambda: len(simulator.emitted) > down_at + 20)


async def test_a_raised_rate_counts_at_once() -> None:
    async with running_simulator(instances=2, rate=0.01) as simulator:
        before = len(simulator.emitted)
        await asyncio.sleep(0)
        simulator.traffic.rate = 1000
        await until(lambda: len(simulator.emitted) > before + 20, timeout_s=2)


async def test_the_order_of_instances_comes_from_the_seed() -> None:
    async with running_simulator(instances=3) as simulator:
        instances = list(simulator.world)
    orders = [await order_of_play(instances) for _ in range(2)]
    assert orders[0] == orders[1]
    assert len(Counter(orders[0])) == 3


async def order_of_play(instances: list[Instance]) -> list[str]:
    played: list[str] = []

    def play(instance: Instance) -> int:
        played.append(instance.name)
        return 1

    task = asyncio.create_task(Traffic(4, 10_000, lambda: instances, play).run())
    await until(lambda: len(played) >= 50)
    task.cancel()
    return played[:50]
