"""Two organizations with everybody who may be in one, at the REST desk: for what must not cross between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from tests.support.people_world import PASSWORD
from tests.support.rest_client import Caller, RestDesk, rest_desk
from tests.support.route_rights import BODIES, PERSON, Need

from ponteio.decode.event_presets import choice_of
from ponteio.model.alert import Condition, Incident, Subject, SubjectKind
from ponteio.model.filter import EventFilter
from ponteio.model.rights import KeyScope, Right, Role
from ponteio.model.session_cookie import COOKIE
from ponteio.notify.incidents import add as add_incident
from ponteio.notify.incidents import new_incident_id
from ponteio.tenancy.permissions import OPERATOR_KEY_RIGHTS, ROLE_RIGHTS, key_rights


class Person(Caller):
    """Calls with a session's cookie and, unless told otherwise, its CSRF token."""

    def __init__(self, desk: RestDesk, token: str, csrf: str | None) -> None:
        super().__init__(desk, None)
        self._headers = {"Cookie": f"{COOKIE}={token}", **({} if csrf is None else {"X-CSRF-Token": csrf})}


@dataclass
class Somebody:
    """A caller and what they may do."""

    name: str
    caller: Caller
    rights: frozenset[Right]
    is_person: bool = False

    def may(self, need: Need) -> bool:
        if need == PERSON:
            return self.is_person
        return need in self.rights if isinstance(need, Right) else Right.OPERATE in self.rights


@dataclass
class Tenant:
    """An organization's people, keys and ids."""

    organization_id: str
    people: dict[Role, Somebody] = field(default_factory=dict)
    keys: dict[str, Somebody] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def everybody(self) -> list[Somebody]:
        return [*self.people.values(), *self.keys.values()]


@dataclass
class TenantDesk:
    """`acme` owns loja-01 and loja-02, `rival` loja-03."""

    desk: RestDesk
    acme: Tenant
    rival: Tenant
    operators: list[Somebody]

    async def log_in(self, email: str) -> tuple[Person, str, dict[str, Any]]:
        """Somebody who has logged in, their session's token, and what they were answered."""
        answer = await self.desk.client.post("/api/session", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        token = answer.cookies[COOKIE]
        self.desk.client.cookies.clear()
        return Person(self.desk, token, answer.json()["csrf_token"]), token, answer.json()

    async def tenant(self, name: str, organization_id: str, instance: str) -> Tenant:
        services = self.desk.services
        made = Tenant(organization_id)
        for role in (Role.ADMIN, Role.AGENT, Role.VIEWER):
            email = f"{role.value}@{name}.example"
            user = await services.accounts.create(email, f"{name} {role.value}", PASSWORD)
            await services.memberships.add(organization_id, user.user_id, role)
            person, _, answer = await self.log_in(email)
            made.people[role] = Somebody(f"{name}'s {role.value}", person, ROLE_RIGHTS[role], is_person=True)
            made.ids |= {f"{role.value}_id": user.user_id, f"{role.value}_session": answer["session"]}
        for label, scopes, options in (
            ("reader", {KeyScope.EVENTS_READ}, {}),
            ("linker", {KeyScope.LINKS_MANAGE}, {}),
            ("manager", {KeyScope.INSTANCES_MANAGE}, {}),
            ("all", {KeyScope.ADMIN}, {}),
            ("narrowed", {KeyScope.ADMIN}, {"allowed": EventFilter.of([instance])}),
            ("metadata", {KeyScope.ADMIN}, {"metadata_only": True}),
        ):
            key, secret = await services.keys.create(organization_id, label, scopes=scopes, **options)
            self.desk.api_keys.append(secret)
            rights = key_rights(key.scopes, key.allowed, metadata_only=key.metadata_only)
            made.keys[label] = Somebody(f"{name}'s key {label}", Caller(self.desk, secret), rights)
            made.ids[f"{label}_key"] = key.key_id
        invitation, _ = await services.invitations.create(organization_id, Role.VIEWER)
        made.ids["invitation"] = invitation.invitation_id
        own = services.directory.instances(services.directory.scope_of(organization_id))
        made.ids["run"] = await services.event_runs.create(organization_id, own, choice_of("minimum", None))
        await services.event_runs.cancel(organization_id, made.ids["run"])
        channels = services.post.channels
        channel, _ = await channels.create(organization_id, "web_push", "people", url=None, users=None, header=None)
        made.ids["channel"] = channel.channel_id
        keys = BODIES["POST", "/api/push/subscriptions"]["keys"]
        endpoint = f"https://push.example.com/{name}"
        device = await services.post.devices.add(made.ids["viewer_id"], endpoint, keys["p256dh"], keys["auth"], name)
        made.ids["device"] = device.subscription_id
        rule = await made.people[Role.ADMIN].caller.post("/api/alerts", json=BODIES["POST", "/api/alerts"])
        made.ids["alert"] = rule.json()["id"]
        made.ids["incident"] = await self._incident(organization_id, made.ids["alert"], instance)
        return made

    async def _incident(self, organization_id: str, rule_id: str, instance: str) -> str:
        """The id of a new incident, which is over."""
        now = datetime.now(UTC)
        about = Subject(SubjectKind.INSTANCE, instance)
        incident = Incident(
            *(organization_id, new_incident_id(now), rule_id, "made by the matrix", Condition.QR, about, now, now, now),
            resolved_at=now,
        )
        async with self.desk.house.database.write() as connection:
            await add_incident(connection, incident)
        return incident.incident_id


@asynccontextmanager
async def tenant_desk(folder: Path, **options: Any) -> AsyncIterator[TenantDesk]:
    """A desk with both organizations full of people."""
    async with rest_desk(folder, instances=3, web={"requests_of_operators": 1_000_000}, **options) as desk:
        here = TenantDesk(desk, Tenant(""), Tenant(""), [])
        for scope in (desk.acme_scope, desk.rival_scope):
            await desk.house.directory.set_limits(scope.organization_id, {"requests_per_minute": 1_000_000})
        here.acme = await here.tenant("acme", desk.acme_scope.organization_id, "loja-01")
        here.rival = await here.tenant("rival", desk.rival_scope.organization_id, "loja-03")
        await desk.services.accounts.create("op@ponteio.example", "Op", PASSWORD, is_operator=True)
        person, _, _ = await here.log_in("op@ponteio.example")
        here.operators = [
            Somebody("the operator", person, ROLE_RIGHTS[Role.OPERATOR], is_person=True),
            Somebody("the operator's key", desk.operator, OPERATOR_KEY_RIGHTS),
        ]
        yield here


def lasting(answer: httpx2.Response) -> dict[str, str]:
    """The headers, without what counts the caller's own requests."""
    return {name: value for name, value in answer.headers.items() if not name.startswith("ratelimit")}
