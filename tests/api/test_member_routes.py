"""Members and one-time links: who may give what to whom, and that a link works once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from tests.support.people_world import PASSWORD
from tests.support.rest_client import Caller, code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import Person, TenantDesk

from ponteio.model.rights import Role
from ponteio.model.session_cookie import COOKIE
from ponteio.tenancy.audit import Action, AuditEntry

MEMBERS, INVITATIONS, ACCEPT = "/api/members", "/api/invitations", "/api/invitations/accept"
LOOK, RESET = "/api/invitations/look", "/api/account/reset"
NEWCOMER: dict[str, Any] = {"email": "new@acme.example", "name": "New X", "password": PASSWORD}


@pytest.fixture
def admin(here: TenantDesk) -> Caller:
    return here.acme.people[Role.ADMIN].caller


@pytest.fixture
def operator(here: TenantDesk) -> Caller:
    return here.operators[0].caller


async def invited(caller: Caller, organization: str | None = None, **body: Any) -> dict[str, Any]:
    about = {} if organization is None else {"organization": organization}
    answer = await caller.post(INVITATIONS, json={"role": "viewer", **body}, params=about)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def accept(here: TenantDesk, caller: Caller | None = None, **body: Any) -> httpx2.Response:
    answer = await (caller or here.desk.nobody).post(ACCEPT, json=body)
    here.desk.client.cookies.clear()
    return answer


async def newest(here: TenantDesk, action: Action) -> AuditEntry:
    return (await here.desk.services.audit.list(here.acme.organization_id, limit=1, action=action))[0]


# Members.


async def test_an_admin_sees_their_organization_s_members(here: TenantDesk, admin: Caller, operator: Caller) -> None:
    members = (await admin.get(MEMBERS)).json()["members"]
    assert [(one["user"]["email"], one["role"]) for one in members] == [
        (f"{role}@acme.example", role) for role in ("admin", "agent", "viewer")
    ]
    asked = await operator.get(MEMBERS, params={"organization": here.acme.organization_id})
    assert asked.json()["members"] == members
    assert code(await operator.get(MEMBERS)) == "invalid_request"


@ON_EACH_DATABASE
async def test_a_role_is_changed(here: TenantDesk, admin: Caller) -> None:
    viewer, _, body = await here.log_in("viewer@acme.example")
    path = f"{MEMBERS}/{body['user']['id']}"
    assert code(await viewer.get(MEMBERS)) == "forbidden"
    assert (await admin.call("PATCH", path, json={"role": "admin"})).json() == {"ok": True}
    assert (await viewer.get(MEMBERS)).status_code == 200
    entry = await newest(here, Action.MEMBER_ROLE_SET)
    assert (entry.target, entry.detail) == (body["user"]["id"], {"role": "admin"})
    assert entry.actor.label == "admin@acme.example"
    assert (await admin.call("PATCH", path, json={"role": "agent"})).status_code == 200
    assert "members:manage" not in (await viewer.get("/api/session")).json()["rights"]
    for wrong in ({"role": "operator"}, {"role": "owner"}, {"role": "viewer", "user_id": "x"}, {}):
        assert code(await admin.call("PATCH", path, json=wrong)) == "invalid_request"


@ON_EACH_DATABASE
async def test_a_member_is_removed(here: TenantDesk, admin: Caller) -> None:
    agent, _, body = await here.log_in("agent@acme.example")
    assert (await admin.delete(f"{MEMBERS}/{body['user']['id']}")).json() == {"ok": True}
    assert code(await agent.get("/api/events")) == "organization_only"
    assert (await newest(here, Action.MEMBER_REMOVED)).target == body["user"]["id"]
    assert code(await admin.delete(f"{MEMBERS}/{body['user']['id']}")) == "not_found"


@ON_EACH_DATABASE
async def test_an_organization_keeps_an_admin(here: TenantDesk, admin: Caller, operator: Caller) -> None:
    path = f"{MEMBERS}/{here.acme.ids['admin_id']}"
    about = {"organization": here.acme.organization_id}
    for answer in (
        await admin.delete(path),
        await admin.call("PATCH", path, json={"role": "viewer"}),
        await operator.delete(path, params=about),
    ):
        assert (answer.status_code, code(answer)) == (409, "last_admin")


@ON_EACH_DATABASE
async def test_somebody_else_s_member_answers_like_nobody(here: TenantDesk, admin: Caller) -> None:
    """I4: neither their id nor naming their organization reaches another's members."""
    foreign, random = here.rival.ids["viewer_id"], "usr_000000000000000000000000"
    for method, body in (("DELETE", None), ("PATCH", {"role": "admin"})):
        answers = [await admin.call(method, f"{MEMBERS}/{one}", json=body) for one in (foreign, random)]
        assert [code(one) for one in answers] == ["not_found"] * 2
        assert answers[0].content == answers[1].content
        for organization in (here.rival.organization_id, "rival", "org_000000000000000000000000"):
            about = {"organization": organization}
            answer = await admin.call(method, f"{MEMBERS}/{foreign}", json=body, params=about)
            assert code(answer) == "organization_not_found"
    assert len(await here.desk.services.memberships.members(here.rival.organization_id)) == 3


async def test_what_the_operator_does_for_an_organization_is_in_its_log(here: TenantDesk, operator: Caller) -> None:
    about = {"organization": here.acme.organization_id}
    answer = await operator.delete(f"{MEMBERS}/{here.acme.ids['viewer_id']}", params=about)
    assert answer.status_code == 200
    assert (await newest(here, Action.MEMBER_REMOVED)).actor.label == "op@ponteio.example"


# One-time links.


@ON_EACH_DATABASE
async def test_a_link_makes_an_account_that_is_logged_in(here: TenantDesk, admin: Caller) -> None:
    made = await invited(admin, role="agent")
    assert made["url"] == f"/join#token={made['token']}"
    look = (await here.desk.nobody.post(LOOK, json={"token": made["token"]})).json()
    assert (look["kind"], look["organization_name"], look["role"], look["email"]) == ("join", "acme", "agent", None)
    answer = await accept(here, token=made["token"], **NEWCOMER)
    body, session = answer.json(), answer.json()["session"]
    assert (body["user"]["email"], body["user"]["is_operator"], body["role"]) == (NEWCOMER["email"], False, "agent")
    assert (session["organization"]["id"], session["role"]) == (here.acme.organization_id, "agent")
    person = Person(here.desk, answer.cookies[COOKIE], session["csrf_token"])
    assert (await person.get("/api/session")).json() == session
    assert answer.cookies[COOKIE] not in answer.text
    entry = await newest(here, Action.INVITATION_USED)
    assert (entry.actor.label, entry.target) == (NEWCOMER["email"], made["invitation"]["id"])
    again = await accept(here, token=made["token"], **{**NEWCOMER, "email": "second@acme.example"})
    assert (again.status_code, code(again), "set-cookie" in again.headers) == (410, "invitation_invalid", False)
    assert made["token"] not in repr(await here.desk.services.audit.list(None, limit=50))


@ON_EACH_DATABASE
async def test_who_has_an_account_accepts_as_who_they_are(here: TenantDesk, admin: Caller) -> None:
    token = (await invited(admin))["token"]
    rival, secret, body = await here.log_in("viewer@rival.example")
    taken = await accept(here, token=token, **{**NEWCOMER, "email": "Viewer@rival.example"})
    assert (taken.status_code, code(taken)) == (409, "email_taken")
    assert code(await accept(here, token=token)) == "auth_required"
    assert code(await accept(here, here.desk.acme, token=token)) == "forbidden"  # a key is nobody
    assert code(await accept(here, Person(here.desk, secret, None), token=token)) == "csrf_failed"
    answer = await accept(here, rival, token=token)
    assert (answer.json()["user"], answer.json()["session"]) == (body["user"], None)
    mine = (await rival.get("/api/session")).json()["organizations"]
    assert {one["name"]: one["role"] for one in mine} == {"acme": "viewer", "rival": "viewer"}
    assert code(await accept(here, rival, token=token)) == "invitation_invalid"


async def test_nobody_is_lowered_by_a_link(here: TenantDesk, admin: Caller) -> None:
    token = (await invited(admin, role="viewer"))["token"]
    assert (await accept(here, admin, token=token)).status_code == 200
    assert (await admin.get("/api/session")).json()["role"] == "admin"


async def test_a_link_for_one_address_serves_no_other(here: TenantDesk, admin: Caller) -> None:
    token = (await invited(admin, email="new@acme.example"))["token"]
    stranger = await accept(here, token=token, **{**NEWCOMER, "email": "other@acme.example"})
    assert code(stranger) == "invitation_invalid"
    rival, _, _ = await here.log_in("viewer@rival.example")
    assert code(await accept(here, rival, token=token)) == "invitation_invalid"
    answer = await accept(here, token=token, password=PASSWORD)  # the address is known
    assert (answer.json()["user"]["email"], answer.json()["user"]["name"]) == ("new@acme.example", "new")


async def test_what_a_new_account_lacks_leaves_the_link_good(here: TenantDesk, admin: Caller) -> None:
    token = (await invited(admin))["token"]
    assert code(await accept(here, token=token, password=PASSWORD)) == "invalid_request"
    assert code(await accept(here, token=token, **{**NEWCOMER, "password": "1234567890"})) == "weak_password"
    assert code(await accept(here, token=token, **{**NEWCOMER, "email": "no address"})) == "invalid_name"
    assert (await accept(here, token=token, **NEWCOMER)).status_code == 200


@ON_EACH_DATABASE
async def test_of_those_who_use_one_link_at_once_one_is_let_in(here: TenantDesk, admin: Caller) -> None:
    token = (await invited(admin))["token"]
    newcomers = [{**NEWCOMER, "email": f"n{number}@acme.example"} for number in range(4)]
    answers = await asyncio.gather(*(accept(here, token=token, **newcomer) for newcomer in newcomers))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]
    assert len(await here.desk.services.memberships.members(here.acme.organization_id)) == 4


async def test_nothing_else_can_be_taken_along(here: TenantDesk, admin: Caller) -> None:
    token = (await invited(admin))["token"]
    for more in ({"is_operator": True}, {"role": "admin"}, {"organization": "rival"}, {"user_id": "x"}):
        assert code(await accept(here, token=token, **NEWCOMER, **more)) == "invalid_request"
    assert await here.desk.services.accounts.by_email(NEWCOMER["email"]) is None


async def test_another_site_s_page_uses_no_link(here: TenantDesk, admin: Caller) -> None:
    token = (await invited(admin))["token"]
    bodies = {ACCEPT: NEWCOMER, LOOK: {}, RESET: {"password": PASSWORD}}
    for path, body in bodies.items():
        evil = {"Origin": "https://evil.example"}
        answer = await here.desk.nobody.post(path, json={"token": token, **body}, headers=evil)
        assert (answer.status_code, code(answer)) == (403, "origin_refused")


async def test_links_are_listed_without_their_tokens_and_revoked(here: TenantDesk, admin: Caller) -> None:
    made = await invited(admin, role="admin", email="new@acme.example")
    shown = await admin.get(INVITATIONS)
    assert made["token"] not in shown.text
    assert made["invitation"] in shown.json()["invitations"]
    for _ in range(2):
        assert (await admin.delete(f"{INVITATIONS}/{made['invitation']['id']}")).json() == {"ok": True}
    assert made["invitation"] not in (await admin.get(INVITATIONS)).json()["invitations"]
    assert code(await accept(here, token=made["token"], **NEWCOMER)) == "invitation_invalid"
    assert (await newest(here, Action.INVITATION_REVOKED)).target == made["invitation"]["id"]
    assert (await newest(here, Action.INVITATION_MADE)).detail == {"role": "admin"}


@ON_EACH_DATABASE
async def test_somebody_else_s_link_cannot_be_revoked(here: TenantDesk, admin: Caller) -> None:
    """I4: it answers like one that is not there."""
    foreign = await admin.delete(f"{INVITATIONS}/{here.rival.ids['invitation']}")
    random = await admin.delete(f"{INVITATIONS}/inv_000000000000000000000000")
    assert (foreign.status_code, code(foreign), foreign.content) == (404, "not_found", random.content)
    assert len(await here.desk.services.invitations.list(here.rival.organization_id)) == 1


async def test_operators_alone_make_operators(here: TenantDesk, admin: Caller, operator: Caller) -> None:
    for caller in (admin, here.acme.keys["all"].caller):
        answer = await caller.post(INVITATIONS, json={"role": "operator"})
        assert (answer.status_code, code(answer)) == (403, "operator_only")
    made, gone = await invited(operator, role="operator"), await invited(operator, role="operator")
    assert made["invitation"]["organization"] is None
    assert made["invitation"] in (await operator.get(INVITATIONS)).json()["invitations"]
    assert made["invitation"] not in (await admin.get(INVITATIONS)).json()["invitations"]
    assert code(await admin.delete(f"{INVITATIONS}/{made['invitation']['id']}")) == "not_found"
    assert (await operator.delete(f"{INVITATIONS}/{gone['invitation']['id']}")).status_code == 200
    assert code(await here.desk.nobody.post(LOOK, json={"token": gone["token"]})) == "invitation_invalid"
    body = (await accept(here, token=made["token"], **NEWCOMER)).json()
    assert (body["user"]["is_operator"], body["session"]["role"], body["organization"]) == (True, "operator", None)


async def test_the_operator_invites_an_organization_s_first_admin(here: TenantDesk, operator: Caller) -> None:
    fresh = (await operator.post("/api/organizations", json={"name": "Fresh"})).json()["id"]
    made = await invited(operator, fresh, role="admin")
    body = (await accept(here, token=made["token"], **NEWCOMER)).json()
    assert (body["organization"], body["session"]["organization"]["name"]) == (fresh, "Fresh")
    assert code(await operator.post(INVITATIONS, json={"role": "admin"})) == "invalid_request"


@ON_EACH_DATABASE
async def test_a_link_that_nobody_made(here: TenantDesk) -> None:
    for token in ("pni_" + "A" * 43, "x", "pni_", "a\0b", "🍕"):
        answers = [
            await here.desk.nobody.post(LOOK, json={"token": token}),
            await accept(here, token=token, **NEWCOMER),
            await accept(here, token=token),
            await here.desk.nobody.post(RESET, json={"token": token, "password": PASSWORD}),
        ]
        assert {(answer.status_code, code(answer)) for answer in answers} == {(410, "invitation_invalid")}


async def test_what_a_key_invites_is_signed_by_the_key(here: TenantDesk) -> None:
    made = await invited(here.acme.keys["all"].caller)
    entry = await newest(here, Action.INVITATION_MADE)
    assert (entry.actor.kind, entry.actor.label, entry.target) == ("key", "all", made["invitation"]["id"])
    for name in ("reader", "narrowed", "metadata"):
        answer = await here.acme.keys[name].caller.post(INVITATIONS, json={"role": "admin"})
        assert code(answer) == "forbidden"
