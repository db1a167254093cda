"""Callers of the REST API. Whatever they are answered is checked: form, headers, and that no secret is in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from fastapi import FastAPI
from tests.support.people_world import QUICK
from tests.support.rest_house import SERVER, RestHouse, rest_house

from ponteio.api.factory import create_api
from ponteio.api.services import ApiServices, Control, Diagnosis, EventConfiguration, Links, WebOptions
from ponteio.eventlog.link_journal import LinkJournal
from ponteio.eventlog.metric_rollups import MetricRollups
from ponteio.live.edge import LiveEdge
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.outcome import CATALOGUE, CLAIM_REFUSED, SERVER_NOT_FOUND, RefusalError
from ponteio.notify.alert_desk import AlertDesk
from ponteio.notify.http_post import PostOptions
from ponteio.notify.incidents import Incidents
from ponteio.notify.messages import Wording
from ponteio.notify.preview import Previewer
from ponteio.notify.preview_sources import PreviewSources
from ponteio.notify.rules import Rules
from ponteio.notify.talk_hours import TalkHours
from ponteio.post_office import PostNeeds, PostOffice
from ponteio.storage.vault import Vault
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.event_runs import EventRuns
from ponteio.tenancy.invitations import Invitations
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.login import LoginDesk
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import Passwords
from ponteio.tenancy.servers import Servers
from ponteio.tenancy.tickets import Tickets
from ponteio.tenancy.token_signers import TokenSigners
from ponteio.tenancy.user_sessions import UserSessions

CANARIES = ("EAAG-canary-meta-token", "traceback", "Traceback", "sqlalchemy", "SELECT ")


class Caller:
    """Calls with one key, or none."""

    def __init__(self, desk: RestDesk, key: str | None, header: str = "Authorization") -> None:
        self._desk = desk
        self._headers = {} if key is None else {header: f"Bearer {key}" if header == "Authorization" else key}

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {**self._headers, **options.pop("headers", {})}
        answer = await self._desk.client.request(method, path, headers=headers, **options)
        self._desk.check(answer)
        return answer

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("POST", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx2.Response:
        return await self.call("DELETE", path, **options)


class RestDesk:
    """The API over a house, with an organization `acme`, another one, and the operator at it."""

    def __init__(self, house: RestHouse, app: FastAPI, services: ApiServices) -> None:
        self.house = house
        self.app = app
        self.services = services
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway")
        self.api_keys: list[str] = []
        self.nobody = Caller(self, None)
        self.acme: Caller
        self.rival: Caller
        self.operator: Caller
        self.acme_scope: OrganizationScope
        self.rival_scope: OrganizationScope

    async def caller(self, organization_id: str | None, header: str = "Authorization") -> Caller:
        """A caller with a new key."""
        _, secret = await self.house.keys.create(organization_id, "test")
        self.api_keys.append(secret)
        return Caller(self, secret, header)

    def check(self, answer: httpx2.Response) -> None:
        """I5: no answer whatsoever holds a key or a token; each refusal is a whole problem document."""
        shown = answer.text + repr(answer.headers)
        world = self.house.simulator.world
        secrets = [self.house.simulator.api_key, *self.api_keys, *(each.token for each in world if each.token)]
        for secret in (*secrets, *CANARIES):
            assert secret not in shown, f"{answer.request.method} {answer.request.url} shows a secret"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert CATALOGUE[problem["code"]].status == answer.status_code
            assert problem["type"] == f"urn:ponteio:problem:{problem['code']}"
            assert problem["title"]
            assert problem["detail"]


def code(answer: httpx2.Response) -> str:
    """The problem's code."""
    return str(answer.json()["code"])


def encoded(name: str) -> str:
    """An instance's name as a part of an address."""
    return quote(name, safe="")


@dataclass(frozen=True)
class OneServer:
    """A fleet of one station that is always there, made of the parts of a `RestHouse`."""

    links: Links
    control: Control
    diagnosis: Diagnosis
    events: EventConfiguration
    claims: Callable[[str | None, str, str, str], Awaitable[Instance]]
    server_id: str = SERVER
    key_is_public: bool = False

    def station(self, server_id: str | None = None) -> OneServer:
        if server_id not in (None, self.server_id):
            raise RefusalError(SERVER_NOT_FOUND)
        return self

    def stations(self) -> list[OneServer]:
        return [self]

    def is_reachable(self, server_id: str) -> bool:
        return server_id == self.server_id

    def refusal_of(self, _server_id: str) -> None:
        """The server is never refused."""

    async def refresh(self) -> None:
        """Nothing to do: the server never changes."""

    async def claim(self, server_id: str | None, name: str, token: str, organization_id: str) -> Instance:
        return await self.claims(server_id, name, token, organization_id)


class NoMetrics:
    """Nothing to show: what Prometheus sees is told of the whole house."""

    async def text(self) -> bytes:
        return b""


async def no_claims(_server: str | None, _name: str, _token: str, _organization: str) -> Instance:
    """Claims are the real fleet's: nothing can be claimed here."""
    raise RefusalError(CLAIM_REFUSED)


def alert_desk(house: RestHouse, post: PostOffice, audit: AuditLog) -> AlertDesk:
    """The desk of alerts, without a watch behind it."""
    database, directory = house.database, house.directory
    sources = PreviewSources(database, house.log, house.gaps, audit, directory, TalkHours(database))
    rules, incidents = Rules(database, post.channels), Incidents(database)
    return AlertDesk(rules, incidents, post.channels, post.deliveries, Wording("", str), Previewer(sources))


def rest_services(house: RestHouse, **web: Any) -> ApiServices:
    """The house's rooms as the routes know them. Passwords are hashed with parameters that are quick."""
    database, directory, notices = house.database, house.directory, LimitNotices(house.counters)
    passwords, vault = Passwords(QUICK), Vault([Vault.new_key()])
    accounts, sessions, memberships = Accounts(database, passwords), UserSessions(database), Memberships(database)
    tickets, signers = Tickets(database), TokenSigners(database, vault)
    authenticator = Authenticator(directory, house.keys, tickets, signers, sessions)
    audit = AuditLog(database)
    # What tests let the organizations reach stands on the loopback.
    reached = PostOptions(private_hosts=("127.0.0.1",))
    post = PostOffice.of(PostNeeds(database, vault, directory, audit, notices, house.counters, post=reached))
    return ApiServices(
        fleet=OneServer(house.links, house.control, house.diagnosis, house.configuration, no_claims),
        live=LiveEdge(
            log=house.log,
            authenticator=authenticator,
            directory=directory,
            notices=notices,
            counters=house.counters,
        ),
        directory=directory,
        servers=Servers(database, directory, vault),
        authenticator=authenticator,
        accounts=accounts,
        sessions=sessions,
        memberships=memberships,
        invitations=Invitations(database, accounts),
        login=LoginDesk(accounts, sessions, passwords, memberships),
        keys=house.keys,
        tickets=tickets,
        signers=signers,
        audit=audit,
        notices=notices,
        events=house.log,
        quarantine=house.quarantine,
        gaps=house.gaps,
        journal=LinkJournal(database),
        wishes=house.wishes,
        event_runs=EventRuns(database),
        counters=house.counters,
        post=post,
        alerts=alert_desk(house, post, audit),
        metrics=NoMetrics(),
        rollups=MetricRollups(database),
        web=WebOptions(**{"allowed_hosts": ("gateway",), "requests_per_address": 1_000_000, **web}),
    )


@asynccontextmanager
async def rest_desk(
    folder: Path,
    *,
    owned: Sequence[str] = ("loja-01", "loja-02"),
    allowed_origins: Sequence[str] = (),
    web: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[RestDesk]:
    """A desk: `acme` owns `owned`, the rival owns `loja-03`. `web` are `WebOptions`; other options `rest_house`'s."""
    async with rest_house(folder, **options) as house:
        services = rest_services(house, **{"allowed_origins": tuple(allowed_origins), **(web or {})})
        desk = RestDesk(house, create_api(services), services)
        desk.acme_scope = await house.organization("acme", *owned)
        desk.rival_scope = await house.organization("rival", "loja-03")
        desk.acme = await desk.caller(desk.acme_scope.organization_id)
        desk.rival = await desk.caller(desk.rival_scope.organization_id)
        desk.operator = await desk.caller(None)
        yield desk
        await desk.client.aclose()
