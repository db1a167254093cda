"""Every route of the whole house, on both databases: whatever names something, in path, query or body, names nothing of
another organization's.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import Table, select
from tests.oracle.traffic import message, rouse
from tests.security.operations import Operation, operations
from tests.support.house import holds
from tests.support.plain_socket import plain_socket
from tests.support.route_rights import ANYBODY, BODIES, NEEDS, OPERATOR, PERSON, Need
from tests.support.two_tenants import Somebody, Tenant, TwoTenants, described_api, two_tenants

from ponteio.decode.event_presets import choice_of
from ponteio.model.alert import Condition, Incident, Subject, SubjectKind
from ponteio.model.outcome import CATALOGUE
from ponteio.model.rights import Right, Role
from ponteio.notify.incidents import add as add_incident
from ponteio.notify.incidents import new_incident_id
from ponteio.storage import history_tables, journal_tables
from ponteio.storage.notify_tables import talk_hours
from ponteio.storage.tables import metadata

SAME = "same"
"""The answer is a good one, and the same whoever has it: the name only narrows what the caller sees."""

INSTANCE, USER, KEY, INVITATION, SESSION, ORGANIZATION, SERVER, CURSOR, AUDIT, RUN = (
    *("instance", "user", "key", "invitation", "session", "organization", "server", "cursor", "audit entry", "run"),
)

CHANNEL, DEVICE, ALERT, INCIDENT = "channel", "device", "alert rule", "incident"

_ABOUT = ("query:organization", ORGANIZATION, "organization_not_found")
_NAMED = ("path:instance_name", INSTANCE, "instance_not_found")
_CHANNEL = ("path:channel_id", CHANNEL, "not_found")
_ALERT = ("path:alert_id", ALERT, "not_found")
_TOLD = ("body:channels", CHANNEL, "not_found")
_INCIDENT = ("path:incident_id", INCIDENT, "not_found")

PLACES: dict[str, list[tuple[str, str, str]]] = {
    "switchOrganization": [("body:organization", ORGANIZATION, "organization_not_found")],
    "endSession": [("path:session_id", SESSION, "not_found")],
    "makePasswordReset": [("path:user_id", USER, "operator_only")],
    "disableUser": [("path:user_id", USER, "operator_only")],
    "enableUser": [("path:user_id", USER, "operator_only")],
    "listMembers": [_ABOUT],
    "setMemberRole": [("path:user_id", USER, "not_found"), _ABOUT],
    "removeMember": [("path:user_id", USER, "not_found"), _ABOUT],
    "listInvitations": [_ABOUT],
    "invite": [_ABOUT],
    "revokeInvitation": [("path:invitation_id", INVITATION, "not_found"), _ABOUT],
    "getEventPolicy": [_ABOUT],
    "setEventPolicy": [_ABOUT],
    "previewEventPolicy": [_ABOUT],
    "listKeys": [_ABOUT],
    "createKey": [_ABOUT, ("body:instances", INSTANCE, SAME)],
    "revokeKey": [("path:key_id", KEY, "not_found"), _ABOUT],
    "mintTicket": [("body:instances", INSTANCE, SAME)],
    "connectInstanceLink": [_NAMED],
    "disconnectInstanceLink": [_NAMED],
    "testInstanceLink": [_NAMED],
    "createInstance": [("body:organization", ORGANIZATION, "operator_only")],
    "claimInstance": [("body:name", INSTANCE, "claim_refused")],
    "assignInstance": [
        ("path:instance_name", INSTANCE, "operator_only"),
        ("body:organization", ORGANIZATION, "operator_only"),
    ],
    "unassignInstance": [("path:instance_name", INSTANCE, "operator_only")],
    "getInstance": [_NAMED],
    "deleteInstance": [_NAMED],
    "connectInstance": [_NAMED],
    "restartInstance": [_NAMED],
    "logoutInstance": [_NAMED],
    "getInstanceEvents": [_NAMED],
    "chooseInstanceEvents": [_NAMED],
    "forgetInstanceEvents": [_NAMED],
    "applyInstanceEvents": [_NAMED],
    "listEventRuns": [_ABOUT],
    "startEventRun": [_ABOUT, ("body:instances", INSTANCE, "instance_not_found")],
    "getEventRun": [("path:run_id", RUN, "not_found"), _ABOUT, ("query:after", INSTANCE, "not_found")],
    "cancelEventRun": [("path:run_id", RUN, "not_found"), _ABOUT],
    "listEvents": [
        *(("query:after", CURSOR, "cursor_expired"), ("query:before", CURSOR, "cursor_expired")),
        ("query:instance", INSTANCE, SAME),
    ],
    "countEventsByName": [("query:instance", INSTANCE, SAME)],
    "countEventsOverTime": [("query:instance", INSTANCE, SAME)],
    "exportEvents": [("query:after", CURSOR, "cursor_expired"), ("query:instance", INSTANCE, SAME)],
    "streamEvents": [("query:after", CURSOR, "not_acceptable"), ("query:instance", INSTANCE, "not_acceptable")],
    "getEvent": [("path:cursor", CURSOR, "cursor_expired")],
    "getRelatedEvents": [("path:cursor", CURSOR, "cursor_expired")],
    "changeOrganization": [("path:organization_id", ORGANIZATION, "operator_only")],
    "readLimits": [("path:organization_id", ORGANIZATION, "forbidden")],
    "setLimits": [("path:organization_id", ORGANIZATION, "forbidden")],
    "getLimits": [_ABOUT],
    "listAudit": [_ABOUT, ("query:before", AUDIT, SAME)],
    "listLogs": [("query:instance", INSTANCE, SAME), ("query:before", AUDIT, SAME)],
    "createChannel": [("body:users", USER, "invalid_request")],
    "getChannel": [_CHANNEL],
    "changeChannel": [_CHANNEL, ("body:users", USER, "not_found")],
    "removeChannel": [_CHANNEL],
    "rotateChannelSecret": [_CHANNEL],
    "testChannel": [_CHANNEL],
    "listDeliveries": [_CHANNEL],
    "removeDevice": [("path:device_id", DEVICE, "not_found")],
    "createAlert": [("body:instances", INSTANCE, SAME), _TOLD],
    "previewAlert": [("body:instances", INSTANCE, SAME), _TOLD],
    "getAlert": [_ALERT],
    "changeAlert": [_ALERT, ("body:instances", INSTANCE, "not_found"), _TOLD],
    "removeAlert": [_ALERT],
    "testAlert": [_ALERT],
    "getQuietHours": [_CHANNEL],
    "setQuietHours": [_CHANNEL],
    "listIncidents": [("query:before", INCIDENT, SAME)],
    "getIncident": [_INCIDENT],
    "acknowledgeIncident": [_INCIDENT],
    "resolveIncident": [_INCIDENT],
    "changeServer": [("path:server_id", SERVER, "operator_only")],
    "removeServer": [("path:server_id", SERVER, "operator_only")],
}
"""By operation: every parameter that names something which has an owner, what it names, and the answer to a foreign
name: a refusal's code, or that it is the same as for a name that nobody has.
"""

OWNERLESS = {
    *("query:filter", "query:format", "query:separator", "query:step"),
    *("query:lang", "body:round_trip"),
    *("query:server", "query:limit", "query:event", "query:action", "path:server_id", "query:window"),
    *("body:email", "body:password", "body:current", "body:new", "body:name", "body:token", "body:role", "body:label"),
    *("body:scopes", "body:events", "body:metadata_only", "body:expires_at", "body:live_per_minute", "body:content"),
    *("body:pairing", "body:user_label", "body:valid_s", "body:secret", "body:jwks", "body:audience", "body:number"),
    *("body:integration", "body:business_id", "body:server", "body:move", "body:disabled", "body:sockets", "body:url"),
    *(
        "body:sockets_per_user",
        "body:links",
        "body:live_burst",
        "body:requests_per_minute",
        "body:key",
        "body:keep_days",
    ),
    *("body:global_events", "body:allow_private", "body:policies", "body:preset", "body:keep", "body:dry_run"),
    *("query:kind", "query:since", "query:until"),
    *("body:kind", "body:header", "body:enabled", "body:overlap_s", "body:notifications_per_hour"),
    *("body:endpoint", "body:keys", "body:expirationTime"),
    *("body:condition", "body:for_s", "body:filter", "body:count", "body:usual_hours", "body:hours"),
    *("body:quiet_hours", "body:language", "body:include_content", "body:remind_every_s", "body:tell_resolved"),
    *("body:reopen_s", "query:state"),
}
"""Parameters that name nothing with an owner: servers are the deployment's, and their ids no secret."""
OPERATORS_OWN = {("listQuarantine", "query:before")}

RANDOM: dict[str, str] = {
    INSTANCE: "unheard-of",
    USER: "usr_0123456789abcdef01234567",
    KEY: "key_0123456789abcdef01234567",
    INVITATION: "inv_0123456789abcdef01234567",
    SESSION: "ses_0123456789abcdef01234567",
    ORGANIZATION: "org_0123456789abcdef01234567",
    SERVER: "srv_0123456789abcdef01234567",
    CURSOR: "01234567-1",
    AUDIT: "1000000000",
    RUN: "run_0123456789abcdef01234567",
    CHANNEL: "chn_0123456789abcdef01234567",
    DEVICE: "psh_0123456789abcdef01234567",
    ALERT: "alr_0123456789abcdef01234567",
    INCIDENT: "inc_0123456789abcdef01234567",
}
_SECOND = re.compile(r"\d{8}T\d{6}Z")
_MADE = re.compile(
    r'"(?:id|prefix|api_key|ticket|created_at|updated_at|expires_at|created_by|since|until|known_from)":"[^"]*"'
)


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[TwoTenants]:
    async with two_tenants(tmp_path, database_url) as opened:
        rouse(opened.simulator, [instance for tenant in opened.tenants for instance in tenant.instances])
        for tenant in opened.tenants:
            await opened.house.is_linked(tenant.keys["all"].secret, *tenant.instances)
            for instance in tenant.instances:
                opened.simulator.emit(instance, "messages.upsert", message(instance, 1, tenant.word))
            await opened.all_stored(tenant, len(tenant.instances))
        yield opened


async def names_of(here: TwoTenants, tenant: Tenant) -> dict[str, list[str]]:
    """What the organization has, by what it is; an organization is found by its id and by its name."""
    head = await here.base.events.head(here.base.directory.scope_of(tenant.organization_id))
    viewer = tenant.people[Role.VIEWER]
    entry = (await here.base.audit.list(None, limit=1))[:1]
    return {
        INSTANCE: [tenant.instances[0]],
        USER: [str(viewer.user_id)],
        KEY: [tenant.keys["linker"].credential_id],
        INVITATION: [tenant.invitation_id],
        SESSION: [viewer.credential_id],
        ORGANIZATION: [tenant.organization_id, tenant.name],
        SERVER: ["main"],
        CURSOR: [str(head)],
        AUDIT: [str(one.audit_id) for one in entry] or ["999999999"],
        RUN: [await run_of(here, tenant)],
        CHANNEL: [await channel_of(here, tenant)],
        DEVICE: [await device_of(here, tenant)],
        ALERT: [await alert_of(here, tenant)],
        INCIDENT: [await incident_of(here, tenant)],
    }


async def channel_of(here: TwoTenants, tenant: Tenant) -> str:
    """The id of a new channel of the organization."""
    made = await here.ok(tenant.admin, "POST", "/api/channels", {"kind": "web_push", "name": tenant.word})
    return str(made["channel"]["id"])


async def alert_of(here: TwoTenants, tenant: Tenant) -> str:
    """The id of a new alert rule of the organization."""
    body = {"condition": "qr", "name": tenant.word, "for_s": 86_400}
    return str((await here.ok(tenant.admin, "POST", "/api/alerts", body))["id"])


async def incident_of(here: TwoTenants, tenant: Tenant) -> str:
    """The id of a new incident of the organization."""
    now = datetime.now(UTC)
    about = Subject(SubjectKind.INSTANCE, tenant.instances[0])
    incident = Incident(
        *(tenant.organization_id, new_incident_id(now), "alr_gone", tenant.word, Condition.QR, about, now, now, now),
        resolved_at=now,
    )
    async with here.base.database.write() as connection:
        await add_incident(connection, incident)
    return incident.incident_id


async def device_of(here: TwoTenants, tenant: Tenant) -> str:
    """The id of a browser of one of the organization's people."""
    body = {**BODIES["POST", "/api/push/subscriptions"], "endpoint": f"https://push.example.com/{tenant.word}"}
    made = await here.ok(tenant.people[Role.VIEWER], "POST", "/api/push/subscriptions", body)
    return str(made["id"])


async def run_of(here: TwoTenants, tenant: Tenant) -> str:
    """The id of a run over the organization's instances that is over already."""
    instances = here.base.directory.instances(here.base.directory.scope_of(tenant.organization_id))
    run_id = await here.base.event_runs.create(tenant.organization_id, instances, choice_of("minimum", None))
    await here.base.event_runs.cancel(tenant.organization_id, run_id)
    return run_id


def may(who: Somebody, need: Need) -> bool:
    """What the table of permissions says."""
    if need in (ANYBODY, PERSON):
        return need == ANYBODY or who.is_person
    return Right.OPERATE in who.rights if need == OPERATOR else need in who.rights


async def ask(
    here: TwoTenants, who: Somebody | None, it: Operation, places: dict[str, str], body: Any = ...
) -> httpx2.Response:
    """The answer, whose status and code the description must name; what `places` does not fill names nothing."""
    path, query = it.path, {}
    said = it.body if body is ... else body
    for place, kind, _ in (
        *PLACES.get(it.name, ()),
        *((p, SERVER, "") for p in it.parameters if p.startswith("path:")),
    ):
        where, _, name = place.partition(":")
        if where == "path":
            path = path.replace("{" + name + "}", quote(places.get(place, RANDOM[kind]), safe=""))
        elif where == "query" and place in places:
            query[name] = places[place]
        elif where == "body" and place in places and isinstance(said, dict):
            said = {**said, name: [places[place]] if name in ("instances", "users", "channels") else places[place]}
    options = {} if said is None else {"json": said}
    answer = await here.ask(who, it.method, path, params=query or None, **options)
    told = f"{who and who.name} at {it.name} {places}: {answer.status_code} {answer.text[:300]}"
    assert str(answer.status_code) in it.statuses, f"not documented: {told}"
    if answer.status_code >= 400:
        assert answer.json()["code"] in it.statuses[str(answer.status_code)]["description"].split(", "), told
    return answer


def test_every_parameter_is_classified() -> None:
    """A new route, or a new parameter of an old one, fails here until somebody says whether it names what has an
    owner.
    """
    found = list(operations(described_api()))
    assert {it.name for it in found} >= set(PLACES)
    for it in found:
        assert (it.method, it.path) in NEEDS, f"{it.name}: who may ask?"
        classified = {place for place, _, _ in PLACES.get(it.name, ())}
        assert classified <= set(it.parameters), it.name
        unknown = {
            place
            for place in it.parameters
            if place not in classified | OWNERLESS and (it.name, place) not in OPERATORS_OWN
        }
        assert not unknown, f"{it.name}: what do {unknown} name?"
        for _, _, expected in PLACES.get(it.name, ()):
            assert expected == SAME or expected in CATALOGUE


async def test_everybody_gets_as_far_as_the_table_of_permissions_says(here: TwoTenants) -> None:
    """I10: for each kind of credential, asked with names that nobody has and with a body that nobody takes."""
    asked = refused = 0
    for it in operations(described_api()):
        if it.need == ANYBODY:
            continue
        callers = [*here.acme.everybody(), here.operator, here.operator_key]
        for who in callers:
            answer = await ask(here, who, it, {}, body=None if it.body is None else {"not": "taken"})
            told = f"{who.name} at {it.name}: {answer.status_code} {answer.text[:200]}"
            asked += 1
            if may(who, it.need):
                code = answer.json().get("code") if answer.status_code >= 400 else None
                assert code in (None, "organization_only") or answer.status_code not in (401, 403), told
            else:
                refused += 1
                assert answer.status_code == 403, told
                assert answer.json()["code"] in ("forbidden", "operator_only", "organization_only"), told
        if it.name == "removeSigner":
            await here.base.signers.put_secret(here.acme.organization_id, here.acme.signing_secret)
    assert refused > asked / 3
    assert asked > refused * 1.2


async def test_a_credential_of_a_disabled_organization_opens_nothing(here: TwoTenants) -> None:
    """I10: neither its keys nor its tokens; its people can only leave."""
    await here.base.directory.set_disabled(here.acme.organization_id, True)
    for it in operations(described_api()):
        if it.need in (ANYBODY, PERSON) or it.name == "logOut":
            continue
        for who in here.acme.everybody():
            answer = await ask(here, who, it, {}, body=None if it.body is None else {"not": "taken"})
            assert answer.status_code == 403, f"{who.name} at {it.name}: {answer.text}"
            if not who.is_person:
                assert answer.json()["code"] == "organization_disabled"


async def test_a_foreign_name_answers_as_one_that_nobody_has(here: TwoTenants) -> None:
    """I4: neither status, nor text, nor header tells; nothing that the other organization owns was touched."""
    acme, beta = here.tenants
    foreign = await names_of(here, beta)
    before = await settled_rows_of(here, beta)
    assert len(before) > 15
    asked = 0
    for it in operations(described_api()):
        for place, kind, expected in PLACES.get(it.name, ()):
            for who in acme.everybody():
                if expected != "operator_only" and not may(who, it.need):
                    continue
                if it.name == "claimInstance" and who is not acme.keys["manager"]:
                    continue  # few guesses are allowed: see below
                other = await ask(here, who, it, {place: RANDOM[kind]})
                for name in foreign[kind]:
                    one = await ask(here, who, it, {place: name})
                    judge(one, other, expected, (name, RANDOM[kind]), f"{who.name} at {it.name} with {place}")
                    asked += 1
    assert asked > 150
    assert await rows_of(here, beta) == before


def judge(one: httpx2.Response, other: httpx2.Response, expected: str, named: tuple[str, str], told: str) -> None:
    told = f"{told}: {one.status_code} {one.text[:300]}"
    assert one.status_code == other.status_code, told
    assert lasting(one) == lasting(other), told
    if one.status_code >= 400:
        assert one.content == other.content, told
        code = one.json()["code"]
        # Who is refused before the name is looked at learns nothing from it either.
        assert code == expected or code in ("forbidden", "operator_only", "organization_only"), told
    else:
        assert expected == SAME, told
        alike = [
            _MADE.sub("", answer.text.replace(name, "asked")) for answer, name in zip((one, other), named, strict=True)
        ]
        assert alike[0] == alike[1], told


def lasting(answer: httpx2.Response) -> dict[str, str]:
    """The headers, without what counts the caller's own requests, the length of a name of the caller's own, and the
    second at which a file was made.
    """
    passing = ("ratelimit", "date", *(("content-length",) if answer.status_code < 400 else ()))
    kept = {name: value for name, value in answer.headers.items() if not name.startswith(passing)}
    return {name: _SECOND.sub("", value) for name, value in kept.items()}


BY_ITSELF = {talk_hours.name} | {
    it.name for file in (history_tables, journal_tables) for it in vars(file).values() if isinstance(it, Table)
}
"""Tables that the house writes by itself, a little later than what they tell of."""


async def rows_of(here: TwoTenants, tenant: Tenant) -> set[str]:
    """Every row of the database that belongs to the organization or tells of it, as text."""
    found, marks = set(), tenant.marks()
    async with here.base.database.read() as connection:
        for table in metadata.sorted_tables:
            if table.name in BY_ITSELF:
                continue
            for row in await connection.execute(select(table)):
                owner = row._mapping.get("organization_id")
                if owner == tenant.organization_id or (owner is None and any(mark in str(row) for mark in marks)):
                    found.add(f"{table.name} {row}")
    return found


async def settled_rows_of(here: TwoTenants, tenant: Tenant) -> set[str]:
    """`rows_of` once what the house does at its start is written: gaps that end, states that are confirmed."""
    seen: list[set[str]] = [set()]

    async def is_settled() -> bool:
        await asyncio.sleep(0.3)
        seen.append(await rows_of(here, tenant))
        return seen[-1] == seen[-2]

    await holds("the rows stay as they are", is_settled)
    return seen[-1]


async def test_claiming_what_somebody_owns_fails_like_claiming_nothing_even_with_its_token(here: TwoTenants) -> None:
    """I4: an instance's token proves that one runs it, and still takes it from nobody."""
    beta = here.beta
    token = here.simulator.instance(beta.instances[0]).token
    wrong = {"name": beta.instances[0], "token": "a token that nobody has"}
    asked = [{"name": beta.instances[0], "token": token}, wrong, {"name": "unheard-of", "token": token}]
    answers = [await here.ask(here.acme.admin, "POST", "/api/instances/claim", json=body) for body in asked]
    assert {(one.status_code, one.content) for one in answers} == {(403, answers[0].content)}
    assert answers[0].json()["code"] == "claim_refused"
    found = here.base.directory.find("main", beta.instances[0])
    assert found is not None
    assert found.organization_id == beta.organization_id


async def test_what_is_narrowed_to_foreign_instances_sees_nothing(here: TwoTenants) -> None:
    """I4: keys and tickets may name whatever they like; what they open is the organization's own."""
    acme, beta = here.tenants
    made = await here.ok(acme.admin, "POST", "/api/keys", {"label": "greedy", "instances": list(beta.instances)})
    greedy = replace(acme.keys["all"], headers={"Authorization": f"Bearer {made['api_key']}"})
    assert await here.whole_log(greedy) == []
    for path in ("/api/instances", "/api/websocket/instances"):
        assert (await here.ok(greedy, "GET", path))["instances"] == []
    for instance in (*beta.instances, *acme.instances):
        assert (await here.ask(greedy, "GET", f"/api/instances/{instance}")).status_code == 404
    ticket = await here.ok(acme.keys["all"], "POST", "/api/tickets", {"instances": list(beta.instances)})
    async with plain_socket(here.url, ticket["ticket"], cursor=str((await names_of(here, acme))[CURSOR][0])) as client:
        before = await here.base.events.head(here.base.directory.scope_of(beta.organization_id))
        here.simulator.emit(beta.instances[0], "messages.upsert", message("late", 1))
        await here.all_stored(beta, before.seq + 1)
        assert client.count == 0


async def test_what_everybody_is_shown_holds_nothing_of_another_organization(here: TwoTenants) -> None:
    """I4: every list and state, for every caller."""
    shown = 0
    for tenant, other in itertools.permutations(here.tenants, 2):
        for it in operations(described_api()):
            if it.method != "GET" or "{" in it.path:
                continue
            for who in (*tenant.everybody(), None):
                answer = await ask(here, who, it, {})
                shown += answer.status_code == 200
                found = [mark for mark in other.marks() if mark in answer.text]
                assert not found, f"{who and who.name} sees {found} at {it.name}"
    assert shown > 150
