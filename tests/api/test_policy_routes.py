"""What an organization chose about its events, over REST."""

from __future__ import annotations

from tests.support.rest_client import code
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.tenant_desk import TenantDesk

from ponteio.model.rights import Role

POLICY = "/api/event-policy"
PRESENCE = {"pattern": "presence.*", "store": False, "keep_days": None, "push": True}


@ON_EACH_DATABASE
async def test_an_admin_chooses_and_everybody_who_may_sees_it(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    before = (await admin.get(POLICY)).json()
    assert (before["policies"], before["preset"], before["unknown"]) == ([], "all", [])
    assert (before["default_keep_days"], before["most_keep_days"], before["general_keep_days"]) == (90, 36_500, 90)
    assert before["whole_after"].endswith("-0")
    assert set(before["presets"]) == {"all", "without presence", "minimum"}
    wanted = [{"pattern": "*", "keep_days": 30}, PRESENCE, {"pattern": "mesages.*", "push": False}]
    put = await admin.call("PUT", POLICY, json={"policies": wanted})
    assert put.status_code == 200, put.text
    assert put.json()["unknown"] == ["mesages.*"]
    assert [one["pattern"] for one in put.json()["policies"]] == ["*", "mesages.*", "presence.*"]
    assert (put.json()["general_keep_days"], put.json()["preset"]) == (30, None)
    assert (await here.acme.keys["manager"].caller.get(POLICY)).json() == put.json()
    choices = here.desk.services.directory.choices(here.acme.organization_id)
    assert choices.of("presence.update").is_passing
    other = (await here.rival.keys["all"].caller.get(POLICY)).json()
    assert other["policies"] == []


@ON_EACH_DATABASE
async def test_a_preset_is_chosen_by_name(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    for preset in ("without presence", "minimum", "all"):
        put = (await admin.call("PUT", POLICY, json={"preset": preset})).json()
        assert put["preset"] == preset
        assert {one["pattern"] for one in put["policies"]} == {one["pattern"] for one in put["presets"][preset]}
        again = (await admin.call("PUT", POLICY, json={"policies": put["policies"]})).json()
        assert again == put


@ON_EACH_DATABASE
async def test_the_operator_names_the_organization_and_sets_the_ceiling(here: TenantDesk) -> None:
    operator, mine = here.operators[0].caller, here.acme.organization_id
    assert code(await operator.get(POLICY)) == "invalid_request"
    limits = await operator.call("PUT", f"/api/organizations/{mine}/limits", json={"keep_days": 14})
    assert {one["name"]: one["limit"] for one in limits.json()["limits"]}["keep_days"] == 14
    put = await operator.call("PUT", f"{POLICY}?organization={mine}", json={"policies": [{"pattern": "*"}]})
    shown = put.json()
    assert (shown["default_keep_days"], shown["most_keep_days"], shown["general_keep_days"]) == (14, 14, 14)
    for value in (0, 36_501):
        refused = await operator.call("PUT", f"/api/organizations/{mine}/limits", json={"keep_days": value})
        assert code(refused) == "invalid_request"


REFUSED: list[dict[str, object]] = [
    {},
    {"policies": [], "preset": "all"},
    {"preset": "everything"},
    {"policies": [{"pattern": "a*"}]},
    {"policies": [{"pattern": ""}]},
    {"policies": [{"pattern": "café"}]},
    {"policies": [{"pattern": "*"}, {"pattern": "*"}]},
    {"policies": [{"pattern": "*", "keep_days": 0}]},
    {"policies": [{"pattern": "*", "keep_days": 36_501}]},
    {"policies": [{"pattern": "*", "keep_days": 1.5}]},
    {"policies": [{"pattern": "*", "store": "perhaps"}]},
    {"policies": [{"pattern": "*", "colour": 1}]},
    {"policies": [{"pattern": f"x{number}"} for number in range(101)]},
]


@ON_EACH_DATABASE
async def test_what_cannot_be_chosen_changes_nothing(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    for body in REFUSED:
        for method, path in (("PUT", POLICY), ("POST", f"{POLICY}/preview")):
            assert code(await admin.call(method, path, json=body)) == "invalid_request", body
    assert (await admin.get(POLICY)).json()["policies"] == []


@ON_EACH_DATABASE
async def test_a_preview_tells_what_it_would_mean_and_changes_nothing(here: TenantDesk) -> None:
    house, admin = here.desk.house, here.acme.people[Role.ADMIN].caller
    for event in ("messages.upsert", "presence.update", "presence.update", "call"):
        await house.store(here.desk.acme_scope, "loja-01", event, b'{"n":1}')
    await house.store(here.desk.rival_scope, "loja-03", "presence.update", b"{}")
    wanted = {"policies": [PRESENCE, {"pattern": "call", "keep_days": 7}, {"pattern": "cal"}]}
    shown = (await admin.call("POST", f"{POLICY}/preview", json=wanted)).json()
    told = [(one["event"], one["count"], one["bytes"]) for one in shown["events"]]
    assert told == [("presence.update", 2, 14), ("call", 1, 7), ("messages.upsert", 1, 7)]
    assert shown["events"][0]["now"] == {"pattern": "*", "store": True, "push": True, "kept_days": 90}
    assert shown["events"][0]["then"] == {"pattern": "presence.*", "store": False, "push": True, "kept_days": 90}
    assert shown["events"][1]["then"]["kept_days"] == 7
    assert (shown["stored"], shown["stored_bytes"], shown["complete"], shown["unknown"]) == (2, 14, True, ["cal"])
    assert (await admin.get(POLICY)).json()["policies"] == []


@ON_EACH_DATABASE
async def test_who_chose_what_is_written_down(here: TenantDesk) -> None:
    admin = here.acme.people[Role.ADMIN].caller
    await admin.call("PUT", POLICY, json={"policies": [PRESENCE, {"pattern": "call", "push": False, "keep_days": 3}]})
    entries = (await admin.get("/api/audit?action=event_policy.set")).json()["entries"]
    assert [one["actor_label"] for one in entries] == ["admin@acme.example"]
    assert entries[0]["detail"] == {
        "preset": None,
        "policies": ["call stored not pushed 3 days", "presence.* not stored pushed"],
    }
    assert (await here.rival.people[Role.ADMIN].caller.get("/api/audit?action=event_policy.set")).json()[
        "entries"
    ] == []
