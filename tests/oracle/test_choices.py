"""An organization chooses that presence is shown and not stored, over the whole house and with real clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from tests.oracle.traffic import say
from tests.support.house import holds
from tests.support.js_client import Heard, js_client
from tests.support.plain_socket import PlainSocket, plain_socket
from tests.support.two_tenants import TwoTenants, two_tenants

POLICY = "/api/event-policy"
SECRET = "available for nobody"


@pytest.fixture
async def here(tmp_path: Path, bare_database_url: str) -> AsyncIterator[TwoTenants]:
    async with two_tenants(tmp_path, bare_database_url, global_events=True) as opened:
        await opened.house.is_linked(opened.operator_key.secret)
        yield opened


def presence(here: TwoTenants, name: str, number: int) -> None:
    data = {"id": f"{number}@s.whatsapp.net", "presences": {f"{number}@s.whatsapp.net": {"lastKnownPresence": SECRET}}}
    here.simulator.emit(name, "presence.update", data)


async def choose(here: TwoTenants, **body: Any) -> None:
    answer = await here.ask(here.acme.admin, "PUT", POLICY, json=body)
    assert answer.status_code == 200, answer.text


def who(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["data"]["id"].partition("@")[0] for body in bodies if body["event"] == "presence.update"]


async def test_presence_is_shown_and_not_stored(here: TwoTenants) -> None:
    """I1: to the stock clients over both transports, to who may see it, once, and never again."""
    mine, theirs = here.acme.instances[0], here.beta.instances[0]
    await choose(here, preset="without presence")
    heard, key = Heard("python"), here.acme.keys["all"].secret
    client = socketio.AsyncClient()
    client.on("*", heard.take)
    await client.connect(here.url, auth={"token": key})
    async with (
        js_client(here.url, key, name="js") as js,
        js_client(here.url, key, name="polling", transports=["polling"]) as polling,
        plain_socket(here.url, here.acme.keys["metadata"].secret, name="metadata") as viewer,
        plain_socket(here.url, key, name="filtered", filter=f"inst:{here.acme.instances[1]}") as filtered,
        plain_socket(here.url, here.beta.keys["all"].secret, name="rival") as rival,
    ):
        await heard.is_ready()
        for number in range(3):
            presence(here, mine, number)
        presence(here, theirs, 9)
        say(here.simulator, mine, 1)
        clients: list[Heard] = [heard, js, polling]
        for each in clients:
            await each.has(1)
            await _shown(each, 3)
            assert who(each.named("live-event")) == ["0", "1", "2"]
            assert all("cursor" not in body and "seq" not in body for body in each.named("live-event"))
            assert [event["event"] for event in each.events] == ["messages.upsert"]
        await holds("the viewer is shown it", lambda: len(viewer.named("live-event")) == 3)
        assert [body["withheld"] for body in viewer.named("live-event")] == ["content"] * 3
        assert not any(SECRET in text for text in viewer.texts)
        await rival.has(1)
        assert [body["event"] for body in rival.bodies()] == ["presence.update"]
        _shown_nothing_else(filtered, rival)
    await client.disconnect()
    async with plain_socket(here.url, key, cursor=f"{heard.cursor.partition('-')[0]}-0") as again:
        await again.has(1)
        assert again.named("ready")[0]["resumed"] is True
        assert again.named("live-event") == []
    stored = (await here.ask(here.acme.admin, "GET", "/api/events")).json()["events"]
    assert [event["event"] for event in stored] == ["messages.upsert"]


async def _shown(client: Heard, amount: int) -> None:
    await holds(f"{client.name} is shown it", lambda: len(client.named("live-event")) == amount)


async def _come(client: Heard | PlainSocket, amount: int) -> list[str]:
    """Whose presence has come, one way or the other, once it is so much."""

    def come() -> list[str]:
        events = client.events if isinstance(client, Heard) else client.bodies()
        return [*who(events), *who(client.named("live-event"))]

    await holds("everything has come", lambda: len(come()) >= amount, why=lambda: len(come()))
    return come()


def _shown_nothing_else(*sockets: PlainSocket) -> None:
    for each in sockets:
        assert each.named("live-event") == [], each.name


async def test_a_choice_changes_under_traffic_and_nobody_misses_or_repeats(here: TwoTenants) -> None:
    """I3: whatever the moment, an event comes one way; the log has exactly what came as an event."""
    mine, key = here.acme.instances[0], here.acme.keys["all"].secret
    async with plain_socket(here.url, key) as client, js_client(here.url, key) as js:
        for number in range(60):
            presence(here, mine, number)
            if number in (15, 45):
                await choose(here, preset="without presence")
            elif number == 30:
                await choose(here, preset="all")
            await asyncio.sleep(0.005)

        for each in (client, js):
            assert sorted(await _come(each, 60)) == sorted(map(str, range(60)))
        assert client.named("live-event")
        assert client.events
        stored = (await here.ask(here.acme.admin, "GET", "/api/events?limit=500")).json()["events"]
        assert sorted(who(stored)) == sorted(who(client.bodies()))
        assert [event["seq"] for event in js.events] == list(range(1, len(stored) + 1))
