"""The whole edge with the clients that people use: the real JavaScript `socket.io-client` and python-socketio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import aiohttp
import pytest
import socketio
from tests.live.conftest import QUICK
from tests.live.node_client import NodeClient, node_client
from tests.live.raw_clients import RawWebSocket, raw_polling, raw_websocket
from tests.live.stored import AT
from tests.support.gateway_edge import SERVER_ID, GatewayEdge, decoded_event, event_of, eventually, gateway_edge

from ponteio.live.options import LiveOptions
from ponteio.live.room import Member
from ponteio.model.cursor import Cursor
from ponteio.model.event import AddressedEvent
from ponteio.model.identity import InstanceChange, InstanceState
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.sight import ALL_SEEN
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError

DEFAULT: dict[str, Any] = {}
WEBSOCKET = {"transports": ["websocket"]}
POLLING = {"transports": ["polling"]}
TRANSPORTS = pytest.mark.parametrize("options", [DEFAULT, WEBSOCKET, POLLING], ids=["default", "websocket", "polling"])


def cut_all(gateway: GatewayEdge) -> None:
    """Every connection is gone at once, as when a cable is pulled."""
    for session in list(gateway.edge._sessions._wheel):
        session.cut()


def has_been_ready(client: NodeClient, times: int) -> bool:
    return len(client.events("ready")) >= times


@pytest.mark.node
@TRANSPORTS
async def test_the_stock_javascript_client_resumes_after_cuts_without_loss_or_repeat(
    gateway: GatewayEdge, options: dict[str, Any]
) -> None:
    """I3: over its default transports (polling, then upgrade), WebSocket alone and polling alone."""
    async with node_client(url=gateway.url, token=gateway.tokens["acme"], options=options) as client:
        await client.until(lambda: client.events("ready"))
        assert client.events("ready")[0]["resumed"] is False
        for turn in range(4):
            await gateway.publish("acme", 10)
            if turn % 2:
                await client.until(lambda: len(client.seqs) > 0)
            cut_all(gateway)
            await gateway.publish("acme", 10)
            await client.until(partial(has_been_ready, client, turn + 2))
        await client.until(lambda: len(client.seqs) >= 80)
        await client.until(lambda: client.events("tip") and client.events("tip")[-1]["cursor"].endswith("-80"))
        assert client.seqs == list(range(1, 81))
        assert all(ready["resumed"] for ready in client.events("ready")[1:])
        if options == DEFAULT:
            await client.until(lambda: client.told("upgrade"))
        await client.tell("disconnect")
        await gateway.is_empty()


@pytest.mark.node
async def test_the_documented_line_works_as_it_stands(gateway: GatewayEdge) -> None:
    async with node_client("client_readme.mjs", url=gateway.url, token=gateway.tokens["acme"]) as client:
        await client.until(lambda: client.told("ready"))
        await gateway.publish("acme", instance="outra")
        await gateway.publish("acme", instance="minha-instancia", data='{"text":"olá 👋"}'.encode())
        await client.until(lambda: client.told("logged"))
        event = client.told("logged")[0]["event"]
        assert len(client.told("logged")) == 1
        assert event["data"] == {"text": "olá 👋"}
        assert (event["instance"], event["event"], event["seq"]) == ("minha-instancia", "messages.upsert", 2)
        assert set(event) == {
            "cursor", "seq", "organization", "instance", "event", "data", "sender", "occurred_at", "received_at",
            "date_time", "origin",
        }  # fmt: skip


@pytest.mark.node
@TRANSPORTS
async def test_a_refusal_reaches_the_javascript_client_with_its_code(
    gateway: GatewayEdge, options: dict[str, Any]
) -> None:
    async with node_client(url=gateway.url, token="pnt_wrong", options=options) as client:
        await client.until(lambda: client.told("connect_error"))
        told = client.told("connect_error")[0]
        assert told["message"] == "The credential is unknown, expired, used up or revoked."
        assert told["data"] == {"code": "auth_invalid", "detail": told["message"], "retry": False}
        assert told["active"] is False
        await gateway.is_empty()


@pytest.mark.node
async def test_two_organizations_with_the_same_instance_name_never_see_each_others_events(gateway: GatewayEdge) -> None:
    """I4: the room is the organization of the key, and nothing that the client says changes that."""
    async with (
        node_client(url=gateway.url, token=gateway.tokens["acme"]) as acme,
        node_client(url=gateway.url, token=gateway.tokens["beta"], options=WEBSOCKET) as beta,
    ):
        await acme.until(lambda: acme.events("ready") and beta.events("ready"))
        for _ in range(5):
            await asyncio.gather(gateway.publish("acme", 3), gateway.publish("beta", 2))
        await acme.until(lambda: len(acme.seqs) == 15 and len(beta.seqs) == 10)
        for client, name in ((acme, "acme"), (beta, "beta")):
            ours = gateway.organizations[name].organization_id
            assert {event["organization"] for event in client.events("evolution-event")} == {ours}


@pytest.mark.node
async def test_a_revoked_key_closes_its_sockets_and_the_javascript_client_stays_away(gateway: GatewayEdge) -> None:
    """I10: Socket.IO and transport, and nobody else's."""
    async with (
        node_client(url=gateway.url, token=gateway.tokens["acme"]) as revoked,
        node_client(url=gateway.url, token=gateway.tokens["beta"]) as other,
    ):
        await revoked.until(lambda: revoked.events("ready") and other.events("ready"))
        await gateway.edge.enforce()
        await gateway.keys.revoke(gateway.key_ids["acme"])
        await gateway.edge.enforce()
        await gateway.publish("acme")
        await revoked.until(lambda: revoked.told("disconnect"))
        assert revoked.told("disconnect")[0] == {
            "was": "disconnect",
            "reason": "io server disconnect",
            "active": False,
        }
        assert revoked.events("goodbye") == [
            {"code": "revoked", "reason": "The right to this socket was taken away.", "retry": False}
        ]
        assert revoked.seqs == []
        await eventually(lambda: gateway.leftovers().get("sessions") == 1, within_s=2)
        assert not other.told("disconnect")


@pytest.mark.node
async def test_a_gateway_that_stops_says_so_and_the_javascript_client_comes_back_by_itself(
    gateway: GatewayEdge,
) -> None:
    async with node_client(url=gateway.url, token=gateway.tokens["acme"]) as client:
        await client.until(lambda: client.events("ready"))
        await gateway.edge.close()
        await client.until(lambda: client.told("disconnect"))
        assert client.events("goodbye")[0]["code"] == "shutting_down"
        assert client.events("goodbye")[0]["retry"] is True
        assert client.told("disconnect")[0]["active"] is True
        await client.until(lambda: client.told("connect_error"))
        assert not gateway.leftovers()


@pytest.mark.node
async def test_what_a_javascript_client_emits_is_ignored_and_its_bytes_end_it(gateway: GatewayEdge) -> None:
    async with node_client(url=gateway.url, token=gateway.tokens["acme"]) as client:
        await client.until(lambda: client.events("ready"))
        await client.tell("emit")
        await eventually(lambda: gateway.counters.total("live_client_events_ignored") == 1)
        await client.tell("binary")
        await client.until(lambda: client.told("disconnect"))
        assert client.events("goodbye")[0]["code"] == "protocol_violation"
        assert not client.told("ack")
        await gateway.is_empty()


@asynccontextmanager
async def python_client() -> AsyncIterator[socketio.AsyncClient]:
    """The stock client; its polling leaves the answers to its posts unread, which aiohttp complains of."""

    async def read(_session: object, _context: object, end: aiohttp.TraceRequestEndParams) -> None:
        if end.response.status != 101:
            await end.response.read()

    tracing = aiohttp.TraceConfig()
    tracing.on_request_end.append(read)
    async with aiohttp.ClientSession(trace_configs=[tracing]) as http:
        client = socketio.AsyncClient(reconnection=False, http_session=http)
        yield client
        await client.disconnect()


@TRANSPORTS
async def test_the_python_client_resumes_from_its_cursor(gateway: GatewayEdge, options: dict[str, Any]) -> None:
    """I3, I11: what follows the cursor, strictly, once."""
    said: list[tuple[str, Any]] = []
    cursor = (await gateway.publish("acme", 5))[2].cursor

    async def told(name: str, body: Any) -> None:
        said.append((name, body))

    async with python_client() as client:
        client.on("*", told)
        await client.connect(gateway.url, auth={"token": gateway.tokens["acme"], "cursor": str(cursor)}, **options)
        await gateway.publish("acme", 2)
        await eventually(lambda: len(said) >= 5)
    assert said[0][0] == "ready"
    assert (said[0][1]["resumed"], said[0][1]["cursor"]) == (True, str(cursor))
    assert [body["seq"] for name, body in said if name == "evolution-event"] == [4, 5, 6, 7]
    await gateway.is_empty()


async def test_the_python_client_is_refused_with_the_code(gateway: GatewayEdge) -> None:
    heard: list[Any] = []
    async with python_client() as client:
        client.on("connect_error", heard.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(gateway.url, auth={"token": "pnt_wrong"}, transports=["websocket"])
    assert heard[0]["data"]["code"] == "auth_invalid"
    await gateway.is_empty()


async def test_nothing_is_spoken_that_is_not_committed(gateway: GatewayEdge) -> None:
    """I1: a batch that fails is never heard of, its number goes to the event that is committed next, and whatever is
    heard can be read in the log at that moment.
    """
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])
        ours = gateway.organizations["acme"].organization_id
        batch = [AddressedEvent(owner, "id", decoded_event("one", "lost")) for owner in (ours, "org_nobody")]
        with pytest.raises(StorageError):
            await gateway.log.append(batch)
        await asyncio.sleep(2 * QUICK.heal_every_s)
        await gateway.publish("acme", event="kept")
        event = await client.event("evolution-event")
        assert (event["seq"], event["event"]) == (1, "kept")
        stored = await gateway.log.get(gateway.scope("acme"), Cursor.parse(event["cursor"]))
        assert stored is not None
        assert json.loads(stored.envelope(ALL_SEEN)) == event


async def test_a_replay_and_live_events_meet_without_a_seam(gateway: GatewayEdge) -> None:
    """I3: a socket that joins while thousands are appended misses none and gets none twice."""
    cursor = (await gateway.publish("acme"))[0].cursor
    await gateway.store("acme", 1_500)

    async def go_on() -> None:
        for _ in range(50):
            await gateway.publish("acme", 5)

    live = asyncio.create_task(go_on())
    async with raw_websocket(gateway.url) as client:
        assert (await client.connect(gateway.tokens["acme"], cursor=str(cursor)))["resumed"] is True
        seqs = [(await client.event("evolution-event"))["seq"] for _ in range(1_750)]
    await live
    assert seqs == list(range(2, 1_752))


async def test_a_filter_is_applied_and_what_it_leaves_out_moves_the_cursor(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"], filter={"instances": ["one"], "events": ["messages.*"]})
        for instance, event in [
            ("two", "messages.upsert"),
            ("one", "call"),
            ("one", "messages.update"),
            ("two", "call"),
        ]:
            await gateway.publish("acme", instance=instance, event=event)
        assert (await client.event("evolution-event"))["seq"] == 3
        tip = await client.event("tip")
        assert (tip["cursor"].endswith("-4"), tip["sent"]) == (True, 1)


async def test_a_large_event_is_pushed_without_its_data_live_and_replayed(gateway: GatewayEdge) -> None:
    start = (await gateway.publish("acme"))[0].cursor
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])
        stored = await gateway.publish("acme", data=b'"%b"' % (b"x" * 300_000))
        live = await client.event("evolution-event")
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"], cursor=str(start))
        replayed = await client.event("evolution-event")
    assert live == replayed
    assert (live["data"], live["data_bytes"], live["data_href"]) == (None, 300_002, f"/api/events/{stored[0].cursor}")


async def test_events_of_another_process_arrive_without_a_doorbell(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])
        await gateway.store("acme", 3)
        assert [(await client.event("evolution-event"))["seq"] for _ in range(3)] == [1, 2, 3]


async def test_statuses_reach_those_whom_they_concern(gateway: GatewayEdge) -> None:
    organization = gateway.organizations["acme"].organization_id
    await gateway.directory.assign("one", organization, server_id=SERVER_ID)
    async with raw_websocket(gateway.url) as acme, raw_websocket(gateway.url) as beta:
        await acme.connect(gateway.tokens["acme"])
        await beta.connect(gateway.tokens["beta"])
        status = LinkStatus(LinkTarget(SERVER_ID, "one"), LinkState.CONNECTED, AT, reconnects=2)
        gateway.edge.link_status(status, None)
        heard = await acme.event("connection-status")
        assert (heard["link"], heard["instance"], heard["state"], heard["reconnects"]) == (
            "instance",
            "one",
            "connected",
            2,
        )
        gateway.edge.link_status(replace(status, target=LinkTarget(SERVER_ID, "nobody's")), None)
        gateway.edge.link_status(replace(status, target=LinkTarget(SERVER_ID)), {organization})
        gateway.edge.link_status(replace(status, target=LinkTarget(SERVER_ID), state=LinkState.UNREACHABLE), None)
        assert (await acme.event("connection-status"))["state"] == "connected"
        assert (await acme.event("connection-status"))["state"] == "unreachable"
        assert (await beta.event("connection-status"))["state"] == "unreachable"
        changed = await gateway.directory.note(SERVER_ID, "one", InstanceChange(state=InstanceState.OPEN))
        assert changed is not None
        gateway.edge.instance_status(changed)
        gateway.edge.instance_status(replace(changed, organization_id=None))
        heard = await acme.event("instance-status")
        assert (heard["instance"], heard["state"]) == ("one", "open")


async def test_an_organization_has_its_stated_number_of_sockets(sqlite_database: Database) -> None:
    async with gateway_edge(sqlite_database, QUICK, ("acme", "beta")) as gateway:
        await gateway.limit("acme", sockets=2)
        async with raw_websocket(gateway.url) as one, raw_websocket(gateway.url) as two:
            await one.connect(gateway.tokens["acme"])
            await two.connect(gateway.tokens["acme"])
            async with raw_websocket(gateway.url) as three:
                await three.send("40" + json.dumps({"token": gateway.tokens["acme"]}))
                packet = await three.packet()
                assert '"code":"too_many_sockets"' in packet
                assert '"retry":true' in packet
            async with raw_websocket(gateway.url) as other:
                await other.connect(gateway.tokens["beta"])
                assert gateway.edge.socket_count(gateway.scope("acme")) == 2
                assert gateway.edge.socket_count(None) == 3
        await gateway.is_empty()


async def test_a_polling_client_reads_goodbye_when_its_key_is_revoked_and_none_of_what_it_had_not_fetched(
    gateway: GatewayEdge,
) -> None:
    """I10: within two seconds, transport included."""
    async with raw_polling(gateway.url) as client:
        await client.post("40" + json.dumps({"token": gateway.tokens["acme"]}))
        await client.packets(2)
        await gateway.publish("acme", 3)
        await eventually(lambda: gateway.counters.total("live_deliveries") == 3)
        await gateway.keys.revoke(gateway.key_ids["acme"])
        await gateway.edge.enforce()
        await asyncio.sleep(0)
        packets = await client.rest()
        assert event_of(packets[0])[1]["code"] == "revoked"
        assert packets[1:] == ["41", "1"]
    await eventually(lambda: not gateway.leftovers(), within_s=2)


@asynccontextmanager
async def stalled_reader(gateway: GatewayEdge) -> AsyncIterator[Member]:
    """A member whose peer will never read again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1_024)
    writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    hello = b"40" + json.dumps({"token": gateway.tokens["acme"]}).encode()
    writer.write(bytes([0x81, 0x80 | len(hello)]) + b"\0\0\0\0" + hello)
    try:
        await eventually(lambda: gateway.edge.socket_count(None) == 1)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        yield next(iter(gateway.edge._rooms.members()))
    finally:
        writer.transport.abort()


async def next_event(client: RawWebSocket) -> str:
    """The next event, unread: to parse 100 MB would measure the test."""
    while not (packet := await client.packet()).startswith('42["evolution-event"'):
        pass
    return packet


async def test_a_reader_that_stalls_delays_nobody_and_costs_a_bounded_amount_while_100_mb_flow(
    sqlite_database: Database,
) -> None:
    """I7: one that stands still holds its buffer, is told so and is closed; the other gets every event at once."""
    options = replace(LiveOptions(), look_every_s=0.1, stall_s=1.0, farewell_s=0.2)
    async with gateway_edge(sqlite_database, options) as gateway:
        async with stalled_reader(gateway) as stalled, raw_websocket(gateway.url) as quick:
            await quick.connect(gateway.tokens["acme"])
            peak, size, data = 0, 0, b'"%b"' % (b"x" * 250_000)
            while size < 100_000_000:
                for event in await gateway.publish("acme", 8, data=data):
                    packet = await asyncio.wait_for(next_event(quick), 2)
                    assert f'"seq":{event.seq},' in packet[:200]
                    size += len(packet)
                    peak = max(peak, stalled.door.backlog)
            await eventually(lambda: stalled.has_left)
            assert 0 < peak <= options.buffer_bytes + max(options.batch_bytes, options.event_bytes) + 1_024
            assert gateway.counters.refused == {"slow_consumer": 1}
            await eventually(lambda: gateway.leftovers().get("sessions") == 1)
        await gateway.is_empty()


async def test_a_slow_reader_gets_everything_without_being_hurried(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])
        for _ in range(10):
            await gateway.publish("acme", 8, data=b'"%b"' % (b"x" * 100_000))
        seqs = []
        for _ in range(80):
            await asyncio.sleep(0.002)
            seqs.append((await client.event("evolution-event"))["seq"])
        assert seqs == list(range(1, 81))


async def test_tips_come_by_time_and_after_a_pause(sqlite_database: Database) -> None:
    async with (
        gateway_edge(sqlite_database, replace(QUICK, tip_every_s=0.1)) as gateway,
        raw_websocket(gateway.url) as client,
    ):
        ready = await client.connect(gateway.tokens["acme"])
        tips = [await client.event("tip") for _ in range(3)]
        assert tips == [{"cursor": ready["cursor"], "sent": 0}] * 3


async def test_after_close_nobody_is_let_in(gateway: GatewayEdge) -> None:
    await gateway.edge.close()
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with raw_websocket(gateway.url):
            pass
    assert caught.value.status == 503


async def test_a_healing_that_fails_is_not_the_last_one(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"])
        await gateway.database.close()
        await eventually(lambda: gateway.counters.total("live_timer_errors") >= 3)
        assert gateway.edge.socket_count(None) == 1
