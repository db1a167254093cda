"""One's own account, and the operator's list of them."""

from __future__ import annotations

import pytest
from tests.support.people_world import PASSWORD
from tests.support.rest_client import Caller, code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk

from ponteio.model.rights import Role
from ponteio.tenancy.audit import Action

ADMIN, VIEWER, RIVAL = "admin@acme.example", "viewer@acme.example", "admin@rival.example"
NEW = "another correct horse"


@pytest.fixture
def operator(here: TenantDesk) -> Caller:
    return here.operators[0].caller


async def actions(here: TenantDesk) -> list[str]:
    return [entry.action for entry in await here.desk.services.audit.list(None, limit=20)]


async def can_log_in(here: TenantDesk, email: str, password: str) -> bool:
    answer = await here.desk.nobody.post("/api/session", json={"email": email, "password": password})
    here.desk.client.cookies.clear()
    return answer.status_code == 200


async def test_a_person_sees_and_renames_themselves(here: TenantDesk) -> None:
    person, _, body = await here.log_in(VIEWER)
    assert (await person.get("/api/account")).json() == body["user"]
    renamed = await person.call("PATCH", "/api/account", json={"name": " Ana\u0301 "})
    assert renamed.json() == {**body["user"], "name": "Aná"}
    assert (await person.get("/api/account")).json()["name"] == "Aná"
    assert (await actions(here))[0] == Action.ACCOUNT_CHANGED


@ON_EACH_DATABASE
async def test_a_name_must_be_one(here: TenantDesk) -> None:
    for name in ("", "  ", "x" * 201, "a\nb", "a\0b", "\u202egnp.exe", 5, None):
        answer = await here.acme.people[Role.VIEWER].caller.call("PATCH", "/api/account", json={"name": name})
        assert (answer.status_code, code(answer)[:7]) == (422, "invalid")


async def test_nothing_else_of_an_account_can_be_assigned(here: TenantDesk) -> None:
    person, _, body = await here.log_in(VIEWER)
    for more in ({"is_operator": True}, {"email": "x@y.example"}, {"id": "usr_1"}, {"role": "admin"}):
        answer = await person.call("PATCH", "/api/account", json={"name": "Ana", **more})
        assert (answer.status_code, code(answer)) == (422, "invalid_request")
    assert (await person.get("/api/account")).json() == body["user"]


async def test_keys_have_no_account(here: TenantDesk) -> None:
    for method, path in (("GET", "/api/account"), ("GET", "/api/account/sessions"), ("GET", "/api/session")):
        for caller in (here.acme.keys["all"].caller, here.desk.operator):
            assert code(await caller.call(method, path)) == "forbidden"


@ON_EACH_DATABASE
async def test_a_new_password_ends_every_other_session(here: TenantDesk) -> None:
    person, _, _ = await here.log_in(ADMIN)
    other, _, _ = await here.log_in(ADMIN)
    answer = await person.call("PUT", "/api/account/password", json={"current": PASSWORD, "new": NEW})
    assert answer.json() == {"ok": True}
    assert (await person.get("/api/session")).status_code == 200
    assert code(await other.get("/api/session")) == "auth_invalid"
    assert not await can_log_in(here, ADMIN, PASSWORD)
    assert await can_log_in(here, ADMIN, NEW)
    assert Action.PASSWORD_CHANGED in await actions(here)


async def test_a_password_is_changed_only_by_who_knows_it(here: TenantDesk) -> None:
    person, _, _ = await here.log_in(ADMIN)
    told = [
        code(await person.call("PUT", "/api/account/password", json={"current": f"guess {number}", "new": NEW}))
        for number in range(30)
    ]
    assert set(told) == {"login_failed", "login_throttled"}
    assert told[0] == "login_failed"
    assert told[-1] == "login_throttled"
    assert await can_log_in(here, ADMIN, PASSWORD)


async def test_a_weak_password_is_refused(here: TenantDesk) -> None:
    person = here.acme.people[Role.ADMIN].caller
    for new in ("canary 1", "1234567890", "admin@acme.example", "x" * 257, "a" * 12):
        answer = await person.call("PUT", "/api/account/password", json={"current": PASSWORD, "new": new})
        assert (answer.status_code, code(answer)) == (422, "weak_password")
        assert new not in answer.text
    assert await can_log_in(here, ADMIN, PASSWORD)


@ON_EACH_DATABASE
async def test_a_person_sees_and_ends_their_own_sessions_alone(here: TenantDesk) -> None:
    """I4: somebody else's session answers like one that is not there."""
    person, token, body = await here.log_in(VIEWER)
    other, _, other_body = await here.log_in(VIEWER)
    shown = await person.get("/api/account/sessions")
    assert token not in shown.text
    sessions = {one["id"]: one for one in shown.json()["sessions"]}
    assert sessions[body["session"]]["is_current"]
    assert not sessions[other_body["session"]]["is_current"]
    assert sessions[other_body["session"]]["organization"] == here.acme.organization_id
    _, _, foreign = await here.log_in(RIVAL)
    refused = await person.delete(f"/api/account/sessions/{foreign['session']}")
    random = await person.delete("/api/account/sessions/ses_000000000000000000000000")
    assert (refused.status_code, code(refused)) == (404, "not_found")
    assert refused.content == random.content
    assert foreign["session"] not in shown.text
    assert (await person.delete(f"/api/account/sessions/{other_body['session']}")).status_code == 200
    assert code(await other.get("/api/session")) == "auth_invalid"
    assert (await person.get("/api/session")).status_code == 200
    assert (await actions(here))[0] == Action.SESSION_ENDED


async def test_the_operator_alone_sees_every_account(here: TenantDesk, operator: Caller) -> None:
    users = (await operator.get("/api/users")).json()["users"]
    assert {"op@ponteio.example", ADMIN, RIVAL} <= {user["email"] for user in users}
    assert not any("password" in user for user in users)
    for somebody in here.acme.everybody():
        assert code(await somebody.caller.get("/api/users")) == "operator_only"


@ON_EACH_DATABASE
async def test_a_one_time_link_gives_a_new_password(here: TenantDesk, operator: Caller) -> None:
    person, _, body = await here.log_in(VIEWER)
    made = await operator.post(f"/api/users/{body['user']['id']}/password-reset")
    assert made.status_code == 201
    token = made.json()["token"]
    assert made.json()["url"] == f"/join#token={token}"
    assert made.json()["invitation"]["role"] is None
    assert await can_log_in(here, VIEWER, PASSWORD)
    look = await here.desk.nobody.post("/api/invitations/look", json={"token": token})
    assert (look.json()["kind"], look.json()["organization_name"]) == ("password", None)
    weak = await here.desk.nobody.post("/api/account/reset", json={"token": token, "password": "short"})
    assert code(weak) == "weak_password"
    used = await here.desk.nobody.post("/api/account/reset", json={"token": token, "password": NEW})
    assert (used.json(), "set-cookie" in used.headers) == ({"ok": True}, False)
    again = await here.desk.nobody.post("/api/account/reset", json={"token": token, "password": PASSWORD})
    assert (again.status_code, code(again)) == (410, "invitation_invalid")
    assert code(await person.get("/api/session")) == "auth_invalid"
    assert await can_log_in(here, VIEWER, NEW)
    assert {Action.PASSWORD_RESET_MADE, Action.PASSWORD_RESET_USED} <= set(await actions(here))
    (entry,) = await here.desk.services.audit.list(None, limit=1, action=Action.PASSWORD_RESET_USED)
    assert (entry.actor.label, entry.actor.address) == (VIEWER, "127.0.0.1")
    assert token not in repr(await here.desk.services.audit.list(None, limit=50))


async def test_a_link_for_a_password_joins_nothing_and_one_to_join_sets_no_password(
    here: TenantDesk, operator: Caller
) -> None:
    user = here.acme.ids["viewer_id"]
    reset = (await operator.post(f"/api/users/{user}/password-reset")).json()["token"]
    body = {"token": reset, "email": "new@acme.example", "password": NEW}
    assert code(await here.desk.nobody.post("/api/invitations/accept", json=body)) == "invitation_invalid"
    assert await here.desk.services.accounts.by_email("new@acme.example") is None
    join = (await here.acme.people[Role.ADMIN].caller.post("/api/invitations", json={"role": "viewer"})).json()["token"]
    answer = await here.desk.nobody.post("/api/account/reset", json={"token": join, "password": NEW})
    assert code(answer) == "invitation_invalid"


@ON_EACH_DATABASE
async def test_a_disabled_account_is_out_until_it_is_enabled(here: TenantDesk, operator: Caller) -> None:
    person, _, body = await here.log_in(VIEWER)
    path = f"/api/users/{body['user']['id']}"
    assert (await operator.post(f"{path}/disable")).json() == {"ok": True}
    assert code(await person.get("/api/session")) == "auth_invalid"
    assert not await can_log_in(here, VIEWER, PASSWORD)
    assert (await operator.post(f"{path}/enable")).json() == {"ok": True}
    assert await can_log_in(here, VIEWER, PASSWORD)
    assert {Action.USER_DISABLED, Action.USER_ENABLED} <= set(await actions(here))


async def test_a_deployment_keeps_an_operator(here: TenantDesk, operator: Caller) -> None:
    own = (await operator.get("/api/account")).json()["id"]
    answer = await operator.post(f"/api/users/{own}/disable")
    assert (answer.status_code, code(answer)) == (409, "last_admin")
    assert (await operator.get("/api/session")).status_code == 200


@ON_EACH_DATABASE
async def test_an_account_that_is_not_there(here: TenantDesk, operator: Caller) -> None:
    for user_id in ("usr_000000000000000000000000", "x", "a%00b", "%F0%9F%8D%95", "..", "%2e%2e"):
        for path in ("password-reset", "disable", "enable"):
            answer = await operator.post(f"/api/users/{user_id}/{path}")
            # A NUL is what PostgreSQL keeps in no text.
            assert answer.status_code == 404 or (answer.status_code == 422 and "%00" in user_id)
