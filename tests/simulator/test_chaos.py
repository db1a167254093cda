from __future__ import annotations

import asyncio
from typing import Any

from ponteio.simulator.chaos import Chaos, Gate


def test_every_switch_is_off_at_the_start() -> None:
    chaos = Chaos()
    assert not any((chaos.refuse_key, chaos.garbage_handshake, chaos.html_502, chaos.rest_error, chaos.rest_latency_s))


async def test_a_frozen_gate_holds_both_directions_and_thaws_in_order() -> None:
    gate, sent = Gate(), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    guarded_receive, guarded_send = gate.guard(receive, send)
    await guarded_send({"n": 1})
    gate.freeze()
    assert gate.is_frozen
    waiting = [asyncio.create_task(each) for each in (_wrap(guarded_receive()), _wrap(guarded_send({"n": 2})))]
    done, _ = await asyncio.wait(waiting, timeout=0.02)
    assert not done
    assert sent == [{"n": 1}]
    gate.thaw()
    await asyncio.gather(*waiting)
    assert sent == [{"n": 1}, {"n": 2}]
    assert not gate.is_frozen


async def _wrap(awaitable: Any) -> Any:
    return await awaitable
