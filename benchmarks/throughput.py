"""Events a second, received, committed and delivered to ten sockets, 1.5 KB each."""

from __future__ import annotations

import asyncio
import time

from benchmarks.machine import cpu_seconds
from benchmarks.stand import INSTANCE, stand

SOCKETS = 10
EVENTS = 20_000
SIZE = 1_500
TARGET = 2_000
RUNS = 3


async def run(_minutes: float) -> None:
    """The best and the median of three floods, with the gateway's CPU time."""
    rates = []
    for _ in range(RUNS):
        rate, cpu_s = await _flood()
        rates.append(rate)
        print(
            f"  {EVENTS} events to {SOCKETS} sockets: {rate:,.0f} events/s, {rate * SOCKETS:,.0f} deliveries/s; "
            f"gateway {cpu_s / EVENTS * 1e6:.0f} µs CPU an event, {cpu_s / EVENTS / SOCKETS * 1e6:.1f} µs a delivery",
            flush=True,
        )
    median = sorted(rates)[RUNS // 2]
    print(f"  median {median:,.0f} events/s (target {TARGET:,}): {'met' if median >= TARGET else 'MISSED'}")


async def _flood() -> tuple[float, float]:
    async with stand() as it:
        heard = 0
        everything = asyncio.Event()

        def hear(_payload: bytes) -> None:
            nonlocal heard
            heard += 1
            if heard == EVENTS * SOCKETS:
                everything.set()

        async with it.readers(SOCKETS, hear):
            cpu_s, began = cpu_seconds(it.pid), time.perf_counter()
            await it.simulator.flood(INSTANCE, EVENTS, size=SIZE)
            await asyncio.wait_for(everything.wait(), 120)
            took_s = time.perf_counter() - began
            return EVENTS / took_s, cpu_seconds(it.pid) - cpu_s
