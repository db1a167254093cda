"""Evolution goes away and comes back, three times, under load."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from tests.oracle.matrix import in_both_modes
from tests.oracle.model import IN_FLIGHT, Ledger, Told, dense, same, told_fact
from tests.oracle.traffic import rouse, say
from tests.support.house import House, Tenant, holds, house
from tests.support.js_client import Heard, js_client
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator

NAMES = ("loja-01", "loja-02", "loja-03")
RESTARTS = 3


async def is_back(gateway: House, tenant: Tenant, simulator: Simulator, heard: Heard, total: bool) -> None:
    """All links are joined again, and each instance has been heard since."""
    await gateway.is_linked(tenant.key, *(() if total else NAMES), within_s=20)
    before, rate = len(heard.events), simulator.traffic.rate
    await holds(
        "every instance is heard again",
        lambda: {told["instance"] for told in heard.events[before:]} == set(NAMES),
        why=lambda: (len(heard.events) - before, rate),
    )


@pytest.mark.node
@in_both_modes
async def test_three_restarts_under_load_lose_only_what_gaps_tell(tmp_path: Path, database_url: str, mode: str) -> None:
    """I8: outages are rows with a beginning and an end; links and namespaces come back by themselves."""
    total = mode == "global"
    async with (
        running_simulator(global_events=total, instances=3) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=total) as gateway,
    ):
        tenant = await gateway.tenant("acme", *NAMES)
        await gateway.start()
        rouse(simulator, NAMES)
        await gateway.is_linked(tenant.key, *(() if total else NAMES))
        ledger = Ledger(simulator, *NAMES)
        ledger.begin()
        deaths: list[datetime] = []
        async with js_client(gateway.url, tenant.key) as heard:
            simulator.traffic.rate = 250
            for _ in range(RESTARTS):
                await heard.has(len(heard.events) + 100)
                await simulator.go_down()
                deaths.append(ledger.now())
                await asyncio.sleep(0.2)  # how long it is down, not what is waited for
                await simulator.come_up()
                await is_back(gateway, tenant, simulator, heard, total)
            simulator.traffic.rate = 0
            await ledger.all_out()
            head = await ledger.settled(lambda: gateway.whole_log(tenant.key))
            await heard.has(head - heard.events[0]["seq"] + 1)
        log = await gateway.whole_log(tenant.key)
        dense(log, organization_id=tenant.organization_id)
        same(log[heard.events[0]["seq"] - 1 :], heard.events)
        gaps = await gateway.gaps(tenant.key)
        ledger.explained(ledger.lost(log), gaps, total=total)
        only_the_last_words_are_lost(ledger, log, deaths)
        assert all(gap["to_at"] is not None for gap in gaps)
        for target in (None,) if total else NAMES:
            down = [gap for gap in gaps if gap["instance"] == target and gap["kind"] == "link_down"]
            assert len(down) == RESTARTS
            assert all(gap["from_at"] < gap["to_at"] for gap in down)


def only_the_last_words_are_lost(ledger: Ledger, log: list[Told], deaths: list[datetime]) -> None:
    """Of what was handed to a joined link, only what was in flight at a death is missing."""
    lost = {one.serial for one in ledger.lost(log)}
    for record in ledger.handed():
        if record.serial in lost:
            at = ledger.emitted_at(record)
            assert any(death - IN_FLIGHT <= at <= death for death in deaths), (
                f"{record.instance} {record.event} of {at} was handed to us and is lost; deaths: {deaths}"
            )


@pytest.mark.node
async def test_instance_without_a_namespace_disturbs_no_other(tmp_path: Path, sqlite_file_url: str) -> None:
    """After a restart one instance stays silent: the others are heard without a break until it speaks, and then too."""
    async with (
        running_simulator(global_events=False, instances=3) as simulator,
        house(tmp_path, sqlite_file_url, url=simulator.url, key=simulator.api_key, global_events=False) as gateway,
    ):
        tenant = await gateway.tenant("acme", *NAMES)
        await gateway.start()
        rouse(simulator, NAMES)
        await gateway.is_linked(tenant.key, *NAMES)
        await simulator.restart(0.1)
        rouse(simulator, ["loja-01", "loja-03"])
        await gateway.is_linked(tenant.key, "loja-01", "loja-03")

        async def is_pending() -> bool:
            return (await gateway.links(tenant.key))["loja-02"] == "namespace_pending"

        await holds("the silent one is pending", is_pending)
        reconnects = (await gateway.get("websocket/status", tenant.key))["reconnects"]
        async with js_client(gateway.url, tenant.key) as heard:
            for number in range(200):
                say(simulator, ("loja-01", "loja-03")[number % 2], number)
                await asyncio.sleep(0.002)
            await heard.has(200)
            assert await is_pending()
            rouse(simulator, ["loja-02"])  # reaches nobody, by design
            await gateway.is_linked(tenant.key, *NAMES)
            say(simulator, "loja-02", 1)
            await heard.has(201)
            assert [told["instance"] for told in heard.events[200:]] == ["loja-02"]
            assert (await gateway.get("websocket/status", tenant.key))["reconnects"] == reconnects + 1
        ledger = Ledger(simulator, *NAMES)
        log = await gateway.whole_log(tenant.key)
        stored = {told_fact(told) for told in log}
        assert not [one for one in ledger.emitted() if one.made_namespace and ledger.text_of(one) in stored]
        gaps = [gap for gap in await gateway.gaps(tenant.key) if gap["kind"] == "namespace_pending"]
        assert "loja-02" in {gap["instance"] for gap in gaps}
        assert all(gap["to_at"] is not None for gap in gaps)
