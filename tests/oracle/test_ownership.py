"""Instances change hands, and servers come and go, while the house runs: nobody gets what is not theirs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.matrix import in_both_modes
from tests.oracle.model import dense
from tests.oracle.traffic import rouse, say
from tests.support.house import House, holds, house
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator

EACH = 5


def words(log: list[dict[str, Any]]) -> list[str]:
    """The text of each message of a log, in order."""
    return [told["data"]["message"]["conversation"] for told in log if told["event"] == "messages.upsert"]


def spoken(text: str) -> list[str]:
    return [f"{text} {number}" for number in range(EACH)]


class Numbers:
    """Says things that are all different, and waits until the house has dealt with them."""

    def __init__(self, gateway: House, simulator: Simulator, operator: str) -> None:
        self._gateway, self._simulator, self._operator = gateway, simulator, operator
        self._said = 0

    async def say(self, name: str, text: str) -> None:
        before = await self._dealt_with()
        for number in range(EACH):
            self._said += 1
            message = {
                "key": {"id": f"id-{self._said}", "remoteJid": "5511911111111@s.whatsapp.net", "fromMe": False},
                "message": {"conversation": f"{text} {number}"},
                "messageType": "conversation",
            }
            self._simulator.emit(name, "messages.upsert", message)

        async def arrived() -> bool:
            return await self._dealt_with() >= before + EACH

        await holds(f"the house has dealt with {text}", arrived)

    async def _dealt_with(self) -> int:
        events = (await self._gateway.get("websocket/status", self._operator))["events"]
        kept = (await self._gateway.get("quarantine/summary", self._operator))["total"]
        return int(events["stored"]) + int(kept)


@in_both_modes
async def test_each_owner_has_what_was_sent_while_they_owned_it(tmp_path: Path, database_url: str, mode: str) -> None:
    """I4: nothing of before reaches a new owner, and nothing of after a former one, who keeps what they had."""
    total = mode == "global"
    async with (
        running_simulator(instances=1, global_events=total) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=total) as gateway,
    ):
        acme, beta = await gateway.tenant("acme"), await gateway.tenant("beta")
        operator = await gateway.operator()
        await gateway.start()
        rouse(simulator, ["loja-01"])
        await gateway.knows(operator, "loja-01")
        if not total:  # nobody's instance has no link of its own unless the operator asks for one
            await gateway.post("websocket/connect/instance/loja-01", operator)
        await gateway.is_linked(operator, *(() if total else ("loja-01",)))
        out = Numbers(gateway, simulator, operator)
        await out.say("loja-01", "nobody")
        await gateway.post(
            "instances/claim", acme.key, {"name": "loja-01", "token": simulator.instance("loja-01").token}
        )
        await gateway.is_linked(operator, *(() if total else ("loja-01",)))
        await out.say("loja-01", "acme")
        await gateway.post("instances/loja-01/assign", operator, {"organization": "beta", "move": True})
        await gateway.is_linked(operator, *(() if total else ("loja-01",)))
        await out.say("loja-01", "beta")
        await gateway.post("instances/loja-01/unassign", operator)
        if not total:
            await gateway.post("websocket/connect/instance/loja-01", operator)
            await gateway.is_linked(operator, "loja-01")
        await out.say("loja-01", "nobody again")
        for tenant in (acme, beta):
            log = await gateway.whole_log(tenant.key)
            dense(log, organization_id=tenant.organization_id)
            assert words(log) == spoken(tenant.name)
            assert (await gateway.get("instances", tenant.key))["instances"] == []


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_is_made_here_has_its_owner_from_its_first_event_on(tmp_path: Path, database_url: str) -> None:
    """I4: the owner is there before the instance is."""
    async with (
        running_simulator(instances=0, global_events=True) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=True) as gateway,
    ):
        acme, operator = await gateway.tenant("acme"), await gateway.operator()
        await gateway.start()
        await gateway.is_linked(operator)
        await gateway.post("instances", acme.key, {"name": "shop", "integration": "EVOLUTION"})

        async def stored() -> bool:
            return bool(await gateway.whole_log(acme.key))

        await holds("the first event is stored", stored)
        first = (await gateway.whole_log(acme.key))[0]
        assert (first["event"], first["instance"]) == ("instance.create", "shop")
        assert (await gateway.get("quarantine/summary", operator))["total"] == 0


@in_both_modes
async def test_a_server_comes_and_goes_while_the_house_runs(tmp_path: Path, database_url: str, mode: str) -> None:
    """I4: two instances of one name on two servers are two, each with its own owner."""
    total = mode == "global"
    async with (
        running_simulator(instances=1, global_events=total, seed=1) as first,
        running_simulator(instances=1, global_events=total, seed=2, allowed_hosts="nobody") as second,
        house(tmp_path, database_url, url=first.url, key=first.api_key, global_events=total) as gateway,
    ):
        acme, beta = await gateway.tenant("acme", "loja-01"), await gateway.tenant("beta")
        operator = await gateway.operator()
        await gateway.start()
        added = await gateway.post(
            "servers",
            operator,
            {"url": second.url, "key": second.api_key, "global_events": total, "allow_private": True},
        )
        for simulator in (first, second):
            rouse(simulator, ["loja-01"])
        claim = {"name": "loja-01", "token": second.instance("loja-01").token, "server": added["id"]}
        await gateway.post("instances/claim", beta.key, claim)
        for tenant in (acme, beta):
            await holds(f"{tenant.name} is linked", partial(_is_linked, gateway, tenant.key))
        for number in range(EACH):
            say(first, "loja-01", number, "acme")
            say(second, "loja-01", number, "beta")

        async def all_there() -> bool:
            return all([len(words(await gateway.whole_log(tenant.key))) >= EACH for tenant in (acme, beta)])

        await holds("both have what is theirs", all_there)
        assert (await gateway.call("DELETE", f"servers/{added['id']}", operator)).status_code == 200
        assert (await gateway.get("instances", beta.key))["instances"] == []
        await holds("no socket is left there", lambda: second.summary()["sessions"] == 0)
        say(second, "loja-01", EACH, "beta")
        say(first, "loja-01", EACH, "acme")

        async def last_one_there() -> bool:
            return len(words(await gateway.whole_log(acme.key))) > EACH

        await holds("the other server is still heard", last_one_there)
        for tenant in (acme, beta):
            log = await gateway.whole_log(tenant.key)
            dense(log, organization_id=tenant.organization_id)
            assert {word.split()[0] for word in words(log)} == {tenant.name}
        assert second.api_key not in "".join(gateway.said) + json.dumps(await gateway.get("servers", operator))
        await gateway.stop()
        await gateway.start()
        assert [one["id"] for one in (await gateway.get("servers", operator))["servers"]] == ["main"]
        assert words(await gateway.whole_log(beta.key)) == spoken("beta")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_lost_sealing_key_costs_no_more_than_the_servers_it_sealed(tmp_path: Path, database_url: str) -> None:
    """I6: what cannot be opened is said, and stops nothing else."""
    async with (
        running_simulator(instances=1, global_events=True, seed=1) as first,
        running_simulator(instances=1, global_events=True, seed=2) as second,
        house(tmp_path, database_url, url=first.url, key=first.api_key, global_events=True) as gateway,
    ):
        operator = await gateway.operator()
        await gateway.start()
        body = {"url": second.url, "key": second.api_key, "global_events": True, "allow_private": True}
        added = (await gateway.post("servers", operator, body))["id"]
        await gateway.stop()
        (tmp_path / "secret.keys").unlink()
        await gateway.start()
        await gateway.is_linked(operator)
        shown = {one["id"]: one["is_usable"] for one in (await gateway.get("servers", operator))["servers"]}
        assert shown == {"main": True, added: False}
        answer = await gateway.call("GET", "websocket/status", operator, params={"server": added})
        assert (answer.status_code, answer.json()["code"]) == (503, "secret_unreadable")
        answer = await gateway.call("PATCH", f"servers/{added}", operator, json={"key": second.api_key})
        assert answer.json()["is_usable"]


async def _is_linked(gateway: House, key: str) -> bool:
    return set((await gateway.links(key)).values()) == {"connected"}
