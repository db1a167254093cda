"""Credentials of every kind at the handshake, and what each is shown, over real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from tests.live.conftest import QUICK
from tests.live.node_client import node_client
from tests.live.raw_clients import PATH, RawPolling, RawWebSocket, raw_websocket
from tests.live.stored import AT
from tests.support.gateway_edge import SERVER_ID, GatewayEdge, event_of, gateway_edge

from ponteio.model.filter import EventFilter
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.rights import KeyScope, Role
from ponteio.storage.database import Database
from ponteio.tenancy.permissions import ROLE_RIGHTS

MESSAGE = b'{"key":{"id":"3EB0"},"message":{"conversation":"canary-content"}}'
CODE = b'{"qrcode":{"code":"canary-pairing"}}'
ONE = EventFilter.of(["one"])


@pytest.fixture
async def gateway(database: Database) -> AsyncIterator[GatewayEdge]:
    """An edge for `acme` and `beta`, on every database."""
    async with gateway_edge(database, QUICK, ("acme", "beta")) as opened:
        yield opened


async def code_of(gateway: GatewayEdge, auth: object, path: str = "", **headers: str) -> str:
    """The code of the refusal that a handshake with `auth` gets."""
    async with websocket(gateway, path, **headers) as client:
        await client.send("40" + json.dumps(auth))
        packet = await client.packet()
        assert packet.startswith("44{"), packet[:80]
        return str(json.loads(packet[2:])["data"]["code"])


@asynccontextmanager
async def websocket(gateway: GatewayEdge, path: str = "", **headers: str) -> AsyncIterator[RawWebSocket]:
    address = f"{gateway.url}{PATH}websocket{path}"
    async with aiohttp.ClientSession() as http, http.ws_connect(address, headers=headers) as ws:
        client = RawWebSocket(ws)
        client.opening = json.loads((await client.packet())[1:])
        yield client


@asynccontextmanager
async def polling(gateway: GatewayEdge, cookie: str, origin: str) -> AsyncIterator[RawPolling]:
    """As browsers do it: they name the page's origin in posts to our own origin, but not in the request before them."""
    async with aiohttp.ClientSession(headers={"Cookie": cookie}) as http:
        async with http.get(f"{gateway.url}{PATH}polling") as response:
            opening = json.loads((await response.text())[1:])
        http.headers["Origin"] = origin
        yield RawPolling(http, f"{gateway.url}{PATH}polling&sid={opening['sid']}", opening)


async def test_a_ticket_opens_one_socket_once(gateway: GatewayEdge) -> None:
    ticket = await gateway.ticket("acme", user_label="ana")
    async with raw_websocket(gateway.url) as client:
        assert (await client.connect(ticket))["user"] == "ana"
        assert await code_of(gateway, {"token": ticket}) == "auth_invalid"


async def test_of_many_who_come_with_one_ticket_one_gets_in(gateway: GatewayEdge) -> None:
    ticket = await gateway.ticket("acme")

    async def come() -> str:
        async with raw_websocket(gateway.url) as client:
            await client.send("40" + json.dumps({"token": ticket}))
            return (await client.packet())[:2]

    verdicts = await asyncio.gather(*(come() for _ in range(20)))
    assert (verdicts.count("40"), verdicts.count("44")) == (1, 19)


async def test_a_token_that_the_organization_signed_opens_a_socket_for_its_user(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url) as client:
        ready = await client.connect(await gateway.token("acme", "user-7", instances=["one"], content=False))
        assert (ready["user"], ready["sight"]) == ("user-7", {"content": False, "pairing": False})
        await gateway.publish("acme", instance="two", data=MESSAGE)
        await gateway.publish("acme", instance="one", data=MESSAGE)
        event = await client.event("evolution-event")
        assert (event["seq"], event["data"], event["withheld"]) == (2, {"key": {"id": "3EB0"}}, "content")
    foreign = await gateway.token("acme", iss=gateway.organizations["beta"].organization_id)
    assert await code_of(gateway, {"token": foreign}) == "auth_invalid"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT, Role.VIEWER])
async def test_a_session_cookie_of_our_own_page_opens_a_socket_with_the_role_of_its_person(
    gateway: GatewayEdge, role: Role
) -> None:
    """Over WebSocket, and over polling as browsers send it."""
    person = await gateway.person("acme", role)
    cookie = f"ponteio={person.cookie}"
    async with websocket(gateway, Cookie=cookie, Origin=gateway.url) as client:
        ready = await client.connect(None)
        assert (ready["user"], ready["rights"]) == (person.user_id, sorted(ROLE_RIGHTS[role]))
        assert ready["organization"] == gateway.organizations["acme"].organization_id
    async with polling(gateway, cookie, gateway.url) as other:
        await other.post("40")
        assert event_of((await other.packets(2))[1])[1]["user"] == person.user_id


@pytest.mark.node
@pytest.mark.parametrize("options", [{}, {"transports": ["websocket"]}, {"transports": ["polling"]}])
async def test_the_stock_javascript_client_comes_in_with_a_cookie(
    gateway: GatewayEdge, options: dict[str, Any]
) -> None:
    person = await gateway.person("acme", Role.AGENT)
    headers = {"Cookie": f"ponteio={person.cookie}", "Origin": gateway.url}
    async with node_client(url=gateway.url, auth={}, options={**options, "extraHeaders": headers}) as client:
        await client.until(lambda: client.events("ready"))
        await gateway.publish("acme")
        await client.until(lambda: client.seqs == [1])


FOREIGN: dict[str, Callable[[GatewayEdge], dict[str, str]]] = {
    "no origin": lambda _: {},
    "nobody's": lambda _: {"Origin": "null"},
    "another page": lambda _: {"Origin": "https://evil.example"},
    "another port": lambda gateway: {"Origin": f"http://127.0.0.1:{gateway.port + 1}"},
    "a page that looks like ours": lambda gateway: {"Origin": f"{gateway.url}.evil.example"},
}


@pytest.mark.parametrize("page", FOREIGN)
async def test_the_cookie_of_a_foreign_page_is_none_even_where_every_page_may_connect(
    sqlite_database: Database, page: str
) -> None:
    async with gateway_edge(sqlite_database, replace(QUICK, allowed_origins=("*",))) as gateway:
        person = await gateway.person("acme", Role.ADMIN)
        headers = {"Cookie": f"ponteio={person.cookie}", **FOREIGN[page](gateway)}
        for auth in ({}, {"token": None}, {"token": ""}):
            assert await code_of(gateway, auth, **headers) == "auth_required"
        async with polling(gateway, headers["Cookie"], headers.get("Origin", "null")) as client:
            await client.post("40")
            assert '"auth_required"' in (await client.poll())[0]
        async with websocket(gateway, **headers) as client:
            assert await client.connect(gateway.tokens["acme"])


async def test_a_page_that_is_listed_by_name_may_use_the_cookie(sqlite_database: Database) -> None:
    listed = "https://app.example"
    async with gateway_edge(sqlite_database, replace(QUICK, allowed_origins=("*", listed))) as gateway:
        person = await gateway.person("acme", Role.VIEWER)
        async with websocket(gateway, Cookie=f"ponteio={person.cookie}", Origin=listed) as client:
            assert (await client.connect(None))["user"] == person.user_id


async def test_nothing_that_the_url_says_is_a_credential(gateway: GatewayEdge) -> None:
    person, ticket = await gateway.person("acme", Role.ADMIN), await gateway.ticket("acme")
    for secret in (gateway.tokens["acme"], ticket, person.cookie, await gateway.token("acme")):
        for name in ("token", "auth", "cookie", "apikey", "access_token", "ponteio"):
            assert await code_of(gateway, {}, f"&{name}={secret}", Origin=gateway.url) == "auth_required"
    assert await code_of(gateway, {"token": person.cookie}) == "auth_invalid"
    async with raw_websocket(gateway.url) as client:
        assert await client.connect(ticket), "a ticket in a URL was not used up either"


async def test_a_socket_needs_an_organization_and_the_right_to_read_events(gateway: GatewayEdge) -> None:
    _, operator = await gateway.keys.create(None, "operator")
    _, links = await gateway.key("acme", scopes={KeyScope.LINKS_MANAGE})
    assert await code_of(gateway, {"token": operator}) == "organization_only"
    assert await code_of(gateway, {"token": links}) == "forbidden"
    await gateway.directory.set_disabled(gateway.organizations["acme"].organization_id, True)
    for secret in (gateway.tokens["acme"], await gateway.token("acme")):
        assert await code_of(gateway, {"token": secret}) == "organization_disabled"


async def events_of(gateway: GatewayEdge, token: str | None, cookie: str | None, cursor: str) -> list[str]:
    """The texts of four events, one replayed pair and one live pair, as this credential is shown them."""
    headers = {} if cookie is None else {"Cookie": f"ponteio={cookie}", "Origin": gateway.url}
    async with websocket(gateway, **headers) as client:
        await client.connect(token, cursor=cursor)
        found = [await next_event(client) for _ in range(2)]
        await gateway.publish("acme", data=MESSAGE)
        await gateway.publish("acme", event="qrcode.updated", data=CODE)
        return [*found, *[await next_event(client) for _ in range(2)]]


async def next_event(client: RawWebSocket) -> str:
    while not (packet := await client.packet()).startswith('42["evolution-event"'):
        pass
    return packet


@pytest.mark.parametrize(
    ("who", "sees_content", "sees_codes"),
    [
        ("key", True, True),
        ("metadata key", False, True),
        ("reading key", True, False),
        ("admin", True, True),
        ("agent", True, True),
        ("viewer", False, False),
        ("ticket", True, False),
        ("pairing ticket", True, True),
        ("blind ticket", False, False),
        ("token", True, False),
        ("blind token", False, False),
    ],
)
async def test_replayed_and_live_events_show_what_the_credential_may_see_and_nothing_more(
    gateway: GatewayEdge, who: str, sees_content: bool, sees_codes: bool
) -> None:
    cursor = (await gateway.publish("acme"))[0].cursor
    await gateway.publish("acme", data=MESSAGE)
    await gateway.publish("acme", event="qrcode.updated", data=CODE)
    token, cookie = None, None
    if who in ("admin", "agent", "viewer"):
        cookie = (await gateway.person("acme", Role(who))).cookie
    elif who == "key":
        token = gateway.tokens["acme"]
    elif who == "metadata key":
        token = (await gateway.key("acme", metadata_only=True))[1]
    elif who == "reading key":
        token = (await gateway.key("acme", scopes={KeyScope.EVENTS_READ}))[1]
    elif "ticket" in who:
        token = await gateway.ticket("acme", content="blind" not in who, pairing="pairing" in who)
    else:
        token = await gateway.token("acme", content="blind" not in who)
    for number, packet in enumerate(await events_of(gateway, token, cookie, str(cursor))):
        is_code = bool(number % 2)
        is_shown = sees_codes if is_code else sees_content
        assert ("canary" in packet) is is_shown, packet
        assert ('"withheld"' in packet) is not is_shown


async def test_a_narrowed_credential_hears_of_its_instances_only_whatever_it_asks_for(gateway: GatewayEdge) -> None:
    """I4: events live and replayed, states of links; over filters that ask for more."""
    cursor = (await gateway.publish("acme", instance="two"))[0].cursor
    for instance in ("one", "two"):
        await gateway.directory.assign(instance, gateway.organizations["acme"].organization_id, server_id=SERVER_ID)
        await gateway.publish("acme", instance=instance)
    wanted: dict[str, Any] = {"filter": {"instances": ["one", "two"], "events": ["*"]}, "cursor": str(cursor)}
    async with raw_websocket(gateway.url) as narrow, raw_websocket(gateway.url) as open_one:
        await narrow.connect(await gateway.ticket("acme", allowed=ONE), **wanted)
        await open_one.connect(gateway.tokens["acme"], **wanted)
        for instance in ("two", "one"):
            await gateway.publish("acme", instance=instance)
        assert [(await open_one.event("evolution-event"))["seq"] for _ in range(4)] == [2, 3, 4, 5]
        assert [(await narrow.event("evolution-event"))["seq"] for _ in range(2)] == [2, 5]
        for instance in ("two", "one"):
            target = LinkTarget(SERVER_ID, instance)
            gateway.edge.link_status(LinkStatus(target, LinkState.CONNECTED, AT), None)
        assert (await narrow.event("connection-status"))["instance"] == "one"


async def test_the_whole_hello_fits_into_a_packet(gateway: GatewayEdge) -> None:
    """A long token, a cursor and a filter of fifty instances and events."""
    cursor = (await gateway.publish("acme"))[0].cursor
    names = [f"instance-number-{number:03}" for number in range(50)]
    token = await gateway.token("acme", instances=names)
    wanted = {"instances": names, "events": [f"messages.kind-{number}" for number in range(50)]}
    hello = "40" + json.dumps({"token": token, "cursor": str(cursor), "filter": wanted})
    assert 3_500 < len(hello) <= QUICK.inbound_bytes
    async with raw_websocket(gateway.url) as client:
        assert (await client.connect(token, cursor=str(cursor), filter=wanted))["resumed"] is True
