"""Organizations never see each other, and what belongs to nobody is seen by nobody."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.oracle.matrix import in_every_way
from tests.oracle.model import Ledger, dense, same
from tests.oracle.py_client import py_client
from tests.oracle.traffic import rouse, say
from tests.support.house import House, Tenant, holds, house
from tests.support.js_client import Heard, js_client
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator

OWNERS = {"acme": ("loja-01", "loja-02"), "beta": ("loja-03", "loja-04"), "nobody": ("loja-05",)}
NAMES = tuple(name for names in OWNERS.values() for name in names)
EACH = 400


def canary(owner: str) -> str:
    """A word that stands in every event of one owner, and in no other."""
    return f"canary-of-{owner}"


async def canaries(simulator: Simulator, amount: int) -> None:
    """`amount` messages on each instance, in turns, each with the canary of its owner."""
    for number in range(amount):
        for owner, names in OWNERS.items():
            for name in names:
                say(simulator, name, number, canary(owner))
        if number % 5 == 4:
            await asyncio.sleep(0)


@pytest.mark.node
@in_every_way
async def test_organizations_never_see_each_other_nor_what_nobody_owns(
    tmp_path: Path, database_url: str, mode: str
) -> None:
    """I4: over every way out (sockets, REST) each owner's events reach the owner alone; nobody's are set aside."""
    total = mode == "global"
    async with (
        running_simulator(global_events=total, instances=len(NAMES)) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=total) as gateway,
    ):
        acme, beta = [await gateway.tenant(owner, *OWNERS[owner]) for owner in ("acme", "beta")]
        operator = await gateway.operator()
        await gateway.start()
        rouse(simulator, NAMES)
        for tenant in (acme, beta):
            await gateway.is_linked(tenant.key, *(() if total else OWNERS[tenant.name]))
        if not total:  # nobody's instance has no link of its own unless the operator asks for one
            await gateway.knows(operator, "loja-05")
            await gateway.post("websocket/connect/instance/loja-05", operator)
            await gateway.is_linked(operator, "loja-05")
        async with (
            js_client(gateway.url, acme.key, name="acme") as acme_hears,
            js_client(gateway.url, beta.key, name="beta", transports=["websocket"]) as beta_hears,
            py_client(gateway.url, beta.key, name="beta too") as beta_hears_too,
        ):
            await canaries(simulator, EACH)
            for tenant, heard in ((acme, acme_hears), (beta, beta_hears), (beta, beta_hears_too)):
                await heard_its_own(gateway, simulator, tenant, heard)
                others = [canary(owner) for owner in OWNERS if owner != tenant.name]
                everything = json.dumps([heard.events, heard.notices])
                assert not [word for word in others if word in everything]
        await nobodys_is_set_aside(gateway, operator)


async def heard_its_own(gateway: House, simulator: Simulator, tenant: Tenant, heard: Heard) -> None:
    ledger = Ledger(simulator, *OWNERS[tenant.name])
    await ledger.all_out()
    await heard.has(len(ledger.handed()))
    log = await gateway.whole_log(tenant.key)
    dense(log, organization_id=tenant.organization_id)
    ledger.agrees(log, total_order=gateway.values["WEBSOCKET_GLOBAL_EVENTS"])
    same(log, heard.events)
    assert len([told for told in log if canary(tenant.name) in json.dumps(told)]) == EACH * len(OWNERS[tenant.name])


async def nobodys_is_set_aside(gateway: House, operator: str) -> None:
    counts = (await gateway.get("quarantine/summary", operator))["counts"]
    assert {(one["code"], one["instance"]) for one in counts} == {("unassigned", "loja-05")}
    assert sum(one["count"] for one in counts) >= EACH
    newest = (await gateway.get("quarantine", operator, limit=1))["refused"]
    assert canary("nobody") in newest[0]["excerpt"]


@pytest.mark.node
async def test_assignment_by_another_process_takes_effect_within_two_seconds(tmp_path: Path, database_url: str) -> None:
    """I4: the directory alone says who owns what, and it learns of changes made outside."""
    async with (
        running_simulator(instances=2) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=True) as gateway,
    ):
        acme, beta = await gateway.tenant("acme"), await gateway.tenant("beta", "loja-02")
        await gateway.start()
        await gateway.is_linked(acme.key)
        clock = asyncio.get_running_loop().time
        async with js_client(gateway.url, acme.key) as heard, js_client(gateway.url, beta.key) as other:
            say(simulator, "loja-01", 0, "before")
            await gateway.command("instance", "assign", "loja-01", "acme")
            assigned = clock()
            number = 0

            def next_one_arrived() -> bool:
                nonlocal number
                number += 1
                say(simulator, "loja-01", number, "after")
                return bool(heard.events)

            await holds("the new owner hears its instance", next_one_arrived, within_s=4)
            assert clock() - assigned < 2.2
            say(simulator, "loja-02", 0, "beta's")
            await other.has(1)
            await heard.has(1)
        log = await gateway.whole_log(acme.key)
        dense(log, organization_id=acme.organization_id)
        assert {told["instance"] for told in log} == {"loja-01"}
        assert "before" not in json.dumps(log)
        assert [told["instance"] for told in other.events] == ["loja-02"]
