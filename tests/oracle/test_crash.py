"""The gateway as a process of its own: killed in the middle of load, and told to stop."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.oracle.model import Ledger, dense, same
from tests.support.house import holds, separate_house
from tests.support.js_client import js_client
from tests.support.simulator import running_simulator

NAMES = ("loja-01", "loja-02", "loja-03")
#: What had been received and was not committed when the process died: at most a batch and what was in flight.
UNCOMMITTED = timedelta(seconds=1.0)
#: Evolution hands events to a dead peer until it has read that the connection is gone.
UNNOTICED = timedelta(seconds=0.25)


@pytest.mark.node
async def test_killed_under_load_it_tells_nothing_twice_and_nothing_that_was_not_stored(
    tmp_path: Path, database_url: str
) -> None:
    """I1, I2, I3, I8: after SIGKILL numbers are dense, what clients had seen is in the log, nothing comes again, and a
    gap tells how long nobody listened.
    """
    async with (
        running_simulator(instances=3) as simulator,
        separate_house(
            simulator,
            tmp_path,
            database_url,
        ) as gateway,
    ):
        tenant = await gateway.tenant("acme", *NAMES)
        await gateway.start()
        await gateway.is_linked(tenant.key)
        ledger = Ledger(simulator, *NAMES)
        ledger.begin()
        deaths = []
        kills = 2 if "sqlite" in database_url else 1
        async with (
            js_client(gateway.url, tenant.key, name="default") as one,
            js_client(gateway.url, tenant.key, name="websocket", transports=["websocket"]) as other,
        ):
            simulator.traffic.rate = 400
            for kill in range(1, kills + 1):
                await one.has(200 * kill)
                await gateway.kill()
                deaths.append(ledger.now())
                seen = {told["cursor"]: told for told in one.events}
                await gateway.start()
                await gateway.is_linked(tenant.key)
                for client in (one, other):
                    assert (await client.is_ready(kill + 1))["resumed"] is True
                stored = {told["cursor"]: told for told in await gateway.whole_log(tenant.key)}
                assert {cursor: stored.get(cursor) for cursor in seen} == seen
            amount = len(simulator.emitted)
            await holds("life goes on", lambda: len(simulator.emitted) > amount + 100)
            simulator.traffic.rate = 0
            head = await ledger.settled(lambda: gateway.whole_log(tenant.key))
            for client in (one, other):
                await client.has(head - client.events[0]["seq"] + 1)
        log = await gateway.whole_log(tenant.key)
        dense(log, organization_id=tenant.organization_id)
        for client in (one, other):
            same(log[client.events[0]["seq"] - 1 :], client.events)
        ledger.explained(ledger.lost(log), await gateway.gaps(tenant.key), total=True)
        handed = {id(record) for record in ledger.handed()}
        for record in ledger.lost(log):
            at = ledger.emitted_at(record)
            assert id(record) not in handed or any(
                death - UNCOMMITTED <= at <= death + UNNOTICED for death in deaths
            ), f"{record.instance} {record.event} of {at} was handed to us and is lost; deaths: {deaths}"


@pytest.mark.node
async def test_told_to_stop_it_stores_what_it_took_and_says_goodbye(tmp_path: Path, sqlite_file_url: str) -> None:
    """I8: SIGTERM under load. Everything that was heard is stored and told; the rest lies in a gap."""
    async with (
        running_simulator(instances=3) as simulator,
        separate_house(
            simulator,
            tmp_path,
            sqlite_file_url,
        ) as gateway,
    ):
        tenant = await gateway.tenant("acme", *NAMES)
        await gateway.start()
        await gateway.is_linked(tenant.key)
        ledger = Ledger(simulator, *NAMES)
        ledger.begin()
        async with (
            js_client(gateway.url, tenant.key, name="default") as one,
            js_client(gateway.url, tenant.key, name="websocket", transports=["websocket"]) as other,
        ):
            simulator.traffic.rate = 400
            await one.has(100)
            for name in NAMES:
                await simulator.flood(name, 200)
            assert await gateway.stop() == 0
            simulator.traffic.rate = 0
            for client in (one, other):
                assert [(told["code"], told["retry"]) for told in client.named("goodbye")] == [("shutting_down", True)]
                assert client.notices[-1][0] == "goodbye"
            said = [json.loads(line)["event"] for line in gateway.log_lines if line.startswith("{")]
            assert "frames were left unstored at shutdown" not in said
            await gateway.start()
            await gateway.is_linked(tenant.key)
            log = await gateway.whole_log(tenant.key)
            for client in (one, other):
                await client.has(len(log) - client.events[0]["seq"] + 1)
                same(log[client.events[0]["seq"] - 1 :], client.events)
        dense(log, organization_id=tenant.organization_id)
        ledger.explained(ledger.lost(log), await gateway.gaps(tenant.key), total=True)
