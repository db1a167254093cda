"""Whether memory stays flat under a steady load."""

from __future__ import annotations

import asyncio
import time

from benchmarks.machine import resident_mib
from benchmarks.stand import INSTANCE, stand

SOCKETS = 20
RATE = 500
SIZE = 1_500
WARM_UP_S = 60.0
TARGET_MIB = 10.0


async def run(minutes: float) -> None:
    """Resident memory once a minute; the growth after the first minute is what counts."""
    heard = 0

    def hear(_payload: bytes) -> None:
        nonlocal heard
        heard += 1

    async with stand() as it, it.readers(SOCKETS, hear):
        began = time.perf_counter()
        sent, settled, next_look_s = 0, 0.0, 0.0
        while (now_s := time.perf_counter() - began) < minutes * 60:
            due = int(now_s * RATE) - sent
            await it.simulator.flood(INSTANCE, due, size=SIZE)
            sent += due
            if now_s >= next_look_s:
                print(f"  {now_s / 60:4.1f} min: {resident_mib(it.pid):6.1f} MiB, {sent} events", flush=True)
                next_look_s += 60
            if not settled and now_s >= WARM_UP_S:
                settled = resident_mib(it.pid)
            await asyncio.sleep(0.02)
        growth = resident_mib(it.pid) - settled
        print(f"  {sent} events, {heard} deliveries; growth after the first minute {growth:+.1f} MiB", end="")
        print(f" (target under {TARGET_MIB:.0f}): {'met' if growth < TARGET_MIB else 'MISSED'}")
