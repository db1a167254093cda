"""From receive to delivery, at 200 events a second to a hundred sockets."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import orjson

from benchmarks.machine import cpu_seconds
from benchmarks.stand import INSTANCE, stand

SOCKETS = 100
RATE = 200
SECONDS = 30
SIZE = 1_500
TARGET_MS = 50.0


async def run(_minutes: float) -> None:
    """Quantiles over all sockets of: our `received_at` to the reader's clock, on the same machine."""
    delays_ms: list[float] = []
    heard = 0
    expected = RATE * SECONDS * SOCKETS
    everything = asyncio.Event()

    def hear(payload: bytes) -> None:
        nonlocal heard
        heard += 1
        if heard % 7 == 0:  # a sample, so that measuring does not load the readers
            received_at = orjson.loads(payload)[1]["received_at"]
            delays_ms.append(time.time() * 1000 - datetime.fromisoformat(received_at).timestamp() * 1000)
        if heard == expected:
            everything.set()

    async with stand() as it, it.readers(SOCKETS, hear):
        cpu_s, began = cpu_seconds(it.pid), time.perf_counter()
        for number in range(RATE * SECONDS):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            await it.simulator.flood(INSTANCE, 1, size=SIZE)
        await asyncio.wait_for(everything.wait(), 60)
        busy = (cpu_seconds(it.pid) - cpu_s) / (time.perf_counter() - began)
    delays_ms.sort()
    p50, p95, p99 = (delays_ms[int(len(delays_ms) * quantile)] for quantile in (0.5, 0.95, 0.99))
    verdict = "met" if p99 <= TARGET_MS else "MISSED"
    print(f"  {RATE} events/s to {SOCKETS} sockets for {SECONDS} s; gateway busy {busy:.0%} of a core")
    print(f"  p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms (target {TARGET_MS:.0f}): {verdict}")
