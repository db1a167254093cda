"""Events from Evolution's socket to every kind of client, in both modes, on both databases."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.oracle.matrix import in_every_way
from tests.oracle.model import Ledger, dense, same
from tests.oracle.py_client import py_client
from tests.oracle.traffic import busy, rouse
from tests.support.house import house
from tests.support.js_client import Heard, js_client
from tests.support.simulator import running_simulator

NAMES = ("loja-01", "loja-02", "loja-03", "loja-04")


@pytest.mark.node
@in_every_way
async def test_each_client_gets_every_event_once_and_in_order(tmp_path: Path, database_url: str, mode: str) -> None:
    """I3: stored = emitted, spoken = stored, over each transport, with each client."""
    total = mode == "global"
    async with (
        running_simulator(global_events=total, instances=len(NAMES)) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=total) as gateway,
        AsyncExitStack() as stack,
    ):
        tenant = await gateway.tenant("acme", *NAMES)
        await gateway.start()
        rouse(simulator, NAMES)
        await gateway.is_linked(tenant.key, *(() if total else NAMES))
        ways = [(make, way) for make in (js_client, py_client) for way in (None, ["websocket"])]
        clients: list[Heard] = []
        for make, way in ways:
            connecting = make(gateway.url, tenant.key, transports=way, name=f"{make.__name__} {way}")
            clients.append(await stack.enter_async_context(connecting))
        await busy(simulator, NAMES)
        ledger = Ledger(simulator, *NAMES)
        await ledger.all_out()
        for client in clients:
            await client.has(len(ledger.handed()))
        log = await gateway.whole_log(tenant.key)
        dense(log, organization_id=tenant.organization_id)
        ledger.agrees(log, total_order=total)
        assert len(log) > 700
        for client in clients:
            same(log, client.events)
        assert simulator.client_events == []
        assert [client.turns[-1]["transport"] for client in clients if client.turns] == ["websocket", "websocket"]
