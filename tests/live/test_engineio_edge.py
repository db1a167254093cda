"""Sessions of Engine.IO as they look to clients without manners: upgrades, polls, and what a request says of itself."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from importlib.metadata import version

import aiohttp
import engineio
import pytest
from tests.live.conftest import QUICK
from tests.live.raw_clients import PATH, raw_polling, raw_websocket
from tests.support.gateway_edge import GatewayEdge, event_of, eventually, gateway_edge

from ponteio.live import engineio_edge
from ponteio.live.engineio_edge import EngineSocket
from ponteio.model.rights import Role
from ponteio.storage.database import Database

OVERRIDDEN = {
    engineio.AsyncServer: (
        "_cors_headers",
        "_handle_connect",
        "_trigger_event",
        "_upgrades",
        "_ok",
        "_bad_request",
        "generate_id",
    ),
    engineio.async_socket.AsyncSocket: (
        "_websocket_handler",
        "check_ping_timeout",
        "close",
        "handle_get_request",
        "handle_post_request",
        "poll",
        "receive",
        "schedule_ping",
        "send",
    ),
}


def test_the_methods_that_are_overridden_exist_in_the_installed_library() -> None:
    for owner, names in OVERRIDDEN.items():
        for name in names:
            assert callable(getattr(owner, name)), f"{owner.__name__}.{name} is gone: read engineio_edge.py again"
    assert version("python-engineio").split(".")[0] == "4"


async def test_an_upgrade_takes_over_without_loss_or_repeat(clean: GatewayEdge) -> None:
    async with raw_polling(clean.url) as client:
        await client.post("40" + json.dumps({"token": clean.tokens["acme"]}))
        await client.packets(2)
        async with raw_websocket(clean.url, client.sid) as upgrade:
            await clean.publish("acme")
            seqs = [event_of(packet)[1]["seq"] for packet in await client.packets(1)]
            await upgrade.send("2probe")
            assert await upgrade.packet() == "3probe"
            await clean.publish("acme", 2)
            seqs += [event_of(packet)[1]["seq"] for packet in await client.poll() if packet != "6"]
            assert await client.poll() == ["6"]
            await upgrade.send("5")
            await clean.publish("acme", 2)
            while len(seqs) < 5:
                packet = await upgrade.packet()
                if packet.startswith('42["evolution-event"'):
                    seqs.append(event_of(packet)[1]["seq"])
            assert seqs == [1, 2, 3, 4, 5]
            async with client.http.get(client.address) as late:
                assert late.status == 400


async def test_polling_goes_on_while_the_websocket_of_an_upgrade_says_nothing(clean: GatewayEdge) -> None:
    """A proxy may take a WebSocket and then swallow all that it says: events must not wait for the end of that."""
    async with raw_polling(clean.url) as client:
        await client.post("40" + json.dumps({"token": clean.tokens["acme"]}))
        await client.packets(2)
        async with raw_websocket(clean.url, client.sid):
            await eventually(lambda: next(iter(clean.edge._edge.server.eio.sockets.values())).upgrading)
            poll = asyncio.create_task(client.poll())
            await asyncio.sleep(0.05)
            assert not poll.done()
            await clean.publish("acme")
            assert event_of((await poll)[0])[1]["seq"] == 1


@pytest.mark.parametrize("packets", [["x"], ["2probe", "x"], ["2", "5"], []])
async def test_an_upgrade_that_fails_leaves_polling_alive_or_closes_what_is_malformed(
    clean: GatewayEdge, packets: list[str]
) -> None:
    async with raw_polling(clean.url) as client:
        await client.post("40" + json.dumps({"token": clean.tokens["acme"]}))
        await client.packets(2)
        async with raw_websocket(clean.url, client.sid) as upgrade:
            for packet in packets:
                await upgrade.send(packet)
            if packets and packets[-1] != "x":
                await upgrade.rest()
            elif packets:
                await eventually(lambda: clean.edge.socket_count(None) == 0)
        if packets and packets[-1] == "x":
            return
        await clean.publish("acme")
        found: list[str] = []
        while not found:
            found = [packet for packet in await client.poll() if packet.startswith("42")]
        assert event_of(found[0])[1]["seq"] == 1


async def test_an_upgrade_that_never_goes_on_is_given_up(clean: GatewayEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engineio_edge, "UPGRADE_S", 0.2)
    async with raw_polling(clean.url) as client:
        await client.post("40" + json.dumps({"token": clean.tokens["acme"]}))
        await client.packets(2)
        async with raw_websocket(clean.url, client.sid) as upgrade:
            await upgrade.send("2probe")
            assert await upgrade.packet() == "3probe"
            assert await upgrade.rest() == []
        await clean.publish("acme")
        found: list[str] = []
        while not found:
            found = [packet for packet in await client.poll() if packet.startswith("42")]
        assert event_of(found[0])[1]["seq"] == 1


async def test_two_upgrades_of_one_session_are_one_too_many(clean: GatewayEdge) -> None:
    async with raw_polling(clean.url) as client:
        await client.post("40" + json.dumps({"token": clean.tokens["acme"]}))
        async with raw_websocket(clean.url, client.sid) as upgrade:
            await upgrade.send("2probe")
            assert await upgrade.packet() == "3probe"
            with pytest.raises(aiohttp.WSServerHandshakeError):
                async with raw_websocket(clean.url, client.sid):
                    pass


async def test_two_polls_at_once_close_the_session(clean: GatewayEdge) -> None:
    async with raw_polling(clean.url) as client:
        await client.post("40" + json.dumps({"token": clean.tokens["acme"]}))
        await client.packets(2)
        first = asyncio.create_task(client.rest())
        await asyncio.sleep(0.05)
        await client.rest()
        await first
    assert clean.counters.refused == {"protocol_violation": 1}


def only_session(gateway: GatewayEdge) -> EngineSocket:
    session = next(iter(gateway.edge._sessions._wheel))
    assert isinstance(session, EngineSocket)
    return session


async def test_the_cookie_of_every_request_counts_until_the_session_is_a_member(clean: GatewayEdge) -> None:
    """Of the opening, of a post, of an upgrade; never of a request that does not come from our own page."""
    person = await clean.person("acme", Role.VIEWER)
    ours = {"Cookie": f"ponteio={person.cookie}", "Origin": clean.url}
    async with raw_polling(clean.url) as client:
        session = only_session(clean)
        assert session.address == "127.0.0.1"
        assert session.cookie is None
        async with client.http.post(client.address, data="3", headers={"Cookie": ours["Cookie"]}) as response:
            assert response.status == 200
        assert session.cookie is None
        async with raw_websocket(clean.url, client.sid, **ours) as upgrade:
            await eventually(lambda: session.cookie == person.cookie)
            await upgrade.send("2probe")
            assert await upgrade.packet() == "3probe"
            await upgrade.send("5")
            await upgrade.send("40")
            while not (packet := await upgrade.packet()).startswith("42"):
                assert packet == "6" or packet.startswith('40{"sid":')
            assert event_of(packet)[1]["user"] == person.user_id
        assert session.cookie is None
    async with raw_websocket(clean.url, **ours) as client_of_one_request:
        assert only_session(clean).cookie == person.cookie
        await client_of_one_request.connect(clean.tokens["acme"])
        assert only_session(clean).cookie is None


@pytest.mark.parametrize(
    ("origin", "credentials"), [("https://app.example", "true"), ("https://anybody.example", None), ("null", None)]
)
async def test_only_pages_that_are_listed_by_name_may_read_answers_to_their_cookie(
    sqlite_database: Database, origin: str, credentials: str | None
) -> None:
    options = replace(QUICK, allowed_origins=("https://app.example", "*"))
    async with gateway_edge(sqlite_database, options) as gateway, aiohttp.ClientSession() as http:
        response = await http.get(f"{gateway.url}{PATH}polling", headers={"Origin": origin})
        response.release()
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers.get("Access-Control-Allow-Credentials") == credentials
