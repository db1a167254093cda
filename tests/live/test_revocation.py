"""A right that is taken away ends at once, whatever the credential, the transport and the moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.live.conftest import QUICK
from tests.live.node_client import node_client
from tests.live.raw_clients import RawPolling, RawWebSocket, raw_websocket
from tests.live.test_admission import polling, websocket
from tests.support.gateway_edge import GatewayEdge, Person, event_of, eventually, gateway_edge

from ponteio.eventlog.log import EventLog
from ponteio.model.rights import Role
from ponteio.storage.database import Database
from ponteio.tenancy.authenticator import Authenticator

WITHIN_S = 2.0


@asynccontextmanager
async def watched(gateway: GatewayEdge) -> AsyncIterator[None]:
    """The edge is asked once a second to look after rights, as the house does it."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(1.0)
            await gateway.edge.enforce()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


async def log_out(gateway: GatewayEdge, person: Person) -> None:
    await gateway.sessions.close(person.session_id)


async def change_password(gateway: GatewayEdge, person: Person) -> None:
    await gateway.sessions.close_all(person.user_id)


async def remove_member(gateway: GatewayEdge, person: Person) -> None:
    await gateway.memberships.remove(gateway.organizations["acme"].organization_id, person.user_id)


async def lower_role(gateway: GatewayEdge, person: Person) -> None:
    await gateway.memberships.set_role(gateway.organizations["acme"].organization_id, person.user_id, Role.VIEWER)


async def revoke_key(gateway: GatewayEdge, _: Person) -> None:
    await gateway.keys.revoke(gateway.key_ids["acme"])


async def disable(gateway: GatewayEdge, _: Person) -> None:
    await gateway.directory.set_disabled(gateway.organizations["acme"].organization_id, True)


async def change_signer(gateway: GatewayEdge, _: Person) -> None:
    await gateway.signers.remove(gateway.organizations["acme"].organization_id)


Blow = Callable[[GatewayEdge, Person], Awaitable[None]]
BLOWS: list[tuple[str, Blow, str, bool]] = [
    ("session", log_out, "revoked", False),
    ("session", change_password, "revoked", False),
    ("session", remove_member, "access_changed", True),
    ("session", lower_role, "access_changed", True),
    ("session", disable, "organization_disabled", False),
    ("key", revoke_key, "revoked", False),
    ("key", disable, "organization_disabled", False),
    ("ticket", revoke_key, "revoked", False),
    ("ticket", disable, "organization_disabled", False),
    ("token", change_signer, "revoked", False),
    ("token", disable, "organization_disabled", False),
]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize(
    ("kind", "blow", "code", "retry"), BLOWS, ids=[f"{kind}-{blow.__name__}" for kind, blow, *_ in BLOWS]
)
async def test_a_right_that_is_taken_away_closes_socket_and_transport_within_two_seconds(
    gateway: GatewayEdge, transport: str, kind: str, blow: Blow, code: str, retry: bool
) -> None:
    """I10: and the events of the time after are not heard."""
    await gateway.person("acme", Role.ADMIN, "boss@example.com")
    person = await gateway.person("acme", Role.AGENT)
    tokens = {"session": None, "key": gateway.tokens["acme"]}
    if kind == "ticket":
        tokens[kind] = await gateway.ticket("acme")
    elif kind == "token":
        tokens[kind] = await gateway.token("acme")
    hello = "40" + json.dumps({"token": tokens[kind]})
    cookie = f"ponteio={person.cookie}"
    async with watched(gateway), raw_websocket(gateway.url) as other:
        await other.connect(gateway.tokens["beta"])
        async with connection(gateway, transport, cookie) as client:
            await say(client, hello)
            await eventually(lambda: gateway.edge.socket_count(gateway.scope("acme")) == 1)
            began = asyncio.get_running_loop().time()
            await blow(gateway, person)
            packets = await asyncio.wait_for(client.rest(), WITHIN_S + 1)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < WITHIN_S
            await gateway.publish("acme")
        body = event_of(next(packet for packet in packets if packet.startswith('42["goodbye"')))[1]
        assert (body["code"], body["retry"]) == (code, retry)
        assert ("41" in packets) is not retry, "a Socket.IO disconnect keeps the stock client away"
        await eventually(lambda: gateway.leftovers().get("sessions") == 1)
        await gateway.publish("beta")
        assert (await other.event("evolution-event"))["seq"] == 1
    assert gateway.counters.refused[code] == 1


def connection(
    gateway: GatewayEdge, transport: str, cookie: str
) -> AbstractAsyncContextManager[RawWebSocket | RawPolling]:
    if transport == "websocket":
        return websocket(gateway, Cookie=cookie, Origin=gateway.url)
    return polling(gateway, cookie, gateway.url)


async def say(client: RawWebSocket | RawPolling, packet: str) -> None:
    if isinstance(client, RawPolling):
        await client.post(packet)
    else:
        await client.send(packet)


@pytest.mark.node
async def test_whose_role_was_lowered_comes_back_by_itself_and_sees_less(gateway: GatewayEdge) -> None:
    """I10: what it may no longer see, it does not see again."""
    person = await gateway.person("acme", Role.AGENT)
    headers = {"Cookie": f"ponteio={person.cookie}", "Origin": gateway.url}
    async with watched(gateway), node_client(url=gateway.url, auth={}, options={"extraHeaders": headers}) as client:
        await client.until(lambda: client.events("ready"))
        await lower_role(gateway, person)
        await client.until(lambda: len(client.events("ready")) == 2)
        await gateway.publish("acme", data=b'{"message":{"conversation":"canary"}}')
        await client.until(lambda: client.events("evolution-event"))
        assert "canary" not in json.dumps(client.said)
        assert client.events("goodbye")[0]["code"] == "access_changed"
        assert client.events("ready")[1]["sight"] == {"content": False, "pairing": False}
        await remove_member(gateway, person)
        await client.until(lambda: client.told("connect_error"))
        assert client.told("connect_error")[0]["data"]["code"] == "organization_only"


async def test_a_revocation_in_the_middle_of_a_replay_ends_it(gateway: GatewayEdge) -> None:
    """I10: what the log still has for the socket is not sent any more."""
    cursor = (await gateway.publish("acme"))[0].cursor
    await gateway.store("acme", 3_000, data=b'"%b"' % (b"x" * 4_000))
    async with watched(gateway), raw_websocket(gateway.url) as client:
        await client.connect(gateway.tokens["acme"], cursor=str(cursor))
        await client.event("evolution-event")
        await gateway.keys.revoke(gateway.key_ids["acme"])
        began = asyncio.get_running_loop().time()
        await eventually(lambda: gateway.edge.socket_count(None) == 0)
        assert asyncio.get_running_loop().time() - began < WITHIN_S
        sent = gateway.counters.total("live_deliveries")
        packets = await client.rest()
        assert event_of(packets[-3])[1]["code"] == "revoked"
        assert packets[-2:] == ["41", "1"]
        assert gateway.counters.total("live_deliveries") == sent < 3_000
    await gateway.is_empty()


def slowed(real: Callable[..., Awaitable[Any]], is_done: asyncio.Event, may_go_on: asyncio.Event) -> Any:
    """`real`, whose answer is on its way for as long as the test wants."""

    async def slow(*arguments: Any, **options: Any) -> Any:
        found = await real(*arguments, **options)
        is_done.set()
        await may_go_on.wait()
        return found

    return slow


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("moment", ["while it is authenticated", "between admission and entry"])
async def test_a_revocation_during_the_handshake_does_not_slip_through(
    gateway: GatewayEdge, monkeypatch: pytest.MonkeyPatch, moment: str, transport: str
) -> None:
    """I10: the key was good when it was looked up, and is not any more when the socket would come in."""
    is_done, may_go_on = asyncio.Event(), asyncio.Event()
    owner, name = (Authenticator, "handshake") if moment.startswith("while") else (EventLog, "bounds")
    monkeypatch.setattr(owner, name, slowed(getattr(owner, name), is_done, may_go_on))
    async with connection(gateway, transport, "") as client:
        await gateway.edge.enforce()
        saying = asyncio.create_task(say(client, "40" + json.dumps({"token": gateway.tokens["acme"]})))
        await asyncio.wait_for(is_done.wait(), 5)
        await gateway.keys.revoke(gateway.key_ids["acme"])
        await gateway.edge.enforce()
        may_go_on.set()
        await saying
        await eventually(lambda: gateway.edge.socket_count(None) or gateway.counters.refused)
        await gateway.edge.enforce()
        assert gateway.edge.socket_count(None) == 0
        packets = await asyncio.wait_for(client.rest(), WITHIN_S)
        assert '"code":"revoked"' in "".join(packets)
        assert not any(packet.startswith('42["evolution-event"') for packet in packets)
    await gateway.is_empty()


async def test_a_socket_that_reads_nothing_is_gone_within_two_seconds_too(sqlite_database: Database) -> None:
    """I10: the goodbye waits for nobody; with the true grace of the options."""
    options = replace(QUICK, farewell_s=1.0, refused_s=2.0)
    async with (
        gateway_edge(sqlite_database, options) as gateway,
        watched(gateway),
        raw_websocket(gateway.url) as client,
    ):
        await client.connect(gateway.tokens["acme"])
        transport = client.ws._response.connection.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.pause_reading()
        await gateway.publish("acme", 100, data=b'"%b"' % (b"x" * 100_000))
        await eventually(lambda: next(iter(gateway.edge._rooms.members())).door.backlog > 100_000)
        await gateway.keys.revoke(gateway.key_ids["acme"])
        await eventually(lambda: not gateway.leftovers(), within_s=WITHIN_S + 0.5, why=gateway.leftovers)
        transport.abort()


async def test_nobody_is_asked_about_while_nobody_is_here(gateway: GatewayEdge) -> None:
    await gateway.database.close()
    await gateway.edge.enforce()
