"""Two organizations in one whole house, each with everybody who may be in one and every kind of credential."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import jwt
from fastapi import FastAPI
from tests.support.house import House, holds, house
from tests.support.people_world import PASSWORD, QUICK
from tests.support.simulator import running_simulator

from ponteio.api.factory import create_api
from ponteio.api.services import ApiServices, WebOptions
from ponteio.app import Gateway
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.model.event import RawFrame
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import Principal
from ponteio.model.rights import KeyScope, Right, Role
from ponteio.model.session_cookie import COOKIE
from ponteio.pipeline import FrameQueue
from ponteio.simulator import Simulator
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.passwords import Passwords
from ponteio.tenancy.permissions import BROWSER_RIGHTS, OPERATOR_KEY_RIGHTS, ROLE_RIGHTS, key_rights
from ponteio.tenancy.token_signers import AUDIENCE
from ponteio.tenancy.user_sessions import csrf_token

AMPLE = 1_000_000
"""A limit that no test reaches."""

OWNED = {"acme": ("loja-01", "loja-02"), "beta": ("loja-03", "loja-04")}
UNOWNED = "loja-05"

KEYS: Mapping[str, dict[str, Any]] = {
    "all": {"scopes": frozenset({KeyScope.ADMIN})},
    "reader": {"scopes": frozenset({KeyScope.EVENTS_READ})},
    "linker": {"scopes": frozenset({KeyScope.LINKS_MANAGE})},
    "manager": {"scopes": frozenset({KeyScope.INSTANCES_MANAGE})},
    "narrowed": {"scopes": frozenset({KeyScope.ADMIN}), "one": True},
    "metadata": {"scopes": frozenset({KeyScope.ADMIN}), "metadata_only": True},
}
"""What each key of an organization is made with; `one` narrows it to the first instance."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A caller of REST with a good credential, and what the table of permissions lets them do."""

    name: str
    rights: frozenset[Right]
    headers: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)
    credential_id: str = ""
    user_id: str | None = None
    email: str = ""
    allowed: EventFilter = EVERYTHING

    @property
    def is_person(self) -> bool:
        return self.user_id is not None

    def may(self, right: Right) -> bool:
        return right in self.rights


@dataclass
class Tenant:
    """One organization. `word` stands in all that is its own: see `TwoTenants.frame`."""

    name: str
    organization_id: str
    instances: tuple[str, ...]
    signing_secret: str = field(repr=False)
    keys: dict[str, Somebody] = field(default_factory=dict)
    people: dict[Role, Somebody] = field(default_factory=dict)
    invitation_id: str = ""
    invitation_token: str = field(default="", repr=False)

    @property
    def word(self) -> str:
        return f"canary-of-{self.name}"

    @property
    def admin(self) -> Somebody:
        return self.people[Role.ADMIN]

    def jwt(self, *, secret: str | None = None, algorithm: str = "HS256", **claims: Any) -> str:
        """A token that the organization's own server signs for one of its users, good for a minute."""
        now = int(datetime.now(UTC).timestamp())
        said = {
            "iss": self.organization_id,
            "sub": f"user-of-{self.name}",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 60,
            **claims,
        }
        key = self.signing_secret if secret is None else secret
        return jwt.encode({name: value for name, value in said.items() if value is not None}, key, algorithm=algorithm)

    def everybody(self) -> list[Somebody]:
        """Everybody who has a good credential for REST."""
        token = self.jwt(exp=int(datetime.now(UTC).timestamp()) + 290)
        signed = Somebody(f"{self.name}'s JWT", BROWSER_RIGHTS - {Right.PAIRING}, _bearer(token), token)
        return [signed, *self.keys.values(), *self.people.values()]

    def marks(self) -> set[str]:
        """What tells of the organization wherever it stands: words, names and ids that nobody else has."""
        ids = {one.credential_id for one in (*self.keys.values(), *self.people.values())}
        people = {text for one in self.people.values() for text in (one.user_id or "", one.email)}
        return {self.word, self.organization_id, self.invitation_id, *self.instances, *ids, *people} - {""}


@dataclass
class TwoTenants:
    """`acme` owns loja-01 and loja-02, `beta` loja-03 and loja-04, nobody loja-05; the gateway runs."""

    house: House
    simulator: Simulator
    http: httpx2.AsyncClient
    acme: Tenant
    beta: Tenant
    operator: Somebody
    operator_key: Somebody

    @property
    def url(self) -> str:
        return self.house.url

    @property
    def gateway(self) -> Gateway:
        assert self.house.gateway is not None
        return self.house.gateway

    @property
    def base(self) -> Foundation:
        return self.gateway._base

    @property
    def queue(self) -> FrameQueue:
        """Where the links put what they hear."""
        return self.gateway._queue

    @property
    def tenants(self) -> tuple[Tenant, Tenant]:
        return self.acme, self.beta

    async def ask(self, who: Somebody | None, method: str, path: str, **options: Any) -> httpx2.Response:
        """One call of `path`, such as `/api/events`; its body is kept in `house.said`."""
        headers = {**({} if who is None else who.headers), **options.pop("headers", {})}
        answer = await self.http.request(method, self.url + path, headers=headers, **options)
        self.http.cookies.clear()
        self.house.said.append(answer.text)
        return answer

    async def ok(self, who: Somebody, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """The body of an answer that is no refusal."""
        options = {} if body is None else {"json": body}
        answer = await self.ask(who, method, path, params=params or None, **options)
        assert answer.status_code in (200, 201), f"{who.name}: {method} {path}: {answer.text}"
        return answer.json()

    async def whole_log(self, who: Somebody, **params: Any) -> list[dict[str, Any]]:
        """Every event that this caller may read."""
        found: list[dict[str, Any]] = []
        after = "0"
        while True:
            page = await self.ok(who, "GET", "/api/events", after=after, limit=500, **params)
            found += page["events"]
            after = page["next"]
            if not page["more"]:
                return found

    async def principal(self, who: Somebody) -> Principal:
        """Who this is to the gateway."""
        if who.is_person:
            return await self.base.authenticator.cookie(who.secret)
        return await self.base.authenticator.bearer(who.secret)

    async def ticket(self, tenant: Tenant, **terms: Any) -> str:
        """A ticket of the organization's."""
        return (await self.base.tickets.mint(await self.principal(tenant.keys["all"]), **terms))[1]

    async def session(self, who: Somebody, organization_id: str | None, name: str = "another") -> Somebody:
        """Another session of the same person."""
        assert who.user_id is not None
        session, token = await self.base.sessions.open(who.user_id, organization_id, address=None, agent=None)
        return Somebody(
            f"{who.name}, {name}", who.rights, _cookie(token), token, session.session_id, who.user_id, who.email
        )

    async def all_stored(self, tenant: Tenant, amount: int, within_s: float = 30.0) -> None:
        """Waits until the organization's log has so many events."""
        scope = self.base.directory.scope_of(tenant.organization_id)

        async def stored() -> bool:
            return (await self.base.events.head(scope)).seq >= amount

        await holds(f"{amount} events of {tenant.name} are stored", stored, within_s=within_s)

    def put(self, frames: Sequence[RawFrame]) -> None:
        """The frames arrive as if over a link."""
        for frame in frames:
            self.queue.accept(frame)


@asynccontextmanager
async def two_tenants(
    folder: Path,
    database_url: str,
    *,
    global_events: bool = False,
    simulated: dict[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[TwoTenants]:
    """A started house with both. `simulated` are the simulator's options, `more` the gateway's settings; limits on how
    much one may ask are out of the way unless they are given.
    """
    ample = {
        "requests_per_minute": AMPLE,
        "requests_per_address": AMPLE,
        "sockets_per_address": 5_000,
        "arrivals_per_s": 100_000,
        "live_per_minute": AMPLE,
        "live_burst": AMPLE,
    }
    options = {"instances": 5, "global_events": global_events, **(simulated or {})}
    async with (
        running_simulator(**options) as simulator,
        house(
            folder,
            database_url,
            url=simulator.url,
            key=simulator.api_key,
            global_events=global_events,
            **{**ample, **more},
        ) as opened,
        httpx2.AsyncClient(timeout=30) as http,
    ):
        await opened.start()
        assert opened.gateway is not None
        base = opened.gateway._base
        acme, beta = [await _tenant(base, name) for name in OWNED]
        operator = await _person(base, None, "operator", "op@ponteio.test", Role.OPERATOR)
        key, secret = await base.keys.create(None, "operator")
        operators = Somebody("the operator's key", OPERATOR_KEY_RIGHTS, _bearer(secret), secret, key.key_id)
        yield TwoTenants(opened, simulator, http, acme, beta, operator, operators)


async def _tenant(base: Foundation, name: str) -> Tenant:
    made = await base.directory.create_organization(name)
    organization_id, instances = made.organization_id, OWNED[name]
    tenant = Tenant(name, organization_id, instances, f"the signing secret of {name}, long enough to be one")
    for instance in instances:
        await base.directory.assign(instance, organization_id, server_id=SERVER_ID)
    for label, terms in KEYS.items():
        tenant.keys[label] = await make_key(base, tenant, label, **terms)
    for role in (Role.ADMIN, Role.AGENT, Role.VIEWER):
        person = await _person(base, organization_id, f"{name}'s {role.value}", f"{role.value}@{name}.test", role)
        tenant.people[role] = person
    await base.signers.put_secret(organization_id, tenant.signing_secret)
    invitation, token = await base.invitations.create(organization_id, Role.VIEWER)
    tenant.invitation_id, tenant.invitation_token = invitation.invitation_id, token
    return tenant


async def make_key(base: Foundation, tenant: Tenant, label: str, *, one: bool = False, **terms: Any) -> Somebody:
    """A key of the organization; `one` narrows it to the first instance."""
    allowed = EventFilter.of([tenant.instances[0]]) if one else EVERYTHING
    key, secret = await base.keys.create(tenant.organization_id, label, allowed=allowed, **terms)
    rights = key_rights(key.scopes, key.allowed, metadata_only=key.metadata_only)
    name = f"{tenant.name}'s key {label}"
    return Somebody(name, rights, _bearer(secret), secret, key.key_id, allowed=allowed)


async def _person(base: Foundation, organization_id: str | None, name: str, email: str, role: Role) -> Somebody:
    accounts = Accounts(base.database, Passwords(QUICK))
    user = await accounts.create(email, f"{name} Silva", PASSWORD, is_operator=role is Role.OPERATOR)
    if organization_id is not None:
        await base.memberships.add(organization_id, user.user_id, role)
    session, token = await base.sessions.open(user.user_id, organization_id, address=None, agent=None)
    return Somebody(name, ROLE_RIGHTS[role], _cookie(token), token, session.session_id, user.user_id, email)


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _cookie(token: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={token}", "X-CSRF-Token": csrf_token(token)}


def described_api() -> FastAPI:
    """The REST application without rooms behind it, which only describes itself."""
    return create_api(cast("ApiServices", SimpleNamespace(web=WebOptions())))
