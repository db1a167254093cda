"""Limits and the storm damper as clients meet them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from tests.live.conftest import QUICK
from tests.live.node_client import node_client
from tests.live.raw_clients import RawWebSocket, raw_polling, raw_websocket
from tests.support.gateway_edge import GatewayEdge, event_of, eventually, gateway_edge

from ponteio.model.outcome import TOO_MANY_LINKS
from ponteio.storage.database import Database


async def refusal(gateway: GatewayEdge, token: str) -> dict[str, Any]:
    async with raw_websocket(gateway.url) as client:
        await client.send("40" + json.dumps({"token": token}))
        packet = await client.packet()
        assert packet.startswith("44{"), packet
        found: dict[str, Any] = json.loads(packet[2:])["data"]
        return found


async def test_reaching_the_number_of_sockets_is_told_to_the_organization_and_to_nobody_else(
    gateway: GatewayEdge,
) -> None:
    await gateway.limit("acme", sockets=1)
    async with raw_websocket(gateway.url) as acme, raw_websocket(gateway.url) as beta:
        await acme.connect(gateway.tokens["acme"])
        await beta.connect(gateway.tokens["beta"])
        for _ in range(3):
            data = await refusal(gateway, gateway.tokens["acme"])
            assert (data["code"], data["retry"]) == ("too_many_sockets", True)
        told = await acme.event("limit")
        assert (told["code"], told["count"]) == ("too_many_sockets", 1)
        assert told["reason"] == "There are as many sockets as are allowed."
        await gateway.publish("acme")
        await gateway.publish("beta")
        assert event_of(await acme.packet())[0] == "evolution-event", "told once in ten seconds"
        assert event_of(await beta.packet())[0] == "evolution-event"
    assert gateway.counters.refused == {"too_many_sockets": 3}
    organization_id = gateway.organizations["acme"].organization_id
    assert [(one.code, one.count) for one in gateway.notices.of(organization_id)] == [("too_many_sockets", 3)]


async def test_a_limit_that_another_room_reports_reaches_the_sockets_too(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])
        gateway.notices.reached(gateway.organizations["beta"].organization_id, TOO_MANY_LINKS)
        gateway.notices.reached(gateway.organizations["acme"].organization_id, TOO_MANY_LINKS)
        assert (await client.event("limit"))["code"] == "too_many_links"


async def test_one_person_has_a_number_of_sockets_over_all_browsers_and_credentials(gateway: GatewayEdge) -> None:
    await gateway.limit("acme", sockets_per_user=2)
    async with raw_websocket(gateway.url) as one, raw_websocket(gateway.url) as two, raw_websocket(gateway.url) as key:
        await key.connect(gateway.tokens["acme"])
        await one.connect(await gateway.ticket("acme", user_label="ana"))
        await two.connect(await gateway.token("acme", "ana"))
        for token in (await gateway.ticket("acme", user_label="ana"), await gateway.token("acme", "ana")):
            assert (await refusal(gateway, token))["code"] == "too_many_user_sockets"
        for free in (gateway.tokens["acme"], await gateway.token("acme", "rui"), await gateway.token("beta", "ana")):
            async with raw_websocket(gateway.url) as client:
                await client.connect(free)
        assert (await key.event("limit"))["code"] == "too_many_user_sockets"
    await gateway.is_empty()


@pytest.mark.parametrize("limits", [{"sockets": 0}, {"sockets_per_user": 0}])
async def test_zero_sockets_means_none(gateway: GatewayEdge, limits: dict[str, int]) -> None:
    await gateway.limit("acme", **limits)
    assert (await refusal(gateway, await gateway.token("acme")))["retry"] is True
    await gateway.is_empty()


async def heard(client: RawWebSocket, last: int) -> tuple[list[int], list[dict[str, Any]]]:
    """Numbers of the events, and what was held, until both together reach the number `last`."""
    seqs: list[int] = []
    held: list[dict[str, Any]] = []
    while last > max([0, *seqs, *(int(body["to"].rpartition("-")[2]) for body in held)]):
        name, body = event_of(await client.packet())
        if name == "evolution-event":
            seqs.append(body["seq"])
        elif name == "held":
            held.append(body)
    return seqs, held


async def test_a_browser_is_damped_for_each_instance_and_a_service_is_not(gateway: GatewayEdge) -> None:
    await gateway.limit("acme", live_per_minute=60, live_burst=5)
    browsers = [await gateway.ticket("acme"), await gateway.token("acme")]
    _, damped_key = await gateway.key("acme", live_per_minute=5)
    async with (
        raw_websocket(gateway.url) as ticket,
        raw_websocket(gateway.url) as token,
        raw_websocket(gateway.url) as key,
        raw_websocket(gateway.url) as service,
    ):
        for client, secret, limits in (
            (ticket, browsers[0], (60, 5)),
            (token, browsers[1], (60, 5)),
            (key, damped_key, (5, 5)),
            (service, gateway.tokens["acme"], (None, None)),
        ):
            ready = await client.connect(secret)
            assert (ready["limits"]["live_per_minute"], ready["limits"]["live_burst"]) == limits
        stored = await gateway.publish("acme", 20, instance="storm")
        await gateway.publish("acme", 3, instance="quiet")
        await gateway.publish("acme", 1, instance="storm")
        for client in (ticket, token, key):
            seqs, held = await heard(client, 24)
            assert seqs == [1, 2, 3, 4, 5, 21, 22, 23]
            assert (held[0]["instance"], held[0]["from"]) == ("storm", str(stored[5].cursor))
            assert sum(body["count"] for body in held) == 16
            assert {body["code"] for body in held} == {"live_held"}
        assert (await heard(service, 24))[0] == list(range(1, 25))
    assert gateway.counters.total("live_held") == 3 * 16
    assert gateway.notices.of(gateway.organizations["acme"].organization_id)[0].code == "live_held"


async def test_what_was_held_can_be_fetched_from_the_log(gateway: GatewayEdge) -> None:
    await gateway.limit("acme", live_per_minute=0, live_burst=0)
    async with raw_websocket(gateway.url) as client:
        await client.connect(await gateway.ticket("acme"))
        stored = await gateway.publish("acme", 30)
        held = await client.event("held")
        assert (held["from"], held["to"], held["count"]) == (str(stored[0].cursor), str(stored[-1].cursor), 30)
        page = await gateway.log.read_after(gateway.scope("acme"), None)
        assert [event.seq for event in page.events] == list(range(1, 31))


async def test_notices_come_once_a_second_however_many_events_are_held(sqlite_database: Database) -> None:
    async with gateway_edge(sqlite_database, replace(QUICK, look_every_s=1.0)) as gateway:
        await gateway.limit("acme", live_per_minute=0)
        async with raw_websocket(gateway.url) as client:
            await client.connect(await gateway.ticket("acme"))
            told: list[dict[str, Any]] = []
            loop, stored = asyncio.get_running_loop(), 0
            began = loop.time()
            while loop.time() - began < 2.5:
                stored += len(await gateway.publish("acme", 10))
                await asyncio.sleep(0.01)
            while sum(body["count"] for body in told) < stored:
                told.append(await client.event("held"))
            assert 2 <= len(told) <= 4


async def test_the_operators_new_limits_hold_for_sockets_that_are_here(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url) as client:
        await client.connect(await gateway.ticket("acme"))
        await gateway.publish("acme", 1)
        assert (await client.event("evolution-event"))["seq"] == 1
        await gateway.limit("acme", live_per_minute=0)
        await gateway.edge.enforce()
        await gateway.publish("acme", 1)
        assert (await client.event("held"))["count"] == 1


@pytest.mark.node
@pytest.mark.parametrize("options", [{}, {"transports": ["websocket"]}, {"transports": ["polling"]}])
async def test_the_stock_javascript_client_hears_what_was_held_before_the_goodbye(
    sqlite_database: Database, options: dict[str, Any]
) -> None:
    async with gateway_edge(sqlite_database, replace(QUICK, look_every_s=30.0, farewell_s=2.0)) as gateway:
        await gateway.limit("acme", live_per_minute=60, live_burst=2)
        token = await gateway.token("acme")
        async with node_client(url=gateway.url, token=token, options=options) as client:
            await client.until(lambda: client.events("ready"))
            await gateway.publish("acme", 2)
            await client.until(lambda: client.seqs == [1, 2])
            await gateway.publish("acme", 5)
            await eventually(lambda: gateway.counters.total("live_held") == 5)
            await gateway.edge.close()
            await client.until(lambda: client.events("goodbye"))
            names = [one["name"] for one in client.told("event") if one["name"] != "limit"]
            assert names[-2:] == ["held", "goodbye"]
            assert client.events("held")[0]["count"] == 5


async def test_who_was_refused_by_a_limit_gets_in_once_there_is_room_again(gateway: GatewayEdge) -> None:
    await gateway.limit("acme", sockets=1)
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])
        assert (await refusal(gateway, gateway.tokens["acme"]))["code"] == "too_many_sockets"
    await gateway.is_empty()
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])


async def test_a_limit_of_sockets_holds_for_those_who_come_at_once(gateway: GatewayEdge) -> None:
    await gateway.limit("acme", sockets=5, sockets_per_user=3)

    async def come(token: str) -> str:
        async with raw_polling(gateway.url) as client:
            await client.post("40" + json.dumps({"token": token}))
            packet = (await client.packets(1))[0]
            await everybody.wait()
            return packet[:2] if packet.startswith("40") else str(json.loads(packet[2:])["data"]["code"])

    everybody = asyncio.Event()
    tokens = [await gateway.token("acme", "ana") for _ in range(10)] + [gateway.tokens["acme"]] * 10
    coming = [asyncio.create_task(come(token)) for token in tokens]
    await eventually(lambda: gateway.edge.socket_count(None) + sum(gateway.counters.refused.values()) == 20)
    everybody.set()
    verdicts = Counter(await asyncio.gather(*coming))
    assert verdicts["40"] == 5
    assert sum(verdicts.values()) == 20
    await gateway.is_empty()
