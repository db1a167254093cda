"""Which events instances are to send, over REST, against the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.rest_client import Caller, RestDesk, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE
from tests.support.simulator import RestClient
from tests.support.tenant_desk import TenantDesk

from ponteio.decode.event_presets import EVENT_NAMES, PRESETS, UNKNOWN_TO_MANAGER
from ponteio.model.identity import OrganizationScope
from ponteio.upstream.event_runner import EventRunner

OF_ONE = "/api/instances/loja-01/events"
RUNS = "/api/instance-events/runs"
MINIMUM = set(PRESETS["minimum"].events)


def configs(shown: list[dict[str, Any]]) -> set[str]:
    return {one["config"] for one in shown}


def remarks(answer: Any) -> dict[str, set[str]]:
    return {one["code"]: configs(one["events"]) for one in answer["remarks"]}


async def put(caller: Caller, path: str = OF_ONE, **body: Any) -> Any:
    return await caller.call("PUT", path, json=body)


async def finished(desk: RestDesk) -> None:
    """The next portion of every run is worked through."""
    runner = EventRunner(desk.services.event_runs, desk.house.directory, lambda _server: desk.house.configuration)
    await runner._begin()
    while runner._lanes:
        await runner._wait()
    await runner._begin()


@ON_EACH_DATABASE
async def test_choosing_changes_nothing_until_it_is_applied(here: TenantDesk) -> None:
    acme, world = here.desk.acme, here.desk.house.simulator
    row = world.instance("loja-01").websocket
    assert row is not None
    before = (await acme.get(OF_ONE)).json()
    assert before["chosen"] is None
    assert (before["in_sync"], before["difference"], before["mode"]) == (None, None, "traditional")
    assert configs(before["evolution"]["events"]) == set(EVENT_NAMES)
    assert {"event": "messages.upsert", "config": "MESSAGES_UPSERT"} in before["evolution"]["events"]

    chosen = (await put(acme, preset="minimum")).json()
    assert configs(chosen["chosen"]["events"]) == MINIMUM
    assert (chosen["in_sync"], chosen["drift_since"], chosen["chosen"]["applied_at"]) == (False, None, None)
    assert "not_applied" in remarks(chosen)
    assert configs(chosen["difference"]["extra"]) == set(EVENT_NAMES) - MINIMUM
    assert row.events == list(EVENT_NAMES) or set(row.events) == set(EVENT_NAMES)

    tried = (await acme.post(f"{OF_ONE}/apply", json={"dry_run": True})).json()
    assert tried["dry_run"]
    assert tried["plan"]["changes"]
    assert configs(tried["plan"]["lost"]) == set(EVENT_NAMES) - MINIMUM
    assert set(row.events) == set(EVENT_NAMES)

    applied = (await acme.post(f"{OF_ONE}/apply")).json()
    assert applied["plan"]["lost"] == tried["plan"]["lost"]
    assert set(row.events) == MINIMUM
    again = (await acme.post(f"{OF_ONE}/apply", json={})).json()
    assert not again["plan"]["changes"]
    after = (await acme.get(OF_ONE)).json()
    assert after["in_sync"]
    assert after["chosen"]["applied_at"]
    actions = [(one.action, one.target) for one in await here.desk.services.audit.list(None, limit=3)]
    assert actions[:3] == [
        ("instance_events.applied", "loja-01"),
        ("instance_events.applied", "loja-01"),
        ("instance_events.chosen", "loja-01"),
    ]


async def test_what_the_manager_drops_is_drift_and_is_explained(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        await put(desk.acme, preset="all")
        await desk.acme.post(f"{OF_ONE}/apply")
        saved = [name for name in EVENT_NAMES if name not in UNKNOWN_TO_MANAGER]
        async with RestClient(desk.house.simulator) as manager:
            body = {"websocket": {"enabled": True, "events": saved}}
            assert (await manager.post("/websocket/set/loja-01", body))[0] == 201
        await desk.house.sync.sync_once()
        seen = (await desk.acme.get(OF_ONE)).json()
        assert seen["drift_since"]
        assert not seen["in_sync"]
        assert remarks(seen)["saved_in_manager"] == UNKNOWN_TO_MANAGER
        texts = " ".join(one["text"] for one in seen["remarks"])
        assert "saves only 26 of the 31 names; saving there dropped: MESSAGES_EDITED" in texts
        assert {"never_emitted", "needs_global_mode"} <= set(remarks(seen))
        since = seen["drift_since"]
        assert (await desk.acme.get(OF_ONE)).json()["drift_since"] == since
        await desk.acme.post(f"{OF_ONE}/apply")
        assert (await desk.acme.get(OF_ONE)).json()["drift_since"] is None


async def test_a_switch_off_and_a_list_that_was_never_set_are_told_apart(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3, instance_events=False) as desk:
        seen = (await put(desk.acme, events=["messages.upsert", "CALL"])).json()
        assert seen["evolution"] == {"is_set": False, "enabled": False, "events": []}
        assert remarks(seen)["never_set"] == {"MESSAGES_UPSERT", "CALL"}
        await desk.acme.post(f"{OF_ONE}/apply")
        async with RestClient(desk.house.simulator) as somebody:
            await somebody.post("/websocket/set/loja-01", {"websocket": {"enabled": False}})
        seen = (await desk.acme.get(OF_ONE)).json()
        assert seen["evolution"] == {"is_set": True, "enabled": False, "events": []}
        assert remarks(seen)["switched_off"] == {"MESSAGES_UPSERT", "CALL"}


async def test_channels_and_modes_are_taken_into_account(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3, global_events=True) as desk:
        second = (await put(desk.acme, "/api/instances/loja-02/events", preset="minimum")).json()
        assert (second["integration"], second["mode"]) == ("EVOLUTION", "global")
        assert "CONNECTION_UPDATE" in remarks(second)["not_of_channel"]
        assert "global_mode" in remarks(second)


async def test_an_evolution_without_websocket_says_so(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3, websocket_enabled=False) as desk:
        seen = (await put(desk.acme, preset="minimum")).json()
        assert seen["unavailable"]["code"] == "upstream_websocket_disabled"
        assert (seen["evolution"], seen["in_sync"]) == (None, None)
        refused = await desk.acme.post(f"{OF_ONE}/apply")
        assert (refused.status_code, code(refused)) == (409, "upstream_websocket_disabled")


async def test_what_was_seen_last_is_shown_while_evolution_is_away(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        await put(desk.acme, preset="minimum")
        await desk.acme.post(f"{OF_ONE}/apply")
        await desk.house.simulator.stop()
        seen = (await desk.acme.get(OF_ONE)).json()
        assert seen["unavailable"]["code"] == "upstream_unreachable"
        assert seen["in_sync"]
        assert configs(seen["evolution"]["events"]) == MINIMUM


async def test_what_is_not_a_choice_is_refused(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=4) as desk:
        both = {"preset": "all", "events": ["call"]}
        bodies: list[dict[str, Any]] = [{}, {"preset": "none"}, {"events": []}, {"events": ["new.jwt"]}, both]
        for body in bodies:
            assert code(await put(desk.acme, **body)) == "invalid_request"
        assert code(await desk.acme.post(f"{OF_ONE}/apply")) == "no_events_chosen"
        assert code(await desk.acme.post(f"{OF_ONE}/apply", json={"dry_run": True})) == "no_events_chosen"
        assert code(await desk.acme.post(f"{OF_ONE}/apply", json={"preset": "all"})) == "invalid_request"
        nobodys = "/api/instances/loja-04/events"
        assert code(await put(desk.operator, nobodys, preset="all")) == "unassigned"
        assert code(await desk.operator.post(f"{nobodys}/apply")) == "unassigned"
        shown = (await desk.operator.get(nobodys)).json()
        assert shown["chosen"] is None
        tried = await desk.operator.post(f"{nobodys}/apply", json={"dry_run": True, "preset": "minimum"})
        assert tried.json()["plan"]["changes"]


async def test_a_choice_can_be_withdrawn(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        await put(desk.acme, preset="minimum")
        gone = await desk.acme.delete(OF_ONE)
        assert gone.json()["chosen"] is None
        assert (await desk.acme.delete(OF_ONE)).status_code == 200
        assert code(await desk.acme.post(f"{OF_ONE}/apply")) == "no_events_chosen"


async def test_an_instance_that_is_called_like_the_route_is_another(tmp_path: Path) -> None:
    """A name may hold slashes: written percent-encoded, it is no part of the address."""
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        for name in ("a", "a/events"):
            await desk.acme.post("/api/instances", json={"name": name, "integration": "EVOLUTION"})
        assert (await desk.acme.get("/api/instances/a%2Fevents")).json()["name"] == "a/events"
        assert (await desk.acme.get("/api/instances/a/events")).json()["instance"] == "a"
        assert (await desk.acme.get("/api/instances/a%2Fevents/events")).json()["instance"] == "a/events"
        await put(desk.acme, "/api/instances/a/events", preset="minimum")
        assert (await desk.acme.delete("/api/instances/a%2Fevents")).json() == {"name": "a/events", "deleted": True}
        assert (await desk.acme.get("/api/instances/a/events")).json()["chosen"]["preset"] == "minimum"


async def test_another_owner_begins_without_a_choice(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        await put(desk.acme, preset="minimum")
        await desk.house.directory.assign("loja-01", desk.rival_scope.organization_id, server_id="main")
        assert code(await desk.acme.get(OF_ONE)) == "instance_not_found"
        assert (await desk.rival.get(OF_ONE)).json()["chosen"] is None


@ON_EACH_DATABASE
async def test_one_choice_for_many(here: TenantDesk) -> None:
    desk, acme = here.desk, here.desk.acme
    tried = (await acme.post(RUNS, json={"preset": "minimum", "dry_run": True})).json()
    assert tried["dry_run"]
    assert tried["run"] is None
    assert [one["instance"] for one in tried["plans"]] == ["loja-01", "loja-02"]
    assert all(configs(one["lost"]) == set(EVENT_NAMES) - MINIMUM for one in tried["plans"])
    assert (await acme.get(OF_ONE)).json()["chosen"] is None

    made = (await acme.post(RUNS, json={"preset": "minimum", "keep": True})).json()["run"]
    assert (made["state"], made["counts"]["total"], made["counts"]["pending"]) == ("running", 2, 2)
    await finished(desk)
    done = (await acme.get(f"{RUNS}/{made['id']}")).json()
    assert (done["state"], done["counts"]["applied"], done["next"]) == ("done", 2, None)
    assert [(one["instance"], one["state"]) for one in done["instances"]] == [
        ("loja-01", "applied"),
        ("loja-02", "applied"),
    ]
    for name in ("loja-01", "loja-02"):
        row = desk.house.simulator.instance(name).websocket
        assert row is not None
        assert set(row.events) == MINIMUM
    again = (await acme.post(RUNS, json={"preset": "minimum", "instances": ["loja-02"]})).json()["run"]
    await finished(desk)
    assert (await acme.get(f"{RUNS}/{again['id']}")).json()["counts"]["unchanged"] == 1
    listed = (await acme.get(RUNS)).json()["runs"]
    assert [one["id"] for one in listed[:2]] == [again["id"], made["id"]]


async def test_a_run_shows_what_failed_and_can_be_cancelled(here: TenantDesk) -> None:
    desk, acme = here.desk, here.desk.acme
    desk.house.simulator.world.remove("loja-01")
    run = (await acme.post(RUNS, json={"events": ["call"]})).json()["run"]
    await finished(desk)
    shown = (await acme.get(f"{RUNS}/{run['id']}?limit=1")).json()
    assert (shown["instances"][0]["state"], shown["instances"][0]["code"]) == ("failed", "instance_not_found")
    assert shown["next"] == "loja-01"
    rest = (await acme.get(f"{RUNS}/{run['id']}?after=loja-01")).json()
    assert [one["instance"] for one in rest["instances"]] == ["loja-02"]

    other = (await acme.post(RUNS, json={"events": ["call"]})).json()["run"]
    cancelled = (await acme.delete(f"{RUNS}/{other['id']}")).json()
    assert (cancelled["state"], cancelled["counts"]["cancelled"]) == ("cancelled", 2)
    await finished(desk)
    assert (await acme.delete(f"{RUNS}/{other['id']}")).json()["counts"]["cancelled"] == 2


async def test_runs_are_nobody_elses(here: TenantDesk) -> None:
    """I4: neither a foreign run, nor the part of one's own that a narrowed key may not see."""
    acme, rival = here.desk.acme, here.desk.rival
    run = (await acme.post(RUNS, json={"preset": "minimum"})).json()["run"]["id"]
    for caller in (rival, here.rival.keys["narrowed"].caller):
        assert code(await caller.get(f"{RUNS}/{run}")) == "not_found"
        assert run not in (await caller.get(RUNS)).text
    assert code(await rival.delete(f"{RUNS}/{run}")) == "not_found"
    assert code(await rival.post(RUNS, json={"preset": "all", "instances": ["loja-01"]})) == "instance_not_found"
    narrowed = (await here.acme.keys["narrowed"].caller.get(f"{RUNS}/{run}")).json()
    assert [one["instance"] for one in narrowed["instances"]] == ["loja-01"]
    assert narrowed["counts"]["total"] == 1
    by_operator = await here.desk.operator.get(f"{RUNS}/{run}?organization={here.acme.organization_id}")
    assert by_operator.json()["counts"]["total"] == 2
    assert code(await here.desk.operator.get(RUNS)) == "invalid_request"


async def test_a_server_that_does_not_answer_is_named_in_a_trial(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        await desk.house.simulator.stop()
        tried = (await desk.acme.post(RUNS, json={"preset": "all", "dry_run": True})).json()
        assert tried["plans"] == []
        assert tried["unavailable"][0]["code"] == "upstream_unreachable"


async def test_the_presets_are_shown(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        shown = (await desk.acme.get("/api/instance-events/presets")).json()
        assert [one["name"] for one in shown["presets"]] == ["minimum", "support", "audit", "all"]
        assert {"event": "groups.update", "config": "GROUP_UPDATE"} in shown["events"]


@pytest.mark.parametrize("number", [5_001])
async def test_a_run_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr("ponteio.api.instance_events_routes.MAX_INSTANCES", 1)
    async with rest_desk(tmp_path, started=False, instances=3) as desk:
        assert code(await desk.acme.post(RUNS, json={"preset": "all"})) == "invalid_request"
        body = {"preset": "all", "instances": ["x"] * number}
        assert code(await desk.acme.post(RUNS, json=body)) == "invalid_request"
        scope: OrganizationScope = desk.acme_scope
        assert await desk.services.event_runs.list(scope, 10) == []
