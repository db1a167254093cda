"""Logging in, acting for an organization, logging out; and what other people's pages cannot do."""

from __future__ import annotations

from typing import Any

import httpx2
from tests.support.people_world import PASSWORD
from tests.support.rest_client import code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import Person, TenantDesk

from ponteio.model.rights import Role
from ponteio.model.session_cookie import COOKIE
from ponteio.tenancy.audit import Action, AuditEntry
from ponteio.tenancy.user_sessions import csrf_token

SESSION, SWITCH = "/api/session", "/api/session/organization"
ADMIN = "admin@acme.example"


async def log_in(here: TenantDesk, email: str = ADMIN, password: str = PASSWORD, **options: Any) -> httpx2.Response:
    answer = await here.desk.nobody.post(SESSION, json={"email": email, "password": password}, **options)
    here.desk.client.cookies.clear()
    return answer


async def newest(here: TenantDesk, action: Action, organization_id: str | None = None) -> AuditEntry:
    return (await here.desk.services.audit.list(organization_id, limit=1, action=action))[0]


def without(person: Person, csrf: str | None = None) -> Person:
    """The same session with another CSRF token, or none."""
    token = person._headers["Cookie"].partition("=")[2]
    return Person(person._desk, token, csrf)


@ON_EACH_DATABASE
async def test_a_person_logs_in_and_sees_who_they_are(here: TenantDesk) -> None:
    answer = await log_in(here, " ADMIN@acme.example ", headers={"user-agent": "Firefox"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["user"]["email"], body["user"]["is_operator"], body["role"]) == (ADMIN, False, "admin")
    assert (body["organization"]["name"], body["organization"]["is_disabled"]) == ("acme", False)
    assert body["organizations"] == [body["organization"]]
    assert "events:read" in body["rights"]
    assert "operate" not in body["rights"]
    token = answer.cookies[COOKIE]
    assert body["csrf_token"] == csrf_token(token)
    assert token not in answer.text
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    again = await Person(here.desk, token, None).get(SESSION)
    assert again.json() == body
    entry = await newest(here, Action.LOGGED_IN, here.acme.organization_id)
    assert (entry.actor.kind, entry.actor.label, entry.actor.address) == ("session", ADMIN, "127.0.0.1")
    (session,) = [
        it for it in await here.desk.services.sessions.list(body["user"]["id"]) if it.session_id == body["session"]
    ]
    assert (session.agent, session.address) == ("Firefox", "127.0.0.1")


async def test_the_operator_logs_in_for_the_deployment(here: TenantDesk) -> None:
    body = (await log_in(here, "op@ponteio.example")).json()
    assert (body["organization"], body["role"], body["organizations"]) == (None, "operator", [])
    assert "operate" in body["rights"]


@ON_EACH_DATABASE
async def test_every_failure_reads_the_same_and_is_written_down_without_what_was_typed(here: TenantDesk) -> None:
    services = here.desk.services
    user = await services.accounts.create("gone@acme.example", "Gone X", PASSWORD)
    await services.accounts.disable(user.user_id)
    answers = [
        await log_in(here, ADMIN, "not the password"),
        await log_in(here, "unknown@acme.example"),
        await log_in(here, "gone@acme.example"),
        await log_in(here, "my password, in the wrong field"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert code(answers[0]) == "login_failed"
    assert not any("set-cookie" in answer.headers for answer in answers)
    entries = await services.audit.list(None, limit=4, action=Action.LOGIN_FAILED)
    targets = [entry.target or "" for entry in reversed(entries)]
    admin = await services.accounts.by_email(ADMIN)
    assert admin is not None
    assert [targets[0], targets[2]] == [admin.user_id, user.user_id]
    assert all(target.startswith("unknown:") and len(target) == 20 for target in (targets[1], targets[3]))
    assert {entry.actor.address for entry in entries} == {"127.0.0.1"}
    # The admins of the person's organization see it too.
    assert (await newest(here, Action.LOGIN_FAILED, here.acme.organization_id)).target == admin.user_id
    shown = repr(entries)
    assert "wrong field" not in shown
    assert "not the password" not in shown


@ON_EACH_DATABASE
async def test_guessing_is_throttled_and_does_not_fill_the_log(here: TenantDesk) -> None:
    answers = [await log_in(here, ADMIN, f"guess number {number}") for number in range(16)]
    codes = [code(answer) for answer in answers]
    assert codes == ["login_failed"] * 10 + ["login_throttled"] * 6
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert code(await log_in(here)) == "login_throttled"
    entries = await here.desk.services.audit.list(None, limit=50, action=Action.LOGIN_FAILED)
    told = [entry.detail["code"] for entry in reversed(entries) if entry.detail]
    assert told == ["login_failed"] * 10 + ["login_throttled"]


UNDOCUMENTED: tuple[Any, ...] = (
    {},
    {"email": ADMIN},
    {"password": PASSWORD},
    {"email": ADMIN, "password": PASSWORD, "is_operator": True},
    {"email": ADMIN, "password": PASSWORD, "organization": "x"},
    {"email": ["x"], "password": PASSWORD},
    {"email": ADMIN, "password": "canary" * 1000},
    {"email": "canary" * 100, "password": PASSWORD},
    [],
    "canary",
    None,
)


async def test_a_request_that_is_not_as_documented_repeats_nothing(here: TenantDesk) -> None:
    for body in UNDOCUMENTED:
        answer = await here.desk.nobody.post(SESSION, json=body)
        assert (answer.status_code, code(answer)) == (422, "invalid_request")
        for secret in ("canary", PASSWORD):
            assert secret not in answer.text


@ON_EACH_DATABASE
async def test_odd_addresses_are_nobody_s(here: TenantDesk) -> None:
    for email in ("a\0b@acme.example", "\ufffe@x", "a@b@c", "🍕", "'; DROP TABLE users --", " " * 300):
        assert code(await log_in(here, email)) in ("login_failed", "invalid_request")


async def test_another_site_s_page_logs_nobody_in(here: TenantDesk) -> None:
    for origin in ("https://evil.example", "null", "http://gateway.evil.example"):
        answer = await log_in(here, headers={"Origin": origin})
        assert (answer.status_code, code(answer)) == (403, "origin_refused")
        assert "set-cookie" not in answer.headers
    assert (await log_in(here, headers={"Origin": "http://gateway"})).status_code == 200


async def test_a_change_with_a_cookie_needs_its_csrf_token_and_a_page_of_our_own(here: TenantDesk) -> None:
    person, token, _ = await here.log_in(ADMIN)
    _, _, other = await here.log_in("viewer@acme.example")
    for csrf in (None, "", "wrong", other["csrf_token"], csrf_token(token)[:-1], csrf_token(token) + "x", "ção"):
        headers = {} if csrf is None else {"X-CSRF-Token": csrf.encode("latin-1")}
        for method, path in (("DELETE", SESSION), ("POST", "/api/keys"), ("PATCH", "/api/account")):
            refused = await without(person).call(method, path, headers=headers)
            assert (refused.status_code, code(refused)) == (403, "csrf_failed"), (csrf, path)
    for origin in ("https://evil.example", "null"):
        assert code(await person.delete(SESSION, headers={"Origin": origin})) == "origin_refused"
    assert (await without(person).get(SESSION)).status_code == 200
    assert (await person.delete(SESSION, headers={"Origin": "http://gateway"})).status_code == 200


async def test_a_credential_in_a_header_goes_before_the_cookie(here: TenantDesk) -> None:
    person, _, _ = await here.log_in("viewer@acme.example")
    key = {"apikey": here.desk.api_keys[1]}  # the rival's
    found = await person.get("/api/instances", headers=key)
    assert [one["name"] for one in found.json()["instances"]] == ["loja-03"]
    assert code(await person.get("/api/instances", headers={"Authorization": "Bearer wrong"})) == "auth_invalid"
    assert code(await person.get(SESSION, headers=key)) == "forbidden"
    # Which belongs to a proxy in front of us, and is no credential of ours.
    assert (await person.get(SESSION, headers={"Authorization": "Basic YTpi"})).status_code == 200


@ON_EACH_DATABASE
async def test_logging_out_ends_the_session(here: TenantDesk) -> None:
    person, _, body = await here.log_in(ADMIN)
    another, _, _ = await here.log_in(ADMIN)
    answer = await person.delete(SESSION)
    assert answer.json() == {"ok": True}
    assert {line.partition(";")[0] for line in answer.headers.get_list("set-cookie")} == {
        'ponteio=""',
        '__Host-ponteio=""',
    }
    assert code(await person.get(SESSION)) == "auth_invalid"
    assert (await another.get(SESSION)).status_code == 200
    assert (await newest(here, Action.LOGGED_OUT)).actor.actor_id == body["user"]["id"]


@ON_EACH_DATABASE
async def test_a_person_of_two_organizations_acts_for_one_at_a_time(here: TenantDesk) -> None:
    acme, rival = here.acme.organization_id, here.rival.organization_id
    person, _, body = await here.log_in(ADMIN)
    await here.desk.services.memberships.add(rival, body["user"]["id"], Role.VIEWER)
    here_now = await person.get("/api/instances")
    assert [one["name"] for one in here_now.json()["instances"]] == ["loja-01", "loja-02"]
    switched = (await person.call("PUT", SWITCH, json={"organization": rival})).json()
    assert (switched["organization"]["id"], switched["role"]) == (rival, "viewer")
    assert {one["id"] for one in switched["organizations"]} == {acme, rival}
    assert "members:manage" not in switched["rights"]
    assert switched["csrf_token"] == body["csrf_token"]
    there = await person.get("/api/instances")
    assert [one["name"] for one in there.json()["instances"]] == ["loja-03"]
    assert code(await person.get("/api/members")) == "forbidden"
    entry = await newest(here, Action.SESSION_SWITCHED)
    assert (entry.organization_id, entry.actor.label) == (rival, ADMIN)


@ON_EACH_DATABASE
async def test_nobody_switches_to_what_is_not_theirs(here: TenantDesk) -> None:
    """I4: a foreign organization answers like one that is not there."""
    person, _, body = await here.log_in(ADMIN)
    foreign = await person.call("PUT", SWITCH, json={"organization": here.rival.organization_id})
    for wanted in ("org_000000000000000000000000", "rival", "", "a\0b", None):
        answer = await person.call("PUT", SWITCH, json={"organization": wanted})
        assert (answer.status_code, code(answer)) in (
            (404, "organization_not_found"),
            (422, "invalid_request"),  # what PostgreSQL cannot keep
        )
        if answer.status_code == 404:
            assert answer.content == foreign.content
    assert (await person.get(SESSION)).json() == body


async def test_an_operator_who_is_a_member_acts_as_that_member_alone(here: TenantDesk) -> None:
    person, _, body = await here.log_in("op@ponteio.example")
    await here.desk.services.memberships.add(here.acme.organization_id, body["user"]["id"], Role.VIEWER)
    switched = (await person.call("PUT", SWITCH, json={"organization": here.acme.organization_id})).json()
    assert (switched["role"], "operate" in switched["rights"]) == ("viewer", False)
    assert code(await person.get("/api/organizations")) == "operator_only"
    assert (await person.get("/api/events")).status_code == 200
    back = (await person.call("PUT", SWITCH, json={"organization": None})).json()
    assert (back["role"], back["organization"]) == ("operator", None)
    assert (await person.get("/api/organizations")).status_code == 200


@ON_EACH_DATABASE
async def test_who_was_sent_away_can_still_leave(here: TenantDesk) -> None:
    person, _, body = await here.log_in("viewer@acme.example")
    await here.desk.services.memberships.remove(here.acme.organization_id, body["user"]["id"])
    now = (await person.get(SESSION)).json()
    assert (now["organization"], now["role"], now["rights"], now["organizations"]) == (None, None, [], [])
    for path in ("/api/instances", "/api/events", "/api/members"):
        assert code(await person.get(path)) in ("forbidden", "organization_only")
    assert (await person.delete(SESSION)).status_code == 200


@ON_EACH_DATABASE
async def test_a_disabled_organization_lets_its_people_leave(here: TenantDesk) -> None:
    acme, rival = here.acme.organization_id, here.rival.organization_id
    person, _, body = await here.log_in(ADMIN)
    await here.desk.services.memberships.add(rival, body["user"]["id"], Role.ADMIN)
    await here.desk.services.directory.set_disabled(acme, True)
    now = (await person.get(SESSION)).json()
    assert (now["rights"], now["organization"]) == ([], None)
    assert {one["id"]: one["is_disabled"] for one in now["organizations"]} == {acme: True, rival: False}
    assert (await person.get("/api/events")).status_code == 403
    assert code(await here.acme.keys["all"].caller.get("/api/events")) == "organization_disabled"
    assert code(await person.call("PUT", SWITCH, json={"organization": acme})) == "organization_disabled"
    assert (await person.call("PUT", SWITCH, json={"organization": rival})).status_code == 200
    assert (await person.get("/api/events")).status_code == 200
    # A new session does not begin where nobody may act.
    assert (await log_in(here)).json()["organization"]["id"] == rival
