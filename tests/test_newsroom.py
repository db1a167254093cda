"""The whole house: a real gateway in front of the simulator, and a real server that takes webhooks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.traffic import rouse
from tests.support.house import House, Tenant, holds
from tests.support.house import house as a_house
from tests.support.plain_socket import plain_socket
from tests.support.simulator import running_simulator
from tests.support.webhook_receiver import Call, Receiver, receiver

from ponteio.simulator import Simulator

MANY = tuple(f"loja-{number:02d}" for number in range(1, 31))


@dataclass
class Here:
    """A started house whose watch is quick, with `acme` and the server that its channel calls."""

    house: House
    simulator: Simulator
    hooks: Receiver
    acme: Tenant
    channel: str = ""
    secret: str = ""

    async def start(self) -> None:
        """The house runs, and its watch has no patience."""
        await self.house.start()
        assert self.house.gateway is not None
        watch = self.house.gateway._news.watch
        watch._options = replace(
            watch._options,
            tick_s=0.1,
            settles=timedelta(seconds=0.3),
            calm=timedelta(seconds=0.5),
            housekeeping=timedelta(seconds=0.2),
        )

    async def rule(self, **terms: Any) -> Any:
        """A rule that tells the channel."""
        return await self.house.post("alerts", self.acme.key, {"channels": [self.channel], **terms})

    async def incidents(self, state: str = "all", key: str | None = None) -> list[dict[str, Any]]:
        """The organization's incidents, the oldest first."""
        found = await self.house.get("incidents", key or self.acme.key, state=state)
        return list(reversed(found["incidents"]))

    async def has_told(self, *kinds: str) -> list[Call]:
        """Waits until exactly these kinds of messages have come, and nothing else has."""
        await holds(
            f"{kinds} are told",
            lambda: [one.json["type"] for one in self.hooks.calls] == list(kinds),
            why=lambda: [one.json for one in self.hooks.calls],
            within_s=25,
        )
        return self.hooks.calls


@asynccontextmanager
async def here_with(
    tmp_path: Path, database_url: str, *owned: str, global_events: bool, instances: int = 30
) -> AsyncIterator[Here]:
    """Everything, started; acme owns `owned`."""
    async with (
        receiver() as hooks,
        running_simulator(instances=instances, global_events=global_events) as simulator,
        a_house(
            tmp_path,
            database_url,
            url=simulator.url,
            key=simulator.api_key,
            global_events=global_events,
            private_hosts=(f"127.0.0.1:{hooks.port}",),
            requests_per_minute=1_000_000,
            requests_per_address=1_000_000,
        ) as house,
    ):
        here = Here(house, simulator, hooks, Tenant("", "", "", ""))
        await here.start()
        here.acme = await house.tenant("acme", *owned)
        await house.knows(here.acme.key, *owned)
        rouse(simulator, owned)
        await house.is_linked(here.acme.key, *(() if global_events else owned))
        made = await house.post(
            "channels", here.acme.key, {"kind": "webhook", "name": "n8n", "url": f"{hooks.url}/hook"}
        )
        here.channel, here.secret = made["channel"]["id"], made["secret"]
        yield here


@pytest.mark.parametrize("global_events", [True, False])
async def test_a_server_that_goes_down_with_thirty_instances_is_one_message(
    tmp_path: Path, database_url: str, global_events: bool
) -> None:
    async with here_with(tmp_path, database_url, *MANY, global_events=global_events) as here:
        await here.rule(condition="down", for_s=1, name="Shops")
        await here.simulator.go_down()
        (call,) = await here.has_told("alert.firing")
        body = call.verified(here.secret)
        assert body["data"]["details"]["subject"] == {"kind": "server", "name": "main"}
        assert body["data"]["details"]["instance_count"] == 30
        (incident,) = await here.incidents("open")
        assert incident["subject"]["kind"] == "server"
        await here.simulator.come_up()
        await here.has_told("alert.firing", "alert.resolved")
        await holds("nothing is open", here_is_calm(here))
        told = [one for one in await here.incidents() if one["subject"]["kind"] == "server"]
        assert [one["state"] for one in told] == ["resolved"]


def here_is_calm(here: Here) -> Any:
    async def is_calm() -> bool:
        return not await here.incidents("open")

    return is_calm


async def test_a_restart_in_the_middle_of_an_outage_tells_nothing_again(tmp_path: Path, database_url: str) -> None:
    async with here_with(tmp_path, database_url, *MANY[:3], global_events=True, instances=3) as here:
        await here.rule(condition="down", for_s=1)
        await here.simulator.go_down()
        await here.has_told("alert.firing")
        before = await here.incidents("open")
        await here.house.stop()
        await here.start()
        watch = here.house.gateway._news.watch  # type: ignore[union-attr]
        await holds("the watch looks again", lambda: watch._is_past_grace and watch._is_on)
        assert [one["id"] for one in await here.incidents("open")] == [one["id"] for one in before]
        await here.simulator.come_up()
        await here.has_told("alert.firing", "alert.resolved")


async def test_two_organizations_on_one_server_hear_of_their_own(tmp_path: Path, database_url: str) -> None:
    """I4: the same outage is an incident for each, with the names of its own instances alone."""
    async with here_with(tmp_path, database_url, "loja-01", "loja-02", global_events=True, instances=4) as here:
        beta = await here.house.tenant("beta", "loja-03")
        await here.house.knows(beta.key, "loja-03")
        hook = {"kind": "webhook", "name": "beta's", "url": f"{here.hooks.url}/beta"}
        other = (await here.house.post("channels", beta.key, hook))["channel"]["id"]
        await here.rule(condition="down", for_s=1)
        await here.house.post("alerts", beta.key, {"condition": "down", "for_s": 1, "channels": [other]})
        await here.simulator.go_down()
        await holds("both are told", lambda: len(here.hooks.calls) == 2, within_s=25)
        by_path = {one.path: one.json["data"]["details"] for one in here.hooks.calls}
        assert by_path["/hook"]["instances"] == ["loja-01", "loja-02"]
        assert by_path["/beta"]["instances"] == ["loja-03"]
        (mine,), (theirs,) = await here.incidents(), await here.incidents(key=beta.key)
        foreign = await here.house.call("GET", f"incidents/{theirs['id']}", here.acme.key)
        unknown = await here.house.call("GET", "incidents/inc_0123456789abcdef01234567", here.acme.key)
        assert (foreign.status_code, foreign.text) == (404, unknown.text)
        assert mine["id"] != theirs["id"]


async def test_a_phone_that_is_lost_and_people_who_see_it(tmp_path: Path, database_url: str) -> None:
    async with here_with(tmp_path, database_url, "loja-01", "loja-02", global_events=False, instances=2) as here:
        made = await here.rule(condition="down", for_s=0, name="Shops", remind_every_s=300)
        poor = await here.house.post("keys", here.acme.key, {"label": "reader", "scopes": ["events:read"]})
        async with (
            plain_socket(here.house.url, here.acme.key) as socket,
            plain_socket(here.house.url, poor["api_key"]) as reader,
        ):
            here.simulator.emit(
                "loja-01", "connection.update", {"instance": "loja-01", "state": "close", "statusReason": 401}
            )
            (call,) = await here.has_told("alert.firing")
            assert call.verified(here.secret)["data"]["details"]["subject"] == {"kind": "instance", "name": "loja-01"}
            (incident,) = await here.incidents("open")
            await holds("the socket is told", lambda: socket.named("incident"))
            assert {one["id"] for one in socket.named("incident")} == {incident["id"]}
            await holds("the reader hears of the instance", lambda: reader.named("instance-status"))
            assert reader.named("incident") == [], "it may not read alerts"
        seen = await here.house.post(f"incidents/{incident['id']}/acknowledge", here.acme.key)
        assert (seen["state"], seen["acknowledged_by"]) == ("acknowledged", "oracle")
        closed = await here.house.post(f"incidents/{incident['id']}/resolve", here.acme.key)
        assert (closed["state"], closed["resolved_by"]) == ("resolved", "oracle")
        shown = await here.house.get(f"incidents/{incident['id']}", here.acme.key)
        assert [one["kind"] for one in shown["timeline"]] == ["opened", "told", "acknowledged", "resolved"]
        assert await here.incidents("open") == []
        await here.house.post(f"alerts/{made['id']}/test", here.acme.key)
        _, test = await here.has_told("alert.firing", "alert.test")
        assert "loja" not in json.dumps(test.json["data"]["details"])
        preview = await here.house.post("alerts/preview", here.acme.key, {"condition": "down", "for_s": 0})
        assert preview["count"] >= 1
        assert "loja-01" in {one["subject"]["name"] for one in preview["moments"]}
