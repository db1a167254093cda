"""Sockets of the whole house: who gets in with what, and that filters, cursors and rooms open nothing of another's."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import update
from tests.oracle.traffic import rouse, say
from tests.security.leftovers import nobody_is_left
from tests.support.house import holds
from tests.support.plain_socket import PATH, PlainSocket, own_page, plain_socket
from tests.support.two_tenants import Somebody, Tenant, TwoTenants, make_key, two_tenants

from ponteio.model.rights import Role
from ponteio.storage.tables import api_keys, tickets
from ponteio.tenancy import versions

SHAPES = ("pnt_", "ptk_", "pns_", "pni_")
RANDOM_EPOCH = "0123abcd"


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[TwoTenants]:
    async with two_tenants(tmp_path, database_url, global_events=True) as opened:
        await opened.house.is_linked(opened.operator_key.secret)
        yield opened


def cookie_of(here: TwoTenants, who: Somebody) -> dict[str, Any]:
    return {"headers": own_page(here.url, who.headers["Cookie"])}


async def refusal_of(here: TwoTenants, way: dict[str, Any]) -> dict[str, Any]:
    """Why a handshake was refused. It was, and not a word more was said."""
    async with plain_socket(here.url, **way) as client:
        assert client.named("ready") == [], f"{way} was let in"
        assert client.refusal is not None, client.texts
        assert client.count == 0
        return client.refusal


def unsigned(tenant: Tenant) -> str:
    """A token that says `alg: none`."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = json.loads(base64.urlsafe_b64decode(tenant.jwt().split(".")[1] + "=="))
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def forged(acme: Tenant, beta: Tenant) -> dict[str, str]:
    """Tokens for acme that acme's server did not sign, or not so."""
    now = int(datetime.now(UTC).timestamp())
    return {
        "unsigned": unsigned(acme),
        "signed by another organization": acme.jwt(secret=beta.signing_secret),
        "of another organization's issuer": beta.jwt(secret=acme.signing_secret),
        "of nobody's issuer": acme.jwt(iss="org_000000000000000000000000"),
        "without an audience": acme.jwt(aud=None),
        "for somebody else": acme.jwt(aud="another-service"),
        "of nobody": acme.jwt(sub=None),
        "expired": acme.jwt(iat=now - 120, exp=now - 60),
        "of tomorrow": acme.jwt(iat=now + 3_600, exp=now + 3_660),
        "for too long": acme.jwt(exp=now + 3_600),
    }


async def test_every_kind_of_bad_credential_is_refused_at_the_handshake(here: TwoTenants) -> None:
    """I10: with one code for all that is unknown, used, expired or revoked, and nothing is left of it."""
    acme, beta = here.tenants
    used = await here.ticket(acme)
    async with plain_socket(here.url, used) as client:
        assert client.named("ready")
    revoked = await make_key(here.base, acme, "revoked")
    orphan = (await here.base.tickets.mint(await here.principal(revoked)))[1]
    await here.base.keys.revoke(revoked.credential_id)
    expired = await make_key(here.base, acme, "expired")
    late = await here.ticket(acme)
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with here.base.database.write() as connection:
        await versions.bump(connection)
        this = api_keys.c.key_id == expired.credential_id
        await connection.execute(update(api_keys).where(this).values(expires_at=past))
        await connection.execute(update(tickets).where(tickets.c.used_at.is_(None)).values(expires_at=past))
    bad = {
        **{f"a random {shape}": shape + "A" * 43 for shape in SHAPES},
        "no credential at all": "let me in",
        "a used ticket": used,
        "an expired ticket": late,
        "a ticket of a revoked key": orphan,
        "a revoked key": revoked.secret,
        "an expired key": expired.secret,
        "a session's token": acme.admin.secret,
        "a one-time link": acme.invitation_token,
        **{f"a JWT {name}": token for name, token in forged(acme, beta).items()},
    }
    for name, token in bad.items():
        refusal = await refusal_of(here, {"token": token})
        assert (refusal["code"], refusal["retry"]) == ("auth_invalid", False), name
    for odd in (7, True, ["x"], {"token": "x"}):
        refusal = await refusal_of(here, {"token": odd})
        assert refusal["code"] == "invalid_request", odd
    await nobody_is_left(here)


async def test_a_good_credential_without_the_right_is_refused(here: TwoTenants) -> None:
    """The operator reads nobody's events, and a key no more than it was made for."""
    acme = here.acme
    viewer = acme.people[Role.VIEWER]
    assert viewer.user_id is not None
    await here.base.memberships.remove(acme.organization_id, viewer.user_id)
    expected: dict[str, tuple[dict[str, Any], str]] = {
        "the operator's key": ({"token": here.operator_key.secret}, "organization_only"),
        "the operator": (cookie_of(here, here.operator), "organization_only"),
        "a key for links": ({"token": acme.keys["linker"].secret}, "forbidden"),
        "a key for instances": ({"token": acme.keys["manager"].secret}, "forbidden"),
        "who was a member": (cookie_of(here, viewer), "organization_only"),
    }
    for name, (way, code) in expected.items():
        assert (await refusal_of(here, way))["code"] == code, name
    await nobody_is_left(here)


async def test_nobody_gets_in_for_a_disabled_organization(here: TwoTenants) -> None:
    acme = here.acme
    ticket = await here.ticket(acme)
    await here.ok(here.operator, "PATCH", f"/api/organizations/{acme.organization_id}", {"disabled": True})
    for token in (acme.keys["all"].secret, ticket, acme.jwt()):
        assert (await refusal_of(here, {"token": token}))["code"] == "organization_disabled"
    assert (await refusal_of(here, cookie_of(here, acme.admin)))["code"] == "organization_only"
    async with plain_socket(here.url, here.beta.keys["all"].secret) as client:
        assert client.named("ready")


async def test_a_cookie_counts_on_our_own_page_alone_and_a_token_in_the_address_never(here: TwoTenants) -> None:
    """Another site's page comes with the cookie too, and addresses end in the logs of others."""
    cookie = {"Cookie": here.acme.admin.headers["Cookie"]}
    assert (await refusal_of(here, {"headers": cookie}))["code"] == "auth_required"
    for origin in ("https://evil.test", "null", here.url + ".evil.test", here.url.rsplit(":", 1)[0] + ":1"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with plain_socket(here.url, headers={**cookie, "Origin": origin}):
                pass
        assert caught.value.status == 403, origin
    secret = here.acme.keys["all"].secret
    for query in (f"&token={secret}", f"&apikey={secret}", f"&auth={secret}"):
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.url + PATH + query, headers={"Authorization": f"Bearer {secret}"}) as ws,
        ):
            await ws.send_str("40{}")
            said = [await ws.receive_str(timeout=5) for _ in range(2)]
            assert json.loads(said[1].removeprefix("44"))["data"]["code"] == "auth_required"
    async with plain_socket(here.url, headers=own_page(here.url, cookie["Cookie"])) as client:
        assert client.named("ready")[0]["organization"] == here.acme.organization_id
    await nobody_is_left(here)


async def test_any_page_may_connect_where_the_operator_says_so_but_without_a_cookie(
    tmp_path: Path, sqlite_file_url: str
) -> None:
    async with two_tenants(tmp_path, sqlite_file_url, allowed_origins="*") as here:
        headers = {"Origin": "https://evil.test", "Cookie": here.acme.admin.headers["Cookie"]}
        assert (await refusal_of(here, {"headers": headers}))["code"] == "auth_required"
        async with plain_socket(here.url, here.acme.keys["all"].secret, headers=headers) as client:
            assert client.named("ready")


async def speak(here: TwoTenants, socket: PlainSocket, of: Tenant) -> None:
    """Every organization's instances speak; `socket`, another one of `of`, has heard its own."""
    before = socket.count
    for tenant in here.tenants:
        for number, instance in enumerate(tenant.instances):
            say(here.simulator, instance, number, tenant.word)
    await socket.has(before + len(of.instances))


async def test_a_filter_that_names_foreign_instances_hears_nothing_of_them(here: TwoTenants) -> None:
    """I4: as if nobody had an instance of that name."""
    acme, beta = here.tenants
    wanted = {"instances": list(beta.instances)}
    unheard = {"instances": ["unheard-1", "unheard-2"]}
    ways: list[dict[str, Any]] = [
        {"token": acme.keys["all"].secret, "filter": wanted},
        {"token": acme.keys["all"].secret, "filter": unheard},
        {"token": acme.keys["narrowed"].secret, "filter": wanted},
        {"token": await here.ticket(acme), "filter": {**wanted, "events": ["*"]}},
        {"token": acme.jwt(instances=list(beta.instances))},
        {**cookie_of(here, acme.admin), "filter": wanted},
    ]
    for way in ways:
        async with (
            plain_socket(here.url, acme.keys["all"].secret) as all_of_acme,
            plain_socket(here.url, **way) as client,
        ):
            ready = client.named("ready")[0]
            assert ready["organization"] == acme.organization_id
            await speak(here, all_of_acme, acme)
            here.simulator.emit(beta.instances[0], "connection.update", {"state": "close", "statusReason": 401})
            await quiet_until_told(here, acme, client)
            assert client.count == 0
            assert not [told for told in client.notices if any(mark in told for mark in beta.marks())]
    for bad in ({"organization": beta.organization_id}, {"rooms": [beta.organization_id]}, [beta.organization_id], "*"):
        assert (await refusal_of(here, {"token": acme.keys["all"].secret, "filter": bad}))["code"] == "invalid_filter"


async def quiet_until_told(here: TwoTenants, tenant: Tenant, client: PlainSocket) -> None:
    """The client was served all there is: it is told its place, which is the head."""
    head = await here.base.events.head(here.base.directory.scope_of(tenant.organization_id))
    members = here.gateway._live._rooms.members
    await holds(
        "every socket is at the head",
        lambda: all(
            one.cursor.seq >= head.seq for one in members() if one.scope.organization_id == tenant.organization_id
        ),
    )
    assert client.has_ended is False


async def test_a_cursor_of_another_organization_is_as_good_as_none(here: TwoTenants) -> None:
    """I4: its epoch answers like one that never was, on sockets and over REST, and replays nothing."""
    acme, beta = here.tenants
    async with plain_socket(here.url, beta.keys["all"].secret) as socket:
        await speak(here, socket, beta)
        foreign = str(socket.bodies()[0]["cursor"])
    epoch, _, seq = foreign.partition("-")
    mine = (await here.base.events.head(here.base.directory.scope_of(acme.organization_id))).epoch
    assert mine != epoch
    answers = []
    for cursor in (foreign, f"{RANDOM_EPOCH}-{seq}"):
        async with plain_socket(here.url, acme.keys["all"].secret, cursor=cursor) as client:
            ready = client.named("ready")[0]
            await quiet_until_told(here, acme, client)
            assert (ready["resumed"], ready["reason"], client.count) == (False, "cursor_expired", 0)
            answers.append({**ready, "at": None})
    assert answers[0] == answers[1]
    async with plain_socket(here.url, acme.keys["all"].secret, cursor=f"{mine}-999999") as client:
        assert client.named("ready")[0]["reason"] == "invalid_cursor"
    for path in ("/api/events/{}", "/api/events?after={}"):
        one, other = [
            await here.ask(acme.keys["all"], "GET", path.format(cursor))
            for cursor in (foreign, f"{RANDOM_EPOCH}-{seq}")
        ]
        assert (one.status_code, one.json()["code"]) == (410, "cursor_expired")
        assert one.content == other.content


async def test_no_packet_opens_a_room_of_another_organization(here: TwoTenants) -> None:
    """I4: whatever a client says after its handshake is heard by nobody; asking for other namespaces is refused."""
    acme, beta = here.tenants
    asked = [
        *(f'42["{verb}","{beta.organization_id}"]' for verb in ("join", "subscribe", "room", "enter_room")),
        f'421["join",{{"organization":"{beta.organization_id}"}}]',
        f'42["evolution-event",{{"instance":"{beta.instances[0]}"}}]',
    ]
    async with (
        plain_socket(here.url, beta.keys["all"].secret) as other,
        plain_socket(here.url, acme.keys["all"].secret, organization=beta.organization_id, room="*") as client,
    ):
        assert client.named("ready")[0]["organization"] == acme.organization_id
        for packet in asked:
            await client.send(packet)
        await speak(here, client, acme)
        await speak(here, other, beta)
        await quiet_until_told(here, acme, client)
        assert client.count == len(acme.instances) * 2
        assert not [told for told in client.texts if beta.word in told]
        assert not [told for told in other.texts if acme.word in told]
    for namespace in (f"/{beta.organization_id}", "/admin", f"/{beta.instances[0]}"):
        async with plain_socket(here.url, answered=False) as client:
            await client.send(f"40{namespace},{json.dumps({'token': acme.keys['all'].secret})}")
            await client.is_answered()
            assert client.count == 0
            assert not client.named("ready")
    await nobody_is_left(here)


async def told(here: TwoTenants, act: Callable[[], Awaitable[object]], about: str) -> tuple[list[str], list[str]]:
    """What acme's and beta's sockets were told once beta's was told of `about`."""
    acme, beta = here.tenants
    async with (
        plain_socket(here.url, acme.keys["all"].secret) as mine,
        plain_socket(here.url, beta.keys["all"].secret) as other,
    ):
        mine.notices.clear()
        await act()
        await holds(f"beta is told of {about}", lambda: [text for text in other.notices if about in text])
        return list(mine.notices), list(other.notices)


async def test_news_of_an_instance_or_a_limit_go_to_its_owner_alone(here: TwoTenants) -> None:
    """I4: states of instances and links, and limits that were reached, are an organization's own business."""
    beta = here.beta

    async def leave() -> None:
        await here.ok(beta.keys["manager"], "POST", f"/api/instances/{beta.instances[0]}/logout")

    async def be_too_many() -> None:
        await here.ok(here.operator, "PUT", f"/api/organizations/{beta.organization_id}/limits", {"sockets": 1})
        assert (await refusal_of(here, {"token": beta.keys["reader"].secret}))["code"] == "too_many_sockets"
        await here.ok(here.operator, "PUT", f"/api/organizations/{beta.organization_id}/limits", {"sockets": None})

    async def link() -> None:
        await here.ok(beta.keys["linker"], "POST", f"/api/websocket/connect/instance/{beta.instances[1]}")

    rouse(here.simulator, beta.instances)
    for act, about in (
        (leave, "instance-status"),
        (be_too_many, "too_many_sockets"),
        (link, f'"instance":"{beta.instances[1]}"'),
    ):
        mine, _ = await told(here, act, about)
        marks = beta.marks() | {"too_many_sockets"}
        assert not [text for text in mine if any(mark in text for mark in marks)]


async def test_two_sockets_with_one_ticket_are_one_too_many(here: TwoTenants) -> None:
    """I10: of all who try at once, one gets in."""
    ticket = await here.ticket(here.acme)
    async with aiohttp.ClientSession() as session:
        lines = [await session.ws_connect(here.url + PATH) for _ in range(8)]
        await asyncio.gather(*(line.receive_str(timeout=5) for line in lines))
        await asyncio.gather(*(line.send_str("40" + json.dumps({"token": ticket})) for line in lines))
        said = await asyncio.gather(*(line.receive_str(timeout=5) for line in lines))
        assert sorted(text[:2] for text in said) == ["40"] + ["44"] * 7
        for line in lines:
            await line.close()
    await nobody_is_left(here)
