"""Organizations, their limits, and who did what."""

from __future__ import annotations

from tests.support.rest_client import code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk

from ponteio.model.outcome import TOO_MANY_SOCKETS
from ponteio.model.rights import Role


@ON_EACH_DATABASE
async def test_the_operator_makes_renames_and_disables_an_organization(here: TenantDesk) -> None:
    operator = here.operators[0].caller
    made = await operator.post("/api/organizations", json={"name": "Brand New"})
    assert made.status_code == 201
    assert code(await operator.post("/api/organizations", json={"name": "brand NEW"})) == "name_taken"
    path = f"/api/organizations/{made.json()['id']}"
    renamed = await operator.call("PATCH", path, json={"name": "Renamed"})
    assert renamed.json()["name"] == "Renamed"
    assert code(await operator.call("PATCH", path, json={"name": "acme"})) == "name_taken"
    listed = (await operator.get("/api/organizations")).json()["organizations"]
    assert {one["name"]: one["instances"] for one in listed} == {"Renamed": 0, "acme": 2, "rival": 1}
    assert code(await operator.call("PATCH", "/api/organizations/org_none", json={})) == "organization_not_found"


@ON_EACH_DATABASE
async def test_nobody_acts_for_a_disabled_organization_until_it_is_enabled(here: TenantDesk) -> None:
    """I10: keys are refused, people are left without rights there."""
    operator, path = here.operators[0].caller, f"/api/organizations/{here.acme.organization_id}"
    assert (await operator.call("PATCH", path, json={"disabled": True})).json()["disabled_at"]
    for who in here.acme.keys.values():
        assert code(await who.caller.get("/api/instances")) == "organization_disabled"
    for who in here.acme.people.values():
        assert (await who.caller.get("/api/instances")).status_code == 403
        assert (await who.caller.get("/api/session")).json()["rights"] == []
    assert (await here.rival.keys["all"].caller.get("/api/instances")).status_code == 200
    assert (await operator.call("PATCH", path, json={"disabled": False})).json()["disabled_at"] is None
    for who in here.acme.everybody():
        assert (await who.caller.get("/api/instances")).status_code == 200


@ON_EACH_DATABASE
async def test_limits_are_set_by_the_operator_and_shown_with_their_use(here: TenantDesk) -> None:
    operator, path = here.operators[0].caller, f"/api/organizations/{here.acme.organization_id}/limits"
    put = await operator.call("PUT", path, json={"sockets": 3, "requests_per_minute": 500})
    assert {one["name"]: one["limit"] for one in put.json()["limits"]}["sockets"] == 3
    here.desk.services.notices.reached(here.acme.organization_id, TOO_MANY_SOCKETS)
    shown = (await here.acme.people[Role.ADMIN].caller.get("/api/limits")).json()
    limits = {one["name"]: (one["limit"], one["used"]) for one in shown["limits"]}
    assert limits["sockets"] == (3, 0)
    assert limits["links"] == (100, 0)
    assert limits["requests_per_minute"] == (500, None)
    assert [(one["code"], one["count"]) for one in shown["reached"]] == [("too_many_sockets", 1)]
    back = await operator.call("PUT", path, json={"sockets": None})
    kept = {one["name"]: one["limit"] for one in back.json()["limits"]}
    assert (kept["sockets"], kept["requests_per_minute"]) == (100, 500)
    assert (await here.rival.keys["all"].caller.get("/api/limits")).json()["reached"] == []
    for body in ({"sockets": -1}, {"colours": 1}, {"sockets": 10**9}):
        assert code(await operator.call("PUT", path, json=body)) == "invalid_request"
    assert (await operator.get(path)).json() == back.json()
    unknown = "/api/organizations/org_none/limits"
    assert code(await operator.get(unknown)) == "organization_not_found"
    assert code(await operator.call("PUT", unknown, json={})) == "organization_not_found"
    done = (await operator.get("/api/audit", params={"action": "limits.set"})).json()["entries"]
    assert [entry["detail"] for entry in done] == [{"sockets": None}, {"sockets": 3, "requests_per_minute": 500}]
    assert code(await operator.get("/api/limits")) == "invalid_request"
    assert (await operator.get("/api/limits", params={"organization": "acme"})).status_code == 200


async def test_requests_above_the_limit_wait_and_the_organization_is_told(here: TenantDesk) -> None:
    await here.desk.house.directory.set_limits(here.acme.organization_id, {"requests_per_minute": 2})
    caller = here.acme.keys["linker"].caller
    for left in ("1", "0"):
        answer = await caller.get("/api/instances")
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"credential";q=2;w=60'
        assert f";r={left};" in answer.headers["ratelimit"]
    refused = await caller.get("/api/instances")
    assert (refused.status_code, code(refused)) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 120
    assert (await here.acme.keys["manager"].caller.get("/api/instances")).status_code == 200
    told = here.desk.services.notices.of(here.acme.organization_id)
    assert [(one.code, one.count) for one in told] == [("rate_limited", 1)]


@ON_EACH_DATABASE
async def test_the_audit_log_is_the_organizations_own(here: TenantDesk) -> None:
    operator = here.operators[0].caller
    acme, rival = here.acme.people[Role.ADMIN].caller, here.rival.people[Role.ADMIN].caller
    await rival.post("/api/keys", json={"label": "rival's"})
    await acme.post("/api/keys", json={"label": "acme's"})
    mine = (await acme.get("/api/audit")).json()["entries"]
    assert {entry["organization"] for entry in mine} == {here.acme.organization_id}
    assert mine[0]["action"] == "key.made"
    assert mine[0]["address"]
    everything = (await operator.get("/api/audit", params={"limit": 500})).json()["entries"]
    owners = {entry["organization"] for entry in everything}
    assert {here.acme.organization_id, here.rival.organization_id} <= owners
    one = (await operator.get("/api/audit", params={"organization": "rival", "action": "key.made"})).json()
    assert [entry["organization"] for entry in one["entries"]] == [here.rival.organization_id]
    first = (await acme.get("/api/audit", params={"limit": 2})).json()
    second = (await acme.get("/api/audit", params={"limit": 2, "before": first["next_before"]})).json()
    for query in ("limit=0", "limit=501", "before=0", f"before={2**63}", "action=" + "x" * 65):
        assert code(await acme.get(f"/api/audit?{query}")) == "invalid_request"
    assert (await acme.get("/api/audit", params={"action": "unheard.of"})).json()["entries"] == []
    ids = [entry["id"] for entry in (*first["entries"], *second["entries"])]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4
