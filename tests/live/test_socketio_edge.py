"""The edge as it looks to clients without manners. After each test nothing may be left of them in any register."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import aiohttp
import pytest
import socketio
from tests.live.conftest import QUICK
from tests.live.raw_clients import PATH, RawPolling, RawWebSocket, raw_polling, raw_websocket
from tests.support.gateway_edge import GatewayEdge, event_of, eventually, gateway_edge

from ponteio.live import socketio_edge
from ponteio.storage.database import Database

OVERRIDDEN = {
    socketio.AsyncServer: (
        "_engineio_server_class",
        "_handle_ack",
        "_handle_connect",
        "_handle_disconnect",
        "_handle_eio_connect",
        "_handle_eio_disconnect",
        "_handle_eio_message",
        "_handle_event",
        "_send_packet",
    ),
    socketio.AsyncManager: ("basic_disconnect", "basic_leave_room", "sid_from_eio_sid", "disconnect"),
}


def refusal(packet: str) -> dict[str, Any]:
    assert packet.startswith("44{"), packet
    body = json.loads(packet[2:])
    assert body["message"] == body["data"]["detail"]
    assert isinstance(body["data"], dict)
    return body["data"]


def test_the_methods_that_are_overridden_exist_in_the_installed_libraries() -> None:
    for owner, names in OVERRIDDEN.items():
        for name in names:
            assert callable(getattr(owner, name)), f"{owner.__name__}.{name} is gone: read socketio_edge.py again"
    assert version("python-socketio").split(".")[0] == "5"


def test_uvicorn_is_told_neither_to_compress_nor_to_ping() -> None:
    options = socketio_edge.uvicorn_options()
    assert options["ws_per_message_deflate"] is False
    assert options["ws_ping_interval"] is None
    assert options["ws_max_size"] == 65_536


MALFORMED = {
    "empty": "",
    "letter": "x",
    "no packet inside": "4",
    "unknown engine packet": "9",
    "open from a client": "0{}",
    "ping of protocol 3": "2",
    "upgrade without need": "5",
    "noop": "6",
    "unknown socket packet": "47",
    "json instead of a packet": '4{"a":1}',
    "a number": "4-5",
    "broken json": '40{"token":',
    "connect error from a client": '44{"message":"x"}',
    "binary event": '451-["x",{"_placeholder":true,"num":0}]',
    "binary ack": "461-0[]",
    "base64 binary": "bAAAA",
    "event before authentication": '42["hello",{}]',
    "ack before authentication": "431[]",
    "deep json": "4" + "[" * 4_000,
    "deep auth": '40{"token":' + "[" * 4_000,
    "superscript": "²",
}


async def each(names: Iterable[str], check: Callable[[str], Awaitable[None]]) -> None:
    """All cases at once, on one edge; the first that fails is named."""

    async def one(name: str) -> None:
        try:
            await check(name)
        except Exception as error:
            error.add_note(f"in the case {name!r}")
            raise

    await asyncio.gather(*map(one, names))


async def test_a_malformed_packet_closes_a_websocket(clean: GatewayEdge) -> None:
    async def check(name: str) -> None:
        async with raw_websocket(clean.url) as client:
            await client.send(MALFORMED[name])
            assert [packet for packet in await client.rest() if packet != "1"] == []

    await each(MALFORMED, check)
    assert clean.counters.refused == {"protocol_violation": len(MALFORMED)}


async def test_a_malformed_packet_closes_a_polling_session(clean: GatewayEdge) -> None:
    async def check(name: str) -> None:
        async with raw_polling(clean.url) as client:
            assert await client.post(MALFORMED[name]) == 200
            assert await client.rest() == ["1"]

    names = [name for name in MALFORMED if name != "empty"]
    await each(names, check)
    assert clean.counters.refused == {"protocol_violation": len(names)}


async def test_a_malformed_body_never_raises_and_leaves_nothing(clean: GatewayEdge) -> None:
    for body in (b"", b"\xff\xfe", b"\x1e\x1e", b"2\x1e" * 20, b"d=40"):
        async with raw_polling(clean.url) as client, client.http.post(client.address, data=body) as response:
            assert response.status == 200, body


async def test_bytes_on_a_websocket_close_it_before_and_after_authentication(clean: GatewayEdge) -> None:
    async with raw_websocket(clean.url) as client:
        await client.ws.send_bytes(b"40")
        await client.rest()
    async with raw_websocket(clean.url) as client:
        await client.connect(clean.tokens["acme"])
        await client.ws.send_bytes(b"bytes")
        packets = await client.rest()
    assert event_of(packets[0])[1]["code"] == "protocol_violation"
    assert packets[1] == "41"
    assert clean.counters.refused == {"protocol_violation": 2}


async def test_an_oversize_packet_closes_the_websocket(clean: GatewayEdge) -> None:
    for size in (4 * 1024 + 1, 70_000, 300_000):
        async with raw_websocket(clean.url) as client:
            with suppress(ConnectionError):
                await client.send("40" + "x" * (size - 2))
            await client.rest()
    await clean.is_empty()


async def test_a_packet_at_the_limit_is_read(clean: GatewayEdge) -> None:
    async with raw_websocket(clean.url) as client:
        auth = {"token": clean.tokens["acme"], "more": ""}
        auth["more"] = "x" * (4 * 1024 - len("40" + json.dumps(auth)))
        await client.send("40" + json.dumps(auth))
        assert (await client.packet()).startswith('40{"sid":')


AUTHS = {
    "": "auth_required",
    "{}": "auth_required",
    "[]": "auth_required",
    '""': "auth_required",
    "null": "auth_required",
    '{"token":null}': "auth_required",
    '["token"]': "invalid_request",
    '"token"': "invalid_request",
    "true": "invalid_request",
    '{"token":7}': "invalid_request",
    '{"token":{"a":1}}': "invalid_request",
    '{"token":"\\ud800"}': "auth_invalid",
    '{"token":"pnt_wrong"}': "auth_invalid",
    json.dumps({"token": "x" * 4_000}): "auth_invalid",
}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_refusal_has_a_code_and_then_the_transport_is_closed(clean: GatewayEdge, transport: str) -> None:
    async def check(auth: str) -> None:
        async with connection(clean, transport) as client:
            await say(client, "40" + auth)
            packets = await client.rest()
        data = refusal(packets[0])
        assert (data["code"], data["retry"]) == (AUTHS[auth], False)

    await each(AUTHS, check)
    assert clean.counters.refused == Counter(AUTHS.values())


def connection(gateway: GatewayEdge, transport: str) -> Any:
    return raw_websocket(gateway.url) if transport == "websocket" else raw_polling(gateway.url)


async def say(client: RawWebSocket | RawPolling, *packets: str) -> None:
    if isinstance(client, RawPolling):
        await client.post(*packets)
    else:
        for packet in packets:
            await client.send(packet)


async def test_an_operators_key_has_no_events_and_is_refused(clean: GatewayEdge) -> None:
    _, secret = await clean.keys.create(None, "operator")
    async with raw_websocket(clean.url) as client:
        await client.send("40" + json.dumps({"token": secret}))
        assert refusal(await client.packet())["code"] == "organization_only"


async def test_a_bad_filter_refuses_and_a_bad_cursor_does_not(clean: GatewayEdge) -> None:
    token = clean.tokens["acme"]
    async with raw_websocket(clean.url) as client:
        await client.send("40" + json.dumps({"token": token, "filter": {"event": ["x"]}}))
        data = refusal(await client.packet())
        assert data["code"] == "invalid_filter"
        assert "event" in data["detail"]
    async with raw_websocket(clean.url) as client:
        ready = await client.connect(token, cursor=["nonsense"])
        assert (ready["resumed"], ready["reason"]) == (False, "invalid_cursor")


async def test_who_was_refused_may_try_again_at_once_on_the_same_transport(clean: GatewayEdge) -> None:
    async with raw_websocket(clean.url) as client:
        await client.send("40")
        assert refusal(await client.packet())["code"] == "auth_required"
        assert (await client.connect(clean.tokens["acme"]))["resumed"] is False
        await asyncio.sleep(2 * QUICK.refused_s)
        await clean.publish("acme")
        assert (await client.event("evolution-event"))["seq"] == 1


async def test_other_namespaces_are_refused_also_for_members(clean: GatewayEdge) -> None:
    async with raw_websocket(clean.url) as client:
        await client.connect(clean.tokens["acme"])
        for namespace in ("/admin", "/acme", "/one?token=x"):
            await client.send(f"40{namespace},{json.dumps({'token': clean.tokens['acme']})}")
            packet = await client.packet()
            assert packet.startswith(f"44{namespace.partition('?')[0]},")
            assert '"code":"not_found"' in packet
        await clean.publish("acme")
        assert (await client.event("evolution-event"))["seq"] == 1


async def test_a_second_connect_is_a_violation(clean: GatewayEdge) -> None:
    async with raw_websocket(clean.url) as client:
        await client.connect(clean.tokens["acme"])
        await client.send("40" + json.dumps({"token": clean.tokens["acme"]}))
        packets = await client.rest()
    assert event_of(packets[0])[1] == {
        "code": "protocol_violation",
        "reason": "The socket sent what this gateway does not take.",
        "retry": False,
    }


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_who_does_not_authenticate_in_time_is_told_and_closed(sqlite_database: Database, transport: str) -> None:
    async with gateway_edge(sqlite_database, replace(QUICK, auth_deadline_s=0.3)) as gateway:
        async with connection(gateway, transport) as client:
            packets = await client.rest()
            data = refusal(packets[0])
            assert (data["code"], data["retry"]) == ("auth_timeout", True)
        assert gateway.counters.refused == {"auth_timeout": 1}
        await gateway.is_empty()


async def test_talking_about_other_things_does_not_extend_the_deadline(sqlite_database: Database) -> None:
    async with gateway_edge(sqlite_database, replace(QUICK, auth_deadline_s=0.5)) as gateway:
        async with raw_websocket(gateway.url) as client:
            for _ in range(5):
                await client.send("40/other,")
                await asyncio.sleep(0.02)
            await client.rest()
        await gateway.is_empty()


async def test_events_of_clients_are_counted_never_answered_and_cannot_call_a_handler(clean: GatewayEdge) -> None:
    """The library would call the connect handler for an event of that name."""
    async with raw_websocket(clean.url) as client:
        await client.connect(clean.tokens["acme"])
        for packet in (
            '42["hello",{}]',
            '421["hello"]',
            '42["connect",{},{}]',
            '42["disconnect"]',
            '42[{"a":1}]',
            "431[1]",
        ):
            await client.send(packet)
        await eventually(lambda: clean.counters.total("live_client_events_ignored") == 6)
        await clean.publish("acme")
        name, _ = event_of(await client.packet())
        assert name == "evolution-event"


async def test_a_chatty_client_is_closed_after_its_burst(clean: GatewayEdge) -> None:
    async with raw_websocket(clean.url) as client:
        await client.connect(clean.tokens["acme"])
        with suppress(ConnectionError):
            for _ in range(60):
                await client.send('42["hello"]')
        packets = await client.rest()
        assert event_of(packets[0])[1]["code"] == "protocol_violation"
    assert clean.counters.total("live_client_events_ignored") < 45


async def test_a_client_that_pongs_without_end_is_closed(clean: GatewayEdge) -> None:
    async with raw_websocket(clean.url) as client:
        with suppress(ConnectionError):
            for _ in range(60):
                await client.send("3")
        await client.rest()
    assert clean.counters.refused == {"protocol_violation": 1}


@pytest.mark.parametrize("goodbye", ["41", "1"])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_client_that_says_goodbye_is_gone_with_its_transport(
    clean: GatewayEdge, transport: str, goodbye: str
) -> None:
    async with connection(clean, transport) as client:
        await say(client, "40" + json.dumps({"token": clean.tokens["acme"]}))
        await eventually(lambda: clean.edge.socket_count(None) == 1)
        await say(client, goodbye)
        await eventually(lambda: clean.edge.socket_count(None) == 0)
        await client.rest()
        await clean.is_empty()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_client_that_vanishes_during_its_handshake_leaves_nothing(
    clean: GatewayEdge, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(
        type(clean.authenticator), "handshake", held(clean.authenticator.handshake, is_asked, may_answer)
    )
    async with connection(clean, transport) as client:
        hello = "40" + json.dumps({"token": clean.tokens["acme"]})
        saying = asyncio.create_task(say(client, hello))
        await asyncio.wait_for(is_asked.wait(), 5)
        await say(client, "1")
        if isinstance(client, RawWebSocket):
            await client.ws.close()
        else:
            await eventually(lambda: not clean.leftovers().get("sessions"))
        may_answer.set()
        await saying
    await clean.is_empty()
    assert clean.edge.socket_count(None) == 0


def held(
    real: Callable[[object], Awaitable[Any]], is_asked: asyncio.Event, may_answer: asyncio.Event
) -> Callable[..., Awaitable[Any]]:
    """`real`, slow: as with a database that is busy."""

    async def slow(_self: object, secret: object) -> Any:
        is_asked.set()
        await may_answer.wait()
        return await real(secret)

    return slow


async def test_a_second_connect_while_the_first_is_being_judged_is_a_violation_and_leaves_nothing(
    clean: GatewayEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(
        type(clean.authenticator), "handshake", held(clean.authenticator.handshake, is_asked, may_answer)
    )
    async with raw_polling(clean.url) as client:
        hello = "40" + json.dumps({"token": clean.tokens["acme"]})
        first = asyncio.create_task(client.post(hello))
        await asyncio.wait_for(is_asked.wait(), 5)
        await client.post(hello)
        may_answer.set()
        await first
    await clean.is_empty()
    assert clean.counters.refused == {"protocol_violation": 1}


async def test_a_house_that_fails_inside_is_a_refusal_and_leaves_nothing(
    clean: GatewayEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_self: object, _secret: object) -> Any:
        raise TypeError("the library would call a handler that raises this a second time")

    monkeypatch.setattr(type(clean.authenticator), "handshake", broken)
    async with raw_websocket(clean.url) as client:
        await client.send("40" + json.dumps({"token": "any"}))
        data = refusal(await client.packet())
        assert (data["code"], data["retry"]) == ("internal", True)
        assert "library" not in str(data)
    assert clean.counters.refused == {"internal": 1}


async def test_a_client_that_does_not_answer_pings_is_closed_by_a_clock_that_nobody_sets(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(QUICK, ping_interval_s=0.2, ping_timeout_s=0.3)
    monkeypatch.setattr("time.time", lambda: 0.0)
    async with gateway_edge(sqlite_database, options) as gateway:
        async with raw_websocket(gateway.url) as polite, raw_websocket(gateway.url) as rude:
            await polite.connect(gateway.tokens["acme"])
            await rude.connect(gateway.tokens["acme"])
            reading = asyncio.create_task(polite.rest())
            types = []
            while (message := await asyncio.wait_for(rude.ws.receive(), 5)).type is aiohttp.WSMsgType.TEXT:
                types.append(message.data)
            assert types[0] == "2"
            assert gateway.edge.socket_count(None) == 1
            reading.cancel()
        await gateway.is_empty()


async def test_a_client_that_polls_but_does_not_answer_pings_is_closed(sqlite_database: Database) -> None:
    async with gateway_edge(sqlite_database, replace(QUICK, ping_interval_s=0.2, ping_timeout_s=0.3)) as gateway:
        async with raw_polling(gateway.url) as client:
            await client.post("40" + json.dumps({"token": gateway.tokens["acme"]}))
            assert (await asyncio.wait_for(client.rest(), 5))[-2:] == ["2", "1"]
        await gateway.is_empty()


async def test_a_session_cannot_be_used_by_a_page_of_another_origin(clean: GatewayEdge) -> None:
    async with raw_polling(clean.url) as client:
        evil = {"Origin": "https://evil.example"}
        async with client.http.get(client.address, headers=evil) as response:
            assert response.status == 403
        async with client.http.post(client.address, data="40", headers=evil) as response:
            assert response.status == 403


async def test_clients_that_come_and_go_in_all_states_leave_nothing(clean: GatewayEdge) -> None:
    async def come_and_go(number: int) -> None:
        transport = "polling" if number % 2 else "websocket"
        async with connection(clean, transport) as client:
            if number % 3:
                token = clean.tokens["acme"] if number % 3 == 1 else "pnt_wrong"
                await say(client, "40" + json.dumps({"token": token}))

    await asyncio.gather(*(come_and_go(number) for number in range(60)))
    for session in list(clean.edge._sessions._wheel):
        session.finish()
    await clean.is_empty()


async def test_a_token_in_the_url_is_never_looked_at(clean: GatewayEdge) -> None:
    async with aiohttp.ClientSession() as http:
        address = f"{clean.url}{PATH}websocket&token={clean.tokens['acme']}"
        async with http.ws_connect(address) as ws:
            client = RawWebSocket(ws)
            assert (await client.packet()).startswith("0{")
            await client.send("40")
            assert refusal(await client.packet())["code"] == "auth_required"


HELLOS: dict[str, Callable[[GatewayEdge], Awaitable[list[str]]]] = {}
"""What a client says before it goes, in the order of its packets."""


def hello(name: str) -> Callable[..., None]:
    def keep(said: Callable[[GatewayEdge], Awaitable[list[str]]]) -> None:
        HELLOS[name] = said

    return keep


def connect(token: object, **more: object) -> str:
    return "40" + json.dumps({"token": token, **more})


@hello("nothing")
async def _(_: GatewayEdge) -> list[str]:
    return []


@hello("a wrong key")
async def _(_: GatewayEdge) -> list[str]:
    return [connect("pnt_" + "x" * 43)]


@hello("a wrong ticket")
async def _(_: GatewayEdge) -> list[str]:
    return [connect("ptk_" + "x" * 43)]


@hello("a forged token")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect((await gateway.token("acme"))[:-4] + "AAAA")]


@hello("a bad filter")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect(gateway.tokens["acme"], filter={"nope": 1})]


@hello("a ticket and then nothing")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect(await gateway.ticket("acme", user_label="ana"))]


@hello("a ticket for a person who has too many sockets")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect(await gateway.token("beta", "ana"))]


@hello("a key, and a second CONNECT")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect(gateway.tokens["acme"]), connect(gateway.tokens["acme"])]


@hello("a key, and nonsense")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect(gateway.tokens["acme"]), "4x"]


@hello("a key, and the end in the same breath")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect(gateway.tokens["acme"]), "1"]


@hello("a key, and a Socket.IO disconnect")
async def _(gateway: GatewayEdge) -> list[str]:
    return [connect(gateway.tokens["acme"]), "41"]


@hello("another namespace")
async def _(gateway: GatewayEdge) -> list[str]:
    return ["40/admin," + json.dumps({"token": gateway.tokens["acme"]})]


@hello("an event before CONNECT")
async def _(_: GatewayEdge) -> list[str]:
    return ['42["hello"]']


OF_EACH = 200


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_hundreds_of_every_kind_leave_nothing_in_any_register(clean: GatewayEdge, transport: str) -> None:
    """Registers of sessions, addresses, people, rooms and admissions, and those of both libraries."""
    await clean.limit("beta", sockets_per_user=1)
    await clean.limit("acme", sockets=1_000, sockets_per_user=1_000)
    await clean.token("acme")

    async def come_and_go(name: str) -> None:
        packets = await HELLOS[name](clean)
        async with connection(clean, transport) as client:
            with suppress(ConnectionError, aiohttp.ClientError):
                await say(client, *packets)

    for name in HELLOS:
        for _ in range(OF_EACH // 40):
            await asyncio.gather(*(come_and_go(name) for _ in range(40)))
    await eventually(lambda: clean.counters.refused["protocol_violation"] >= 2 * OF_EACH)
    for session in list(clean.edge._sessions._wheel):
        session.finish()
    await clean.is_empty()
    assert clean.counters.refused["auth_invalid"] >= 3 * OF_EACH
