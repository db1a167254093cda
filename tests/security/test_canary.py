"""Two organizations under load, with a word of its owner in every event: nothing crosses, over whatever way out."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from tests.oracle.traffic import rouse
from tests.support.house import holds, logged_to
from tests.support.plain_socket import PlainSocket, own_page, plain_socket
from tests.support.two_tenants import UNOWNED, Somebody, Tenant, TwoTenants, described_api, two_tenants

from ponteio.foundation import SERVER_ID
from ponteio.model.event import RawFrame
from ponteio.model.link import LinkTarget
from ponteio.model.rights import Role

NOBODYS, LIARS = "canary-of-nobody", "canary-of-a-liar"
"""In events that nobody owns, and in those that came over a link of another instance than they name."""
SECRET_TEXT = "only for who may read content"
OVER_THE_WIRE = 1_500
"""Of each instance's events, so many really come from a simulated Evolution; the others are put into the queue."""
AFTER = 10_000_000
KINDS = 50
WAITING = 5_000
"""Frames in the queue at most."""

EACH = [pytest.param("sqlite", 50_000), pytest.param("postgresql", 10_000, marks=pytest.mark.postgres)]


@dataclass
class Ear:
    """What one socket of `tenant` heard: how many events, how many with the owner's word, and whatever is not its."""

    tenant: Tenant
    foreign: tuple[str, ...]
    sees_content: bool = True
    own: int = 0
    with_text: int = 0
    strange: list[str] = field(default_factory=list)

    def hear(self, told: str) -> None:
        self.own += self.tenant.word in told
        self.with_text += SECRET_TEXT in told
        if any(mark in told for mark in self.foreign):
            self.strange.append(told)


def data_of(word: str, number: int) -> tuple[str, dict[str, Any]]:
    """Name and data of an event of one of several kinds, with the word wherever a word can be."""
    key = {"id": f"{word}-{number}", "remoteJid": f"{word}@s.whatsapp.net", "fromMe": False}
    if number % KINDS == 7:
        return "qrcode.updated", {"qrcode": {"code": f"2@{word}-{number} {SECRET_TEXT}"}, "id": word}
    if number % KINDS == 13:
        return "contacts.update", {"id": f"{word}-{number}", "pushName": f"{word} {SECRET_TEXT}"}
    text_ = {"conversation": f"{word} {number} {SECRET_TEXT}"}
    return "messages.upsert", {"key": key, "pushName": word, "message": text_, "messageType": "conversation"}


def frame(word: str, instance: str, number: int, *, link: str | None = None) -> RawFrame:
    """An event of `instance` that came over the link `link`, or else its own."""
    event, data = data_of(word, number)
    said = {
        "event": event,
        "instance": instance,
        "data": data,
        "date_time": "2026-11-23T09:00:00.000Z",
        "sender": f"{word}@s.whatsapp.net",
    }
    target = LinkTarget(SERVER_ID, link or instance)
    return RawFrame(target, orjson.dumps([event, said]), (), datetime.now(UTC))


def load(here: TwoTenants, each: int) -> Iterator[RawFrame]:
    """`each` events for either organization in turns, but for those over the wire; and, now and then, one that is
    nobody's, and one that lies.
    """
    for number in range(each - OVER_THE_WIRE * 2):
        for tenant in here.tenants:
            yield frame(tenant.word, tenant.instances[number % 2], number)
        if number % 100 == 0:
            yield frame(NOBODYS, UNOWNED, number)
            for one, other in itertools.permutations(here.tenants, 2):
                yield frame(LIARS, one.instances[0], number, link=other.instances[0])


async def feed(here: TwoTenants, each: int) -> None:
    for number, one in enumerate(load(here, each)):
        here.queue.accept(one)
        if number % 100 == 0:
            await holds("the queue has room", lambda: len(here.queue) < WAITING, within_s=60)


async def emit(here: TwoTenants) -> None:
    """Over the wire, from the simulator, numbered on from the others. Messages alone: Evolution says itself who sent
    something, and of a pairing code nothing else is left for those who may not pair.
    """
    for number in range(OVER_THE_WIRE):
        for tenant in here.tenants:
            for instance in tenant.instances:
                event, data = data_of(tenant.word, AFTER + number * KINDS)
                here.simulator.emit(instance, event, data)
        await holds("the queue has room", lambda: len(here.queue) < WAITING, within_s=60)


def ears_of(tenant: Tenant, other: Tenant) -> dict[str, Ear]:
    foreign = (other.word, other.organization_id, *other.instances, NOBODYS, LIARS, UNOWNED)
    names = ("key", "admin's cookie", "viewer's cookie", "ticket", "token")
    return {name: Ear(tenant, foreign, sees_content=name != "viewer's cookie") for name in names}


@asynccontextmanager
async def listening(here: TwoTenants, tenant: Tenant, ears: dict[str, Ear]) -> AsyncIterator[dict[str, PlainSocket]]:
    """One socket for each kind of credential."""
    ways: dict[str, dict[str, Any]] = {
        "key": {"token": tenant.keys["all"].secret},
        "admin's cookie": {"headers": own_page(here.url, tenant.admin.headers["Cookie"])},
        "viewer's cookie": {"headers": own_page(here.url, tenant.people[Role.VIEWER].headers["Cookie"])},
        "ticket": {"token": await here.ticket(tenant, pairing=True)},
        "token": {"token": tenant.jwt(pairing=True)},
    }
    async with AsyncExitStack() as stack:
        sockets = {}
        for name, ear in ears.items():
            client = plain_socket(here.url, name=f"{tenant.name}'s {name}", judge=ear.hear, **ways[name])
            sockets[name] = await stack.enter_async_context(client)
        yield sockets


def asked_without_ids() -> list[str]:
    """Every address that can be read without naming anything."""
    paths = described_api().openapi()["paths"]
    return [path for path, methods in paths.items() if "get" in methods and "{" not in path and path != "/api/events"]


async def look_around(here: TwoTenants, paths: list[str]) -> int:
    """Every list and state, as everybody sees it: nothing of the other organization, for the operator no content. How
    many were shown.
    """
    shown = 0
    for tenant, other in itertools.permutations(here.tenants, 2):
        foreign = other.marks() | {NOBODYS, LIARS, UNOWNED}
        for who in (*tenant.everybody(), None):
            for path in paths:
                answer = await here.ask(who, "GET", path)
                shown += answer.status_code == 200
                found = [mark for mark in foreign if mark in answer.text]
                assert not found, f"{who and who.name} sees {found} at {path}"
    for who in (here.operator, here.operator_key):
        for path in paths:
            answer = await here.ask(who, "GET", path)
            shown += answer.status_code == 200
            words = {tenant.word for tenant in here.tenants} & set(_words(answer.text))
            assert not words, f"{who.name} sees {words} at {path}"
    return shown


def _words(told: str) -> Iterator[str]:
    return (word for word in ("canary-of-acme", "canary-of-beta") if word in told)


async def read_the_log(here: TwoTenants, who: Somebody, tenant: Tenant, foreign: tuple[str, ...]) -> int:
    """Page by page, as text: how many events hold the owner's word. None holds a foreign one."""
    after, own = "0", 0
    while True:
        answer = await here.http.get(
            here.url + "/api/events", params={"after": after, "limit": 500}, headers=dict(who.headers)
        )
        assert answer.status_code == 200, answer.text
        assert not [mark for mark in foreign if mark in answer.text]
        page = orjson.loads(answer.content)
        own += sum(1 for event in page["events"] if tenant.word in orjson.dumps(event).decode())
        after = page["next"]
        if not page["more"]:
            return own


async def rows_that_cross(here: TwoTenants, tenant: Tenant, other: Tenant) -> tuple[int, int]:
    """How many rows of the organization's log hold its own word, and how many another's."""
    counted = []
    async with here.base.database.read() as connection:
        for words in ([tenant.word], [other.word, NOBODYS, LIARS]):
            holds_one = " OR ".join(f"data LIKE '%{word}%' OR sender LIKE '%{word}%'" for word in words)
            statement = text(f"SELECT count(*) FROM events WHERE organization_id = :owner AND ({holds_one})")  # noqa: S608
            counted.append((await connection.execute(statement, {"owner": tenant.organization_id})).scalar_one())
    return counted[0], counted[1]


async def set_aside(here: TwoTenants) -> None:
    """The operator finds what is nobody's and what lied, and nobody's owned event; nobody else may look."""
    newest = await here.ok(here.operator_key, "GET", "/api/quarantine", limit=500)
    told = orjson.dumps(newest).decode()
    assert NOBODYS in told
    assert LIARS in told
    assert not list(_words(told))
    for tenant in here.tenants:
        for who in tenant.everybody():
            for path in ("/api/quarantine", "/api/quarantine/summary", "/api/quarantine/instances"):
                answer = await here.ask(who, "GET", path)
                assert (answer.status_code, answer.json()["code"]) == (403, "operator_only")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("dialect", "each"), EACH)
async def test_no_word_of_one_organization_reaches_another_under_load(
    tmp_path: Path, database_url: str, each: int
) -> None:
    """I4: sockets of every kind of credential, the log over REST and in the database, lists and states, the operator's
    answers, and the gateway's own log at its most talkative; and each organization got everything of its own.
    """
    lines = tmp_path / "gateway.log"
    with logged_to(lines):
        async with two_tenants(tmp_path, database_url) as here, AsyncExitStack() as stack:
            paths = asked_without_ids()
            rouse(here.simulator, [name for tenant in here.tenants for name in tenant.instances])
            await here.house.is_linked(here.operator_key.secret, *here.acme.instances, *here.beta.instances)
            roused = {tenant.name: len(await here.whole_log(tenant.keys["all"])) for tenant in here.tenants}
            ears = {tenant.name: ears_of(tenant, other) for tenant, other in itertools.permutations(here.tenants, 2)}
            sockets = {
                tenant.name: await stack.enter_async_context(listening(here, tenant, ears[tenant.name]))
                for tenant in here.tenants
            }
            _, _, shown = await asyncio.gather(feed(here, each), emit(here), look_around(here, paths))
            assert shown > 100
            for tenant, other in itertools.permutations(here.tenants, 2):
                await here.all_stored(tenant, each, within_s=120)
                for name, socket in sockets[tenant.name].items():
                    ear = ears[tenant.name][name]
                    await socket.has(each, within_s=60)
                    assert ear.strange == []
                    assert not [told for told in socket.notices if any(mark in told for mark in ear.foreign)]
                    assert ear.own == each, f"{socket.name} heard {ear.own} of its own {each}"
                    assert ear.with_text == (each if ear.sees_content else 0)
                foreign = ears[tenant.name]["key"].foreign
                assert await read_the_log(here, tenant.keys["all"], tenant, foreign) == each
                assert await rows_that_cross(here, tenant, other) == (each, 0)
                assert roused[tenant.name] <= len(tenant.instances)
            await set_aside(here)
            await look_around(here, paths)
    written = lines.read_text()
    assert written.count("\n") > 10
    assert not [word for word in ("canary-of-acme", "canary-of-beta", NOBODYS, LIARS, SECRET_TEXT) if word in written]
