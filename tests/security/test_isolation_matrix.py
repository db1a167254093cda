"""Every route of the application's own description, for every kind of caller, on ids of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.rest_client import Caller, code, encoded
from tests.support.route_rights import ANYBODY, NEEDS, PERSON, Route, declared, routes_of
from tests.support.tenant_desk import Person, TenantDesk, lasting, tenant_desk

from ponteio.model.rights import Right, Role

RANDOM = {
    "instance_name": "no-such-instance",
    "user_id": "usr_000000000000000000000000",
    "key_id": "key_000000000000000000000000",
    "invitation_id": "inv_000000000000000000000000",
    "session_id": "ses_000000000000000000000000",
    "run_id": "run_000000000000000000000000",
    "channel_id": "chn_000000000000000000000000",
    "device_id": "psh_000000000000000000000000",
    "alert_id": "alr_000000000000000000000000",
    "incident_id": "inc_000000000000000000000000",
    "organization_id": "org_000000000000000000000000",
    "server_id": "srv_000000000000000000000000",
    "cursor": "00000000-1",
}
DENIED = {"forbidden", "operator_only", "organization_only"}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[TenantDesk]:
    async with tenant_desk(tmp_path, started=False) as opened:
        for scope, instance in ((opened.desk.acme_scope, "loja-01"), (opened.desk.rival_scope, "loja-03")):
            await opened.desk.house.store(scope, instance, "messages.upsert", b'{"message":{"conversation":"hi"}}')
        yield opened


async def ids_of(here: TenantDesk, organization: str) -> dict[str, str]:
    """Ids that belong to `acme` or `rival`, by the name of the path's parameter."""
    tenant = getattr(here, organization)
    scope = getattr(here.desk, f"{organization}_scope")
    return {
        "instance_name": "loja-01" if organization == "acme" else "loja-03",
        "user_id": tenant.ids["agent_id"],
        "key_id": tenant.ids["linker_key"],
        "invitation_id": tenant.ids["invitation"],
        "session_id": tenant.ids["agent_session"],
        "run_id": tenant.ids["run"],
        "channel_id": tenant.ids["channel"],
        "device_id": tenant.ids["device"],
        "alert_id": tenant.ids["alert"],
        "incident_id": tenant.ids["incident"],
        "organization_id": tenant.organization_id,
        "server_id": "main",
        "cursor": str(await here.desk.house.log.head(scope)),
    }


async def ask(here: TenantDesk, route: Route, caller: Caller, ids: dict[str, str], **query: str) -> httpx2.Response:
    """The answer, whose status and code the description must name."""
    path = route.at(**{name: encoded(ids[name]) for name in route.parameters})
    options: dict[str, Any] = {} if route.body is None else {"json": route.body}
    answer = await caller.call(route.method, path, params=query or None, **options)
    documented = here.desk.app.openapi()["paths"][route.path][route.method.lower()]["responses"]
    assert str(answer.status_code) in documented, f"{route}: {answer.status_code} is not documented: {answer.text}"
    if answer.status_code >= 400:
        assert code(answer) in documented[str(answer.status_code)]["description"].split(", "), f"{route}: {answer.text}"
    return answer


async def test_every_route_is_decided_and_declares_what_the_table_says(here: TenantDesk) -> None:
    """A new route fails here until somebody says who may ask it, in the table and in the route."""
    routes = routes_of(here.desk.app)
    assert {(route.method, route.path) for route in routes} == set(NEEDS)
    found = declared(here.desk.app)
    for route in routes:
        needs = found[route.method, route.path]
        if route.need == ANYBODY:
            assert needs == set(), route
        else:
            # The operator's routes about one instance find it as everybody does.
            assert needs - {Right.INSTANCES_READ} == {route.need} - {Right.INSTANCES_READ}, route
            assert route.need in needs, route


async def test_without_a_good_credential_nobody_gets_further(here: TenantDesk) -> None:
    """I10: nothing, garbage, a revoked key, a session that has ended: each is asked who it is."""
    desk = here.desk
    ids = await ids_of(here, "acme")
    revoked, secret = await desk.services.keys.create(here.acme.organization_id, "revoked")
    desk.api_keys.append(secret)
    await desk.services.keys.revoke(revoked.key_id)
    left, token, _ = await here.log_in("admin@acme.example")
    assert (await left.delete("/api/session")).status_code == 200
    strangers = [
        (desk.nobody, "auth_required"),
        (Caller(desk, "pnt_" + "A" * 43), "auth_invalid"),
        (Caller(desk, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."), "auth_invalid"),
        (Caller(desk, "ptk_" + "A" * 43), "auth_invalid"),
        (Caller(desk, secret), "auth_invalid"),
        (Caller(desk, secret, "apikey"), "auth_invalid"),
        (left, "auth_invalid"),
        (Person(desk, token[:-1], "x"), "auth_invalid"),
    ]
    for route in routes_of(desk.app):
        if route.need == ANYBODY:
            continue
        for caller, expected in strangers:
            answer = await ask(here, route, caller, ids)
            assert (answer.status_code, code(answer)) == (401, expected), route
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_malformed_body_does_not_come_before_the_question_who_asks(here: TenantDesk) -> None:
    for route in routes_of(here.desk.app):
        if route.body is None or route.need == ANYBODY:
            continue
        path = route.at(**{name: encoded(RANDOM[name]) for name in route.parameters})
        answer = await here.desk.nobody.call(
            route.method, path, content=b"{nonsense", headers={"content-type": "application/json"}
        )
        assert (answer.status_code, code(answer)) == (401, "auth_required"), route


async def test_who_lacks_the_right_is_refused_and_who_has_it_is_not(here: TenantDesk) -> None:
    everybody = [*here.acme.everybody(), *here.operators]
    ids = await ids_of(here, "acme")
    for route in routes_of(here.desk.app):
        if route.need == ANYBODY or route.path == "/api/session" or route.method == "DELETE":
            continue  # log-out and deletions end what the next caller needs: they have their own test
        for who in everybody:
            answer = await ask(here, route, who.caller, ids)
            if not who.may(route.need):
                assert answer.status_code == 403, f"{who.name} at {route}: {answer.text}"
                assert code(answer) in DENIED, f"{who.name} at {route}: {answer.text}"
            elif answer.status_code == 403:
                # An operator owns no events; an organization has no say over what serves all.
                allowed = {"organization_only", "operator_only", "claim_refused", "login_failed"}
                assert code(answer) in allowed, f"{who.name} at {route}: {answer.text}"
            else:
                assert answer.status_code != 401 or code(answer) == "login_failed", f"{who.name} at {route}"


async def test_deletions_are_refused_to_whoever_lacks_the_right(here: TenantDesk) -> None:
    ids = await ids_of(here, "acme")
    for route in routes_of(here.desk.app):
        if route.method == "DELETE" and route.need not in (ANYBODY, PERSON):
            for who in [*here.acme.everybody(), *here.operators]:
                if not who.may(route.need):
                    answer = await ask(here, route, who.caller, ids)
                    assert answer.status_code == 403, f"{who.name} at {route}: {answer.text}"
                    assert code(answer) in DENIED


async def test_foreign_ids_answer_like_ids_that_nobody_has(here: TenantDesk) -> None:
    """I4: neither status, nor text, nor header tells whether somebody else has such a thing."""
    foreign = await ids_of(here, "acme")
    callers = [here.rival.people[Role.ADMIN], here.rival.keys["all"]]
    asked = 0
    for route in routes_of(here.desk.app):
        if not route.parameters or route.need == ANYBODY:
            continue
        for who in callers:
            if not who.may(route.need):
                continue
            asked += 1
            one, other = await ask(here, route, who.caller, foreign), await ask(here, route, who.caller, RANDOM)
            assert one.status_code in (404, 410), f"{who.name} at {route}: {one.text}"
            assert (one.status_code, one.content, lasting(one)) == (other.status_code, other.content, lasting(other))
    assert asked > 15
    members = await here.desk.services.memberships.members(here.acme.organization_id)
    assert len(members) == 3
    assert here.desk.house.instance("loja-01").removed_at is None
    assert len(await here.desk.services.invitations.list(here.acme.organization_id)) >= 1
    key = await here.desk.services.keys.get(foreign["key_id"])
    assert key is not None
    assert key.revoked_at is None


async def test_a_foreign_organization_cannot_be_named(here: TenantDesk) -> None:
    """I4: in a query or a body, by its id or its name, it is as good as a random one."""
    named = ["/api/members", "/api/invitations", "/api/keys", "/api/limits", "/api/audit"]
    for who in (here.rival.people[Role.ADMIN], here.rival.keys["all"]):
        for path in named:
            answers = [
                await who.caller.get(path, params={"organization": name})
                for name in (here.acme.organization_id, "acme", RANDOM["organization_id"])
            ]
            assert {(one.status_code, one.content) for one in answers} == {(404, answers[0].content)}, path
            assert code(answers[0]) == "organization_not_found"
        for path, body in (("/api/invitations", {"role": "admin"}), ("/api/keys", {"label": "x"})):
            answer = await who.caller.post(path, json=body, params={"organization": here.acme.organization_id})
            assert code(answer) == "organization_not_found"
    admin = here.rival.people[Role.ADMIN].caller
    switches = [
        await admin.call("PUT", "/api/session/organization", json={"organization": name})
        for name in (here.acme.organization_id, RANDOM["organization_id"])
    ]
    assert {(one.status_code, one.content) for one in switches} == {(404, switches[0].content)}
    made = {"name": "x", "integration": "EVOLUTION", "organization": here.acme.organization_id}
    assert code(await admin.post("/api/instances", json=made)) == "operator_only"


async def test_lists_hold_nothing_of_anybody_else(here: TenantDesk) -> None:
    """I4: whatever a list shows, no id, name or address of the other organization is in it."""
    acme = {*here.acme.ids.values(), here.acme.organization_id, "acme", "loja-01", "loja-02"}
    for who in here.rival.everybody():
        for route in routes_of(here.desk.app):
            if route.method != "GET" or route.parameters or not who.may(route.need):
                continue
            answer = await ask(here, route, who.caller, {})
            # Who may sign is nobody yet, and a stream is asked for as one.
            is_good = answer.status_code == 200 or route.path in ("/api/token-signer", "/api/events/stream")
            assert is_good, f"{who.name} at {route}: {answer.text}"
            found = [name for name in acme if name in answer.text]
            assert not found, f"{who.name} at {route} sees {found}"


async def test_a_narrowed_key_sees_its_instance_alone(here: TenantDesk) -> None:
    await here.desk.house.store(here.desk.acme_scope, "loja-02", "messages.upsert", b'{"canary":"loja-02"}')
    narrowed = here.acme.keys["narrowed"]
    for route in routes_of(here.desk.app):
        if route.method == "GET" and not route.parameters and narrowed.may(route.need):
            assert "loja-02" not in (await ask(here, route, narrowed.caller, {})).text, route
        if "instance_name" in route.parameters and narrowed.may(route.need):
            other = await ask(here, route, narrowed.caller, {"instance_name": "loja-02"})
            nobody = await ask(here, route, narrowed.caller, RANDOM)
            assert (other.status_code, other.content) == (404, nobody.content), route
    foreign = str(await here.desk.house.log.head(here.desk.acme_scope))
    assert code(await narrowed.caller.get(f"/api/events/{foreign}")) == "not_found"


async def test_content_is_for_whoever_may_see_it(here: TenantDesk) -> None:
    """I5: everybody else gets the event's metadata."""
    await here.desk.house.store(here.desk.acme_scope, "loja-01", "qrcode.updated", b'{"qrcode":{"code":"2@canary"}}')
    for who in here.acme.everybody():
        if not who.may(Right.EVENTS_READ):
            continue
        answer = (await who.caller.get("/api/events")).json()["events"]
        message = next(event for event in answer if event["event"] == "messages.upsert")
        assert ("message" in message["data"]) is who.may(Right.CONTENT_READ), who.name
        assert message.get("withheld") == (None if who.may(Right.CONTENT_READ) else "content")
        code_event = next(event for event in answer if event["event"] == "qrcode.updated")
        assert ("canary" in str(code_event["data"])) is who.may(Right.PAIRING), who.name


async def test_a_cookie_alone_changes_nothing(here: TenantDesk) -> None:
    """Every change with a session needs its CSRF token, and no page of somebody else's."""
    ids = await ids_of(here, "acme")
    _, token, answer = await here.log_in("admin@acme.example")
    for csrf in (None, "", "wrong", answer["csrf_token"][:-1]):
        person = Person(here.desk, token, csrf)
        for route in routes_of(here.desk.app):
            if route.method == "GET" or route.need == ANYBODY:
                continue
            refused = await ask(here, route, person, ids)
            assert code(refused) == "csrf_failed", route
    person = Person(here.desk, token, answer["csrf_token"])
    for origin in ("https://evil.example", "null", "http://gateway.evil.example", "http://gateway:81"):
        refused = await person.post("/api/tickets", json={}, headers={"Origin": origin})
        assert code(refused) == "origin_refused", origin
        refused = await here.desk.nobody.post(
            "/api/session", json={"email": "admin@acme.example", "password": "x"}, headers={"Origin": origin}
        )
        assert code(refused) == "origin_refused", origin
    assert code(await person.post("/api/tickets", json={}, headers={"Origin": "http://gateway"})) == "forbidden"


async def test_members_that_nobody_documented_are_refused(here: TenantDesk) -> None:
    """Mass assignment: nothing can be set that a form does not offer."""
    admin = here.acme.people[Role.ADMIN]
    for route in routes_of(here.desk.app):
        if route.body is None:
            continue
        for extra in ("organization_id", "is_operator", "rights", "user_id", "created_by"):
            path = route.at(**{name: encoded((await ids_of(here, "acme"))[name]) for name in route.parameters})
            answer = await admin.caller.call(route.method, path, json={**route.body, extra: "x"})
            refused_first = route.need != ANYBODY and not admin.may(route.need)
            assert answer.status_code == (403 if refused_first else 422), f"{route} takes {extra}: {answer.text}"
