"""Members and invitations over REST."""

from __future__ import annotations

from pathlib import Path

from tests.support.people_world import PASSWORD
from tests.support.rest_client import code
from tests.support.tenant_desk import tenant_desk

from ponteio.model.rights import Role


async def test_somebody_is_invited_joins_and_is_removed(tmp_path: Path) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        admin = here.acme.people[Role.ADMIN].caller
        made = await admin.post("/api/invitations", json={"role": "agent", "email": "new@acme.example"})
        assert made.status_code == 201
        token = made.json()["token"]
        assert made.json()["url"].endswith(f"/join#token={token}")
        assert token not in (await admin.get("/api/invitations")).text
        look = (await here.desk.nobody.post("/api/invitations/look", json={"token": token})).json()
        assert (look["kind"], look["organization_name"], look["role"]) == ("join", "acme", "agent")
        body = {"token": token, "email": "new@acme.example", "name": "New", "password": PASSWORD}
        joined = await here.desk.nobody.post("/api/invitations/accept", json=body)
        assert joined.json()["organization"] == here.acme.organization_id
        assert code(await here.desk.nobody.post("/api/invitations/accept", json=body)) == "invitation_invalid"
        here.desk.client.cookies.clear()
        person, _, session = await here.log_in("new@acme.example")
        assert (session["organization"]["role"], "content:read" in session["rights"]) == ("agent", True)
        path = f"/api/members/{joined.json()['user']['id']}"
        assert (await admin.call("PATCH", path, json={"role": "viewer"})).status_code == 200
        assert "content:read" not in (await person.get("/api/session")).json()["rights"]
        assert (await admin.delete(path)).status_code == 200
        assert code(await person.get("/api/events")) in ("organization_only", "forbidden")
        assert code(await admin.delete(path)) == "not_found"
        members = (await admin.get("/api/members")).json()["members"]
        assert [one["role"] for one in members] == ["admin", "agent", "viewer"]


async def test_whoever_is_logged_in_joins_as_themselves(tmp_path: Path) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        made = await here.acme.people[Role.ADMIN].caller.post("/api/invitations", json={"role": "viewer"})
        token = {"token": made.json()["token"]}
        assert code(await here.desk.nobody.post("/api/invitations/accept", json=token)) == "auth_required"
        stranger = here.rival.people[Role.AGENT].caller
        assert (await stranger.post("/api/invitations/accept", json=token)).status_code == 200
        mine = (await stranger.get("/api/session")).json()["organizations"]
        assert {one["name"]: one["role"] for one in mine} == {"rival": "agent", "acme": "viewer"}
        switched = await stranger.call(
            "PUT", "/api/session/organization", json={"organization": here.acme.organization_id}
        )
        assert "content:read" not in switched.json()["rights"]


async def test_operators_are_invited_by_operators_alone(tmp_path: Path) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        admin, operator = here.acme.people[Role.ADMIN].caller, here.operators[0].caller
        assert code(await admin.post("/api/invitations", json={"role": "operator"})) == "operator_only"
        made = await operator.post("/api/invitations", json={"role": "operator"})
        assert made.json()["invitation"]["organization"] is None
        assert len((await operator.get("/api/invitations")).json()["invitations"]) == 1
        theirs = await operator.post("/api/invitations", json={"role": "admin"}, params={"organization": "acme"})
        assert theirs.json()["invitation"]["organization"] == here.acme.organization_id
        gone = f"/api/invitations/{made.json()['invitation']['id']}"
        assert code(await admin.delete(gone)) == "not_found"
        assert (await operator.delete(gone)).status_code == 200
        look = await here.desk.nobody.post("/api/invitations/look", json={"token": made.json()["token"]})
        assert code(look) == "invitation_invalid"


async def test_the_last_admin_stays(tmp_path: Path) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        path = f"/api/members/{here.acme.ids['admin_id']}"
        admin = here.acme.people[Role.ADMIN].caller
        assert code(await admin.delete(path)) == "last_admin"
        assert code(await admin.call("PATCH", path, json={"role": "viewer"})) == "last_admin"
