"""Clients that come back, and a gateway that comes back: nothing lost, nothing repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.oracle.matrix import in_both_modes
from tests.oracle.model import Ledger, dense, same
from tests.oracle.traffic import rouse
from tests.support.house import holds, house
from tests.support.js_client import js_client
from tests.support.simulator import running_simulator

NAMES = ("loja-01", "loja-02", "loja-03")


@pytest.mark.node
async def test_client_that_died_goes_on_at_its_cursor(tmp_path: Path, sqlite_file_url: str) -> None:
    """I3, I11: `after` is strict, so the lives of one client join without a seam."""
    async with (
        running_simulator(instances=3) as simulator,
        house(tmp_path, sqlite_file_url, url=simulator.url, key=simulator.api_key, global_events=True) as gateway,
    ):
        tenant = await gateway.tenant("acme", *NAMES)
        await gateway.start()
        await gateway.is_linked(tenant.key)
        lives = []
        cursor = None
        simulator.traffic.rate = 600
        for life in range(3):
            async with js_client(gateway.url, tenant.key, name=f"life {life}", cursor=cursor) as client:
                assert client.named("ready")[0]["resumed"] is (life > 0)
                await client.has(100 if life < 2 else 1)
                if life < 2:
                    client.die()
                else:
                    simulator.traffic.rate = 0
                    ledger = Ledger(simulator, *NAMES)
                    await ledger.all_out()
                    total = len(ledger.handed())
                    await holds("the last life is at the head", lambda: client.seqs[-1] == total)  # noqa: B023
            lives.append(client.events)
            cursor = client.cursor
            amount = len(simulator.emitted)
            await holds("more was said meanwhile", lambda: life == 2 or len(simulator.emitted) > amount + 50)  # noqa: B023
        log = await gateway.whole_log(tenant.key)
        ledger.agrees(log, total_order=True)
        heard = [told for life in lives for told in life]
        dense(heard, organization_id=tenant.organization_id, after=heard[0]["seq"] - 1)
        same(log[heard[0]["seq"] - 1 :], heard)


@pytest.mark.node
@in_both_modes
async def test_gateway_that_restarted_finds_its_clients_where_they_were(
    tmp_path: Path, database_url: str, mode: str
) -> None:
    """I3, I8: numbers go on, clients get what they missed, and what nobody heard stands in a gap."""
    total = mode == "global"
    async with (
        running_simulator(global_events=total, instances=3) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=total) as gateway,
    ):
        tenant = await gateway.tenant("acme", *NAMES)
        await gateway.start()
        rouse(simulator, NAMES)
        targets = () if total else NAMES
        await gateway.is_linked(tenant.key, *targets)
        ledger = Ledger(simulator, *NAMES)
        ledger.begin()
        async with (
            js_client(gateway.url, tenant.key, name="default") as one,
            js_client(gateway.url, tenant.key, name="websocket", transports=["websocket"]) as other,
        ):
            simulator.traffic.rate = 500
            for restart in (1, 2):
                await one.has(150 * restart)
                await gateway.stop()
                for client in (one, other):
                    told = client.named("goodbye")[-1]
                    assert (told["code"], told["retry"]) == ("shutting_down", True)
                await gateway.start()
                for client in (one, other):
                    ready = await client.is_ready(restart + 1)
                    assert ready["resumed"] is True
                await gateway.is_linked(tenant.key, *targets)
            amount = len(simulator.emitted)
            await holds("life goes on", lambda: len(simulator.emitted) > amount + 50)
            simulator.traffic.rate = 0
            await ledger.all_out()
            head = await ledger.settled(lambda: gateway.whole_log(tenant.key))
            for client in (one, other):
                await client.has(head)
        log = await gateway.whole_log(tenant.key)
        dense(log, organization_id=tenant.organization_id)
        lost = ledger.lost(log)
        ledger.explained(lost, await gateway.gaps(tenant.key), total=total)
        for client in (one, other):
            same(log, client.events)
