"""The links over REST, against the simulator with the real link service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
from tests.support.rest_client import code, encoded, rest_desk

from ponteio.model.link import LinkState

WEBSOCKET = "/api/websocket"


def by_name(answer: httpx2.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200
    return {one["name"]: one for one in answer.json()["instances"]}


async def test_the_status_in_traditional_mode(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        await desk.house.link_is(LinkState.CONNECTED, "loja-01")
        await desk.house.store(desk.acme_scope, "loja-01", "messages.upsert", b"{}")
        desk.house.counters.add("events_stored", 1)
        desk.house.counters.add("frames_received", 3)
        desk.house.counters.add("events_duplicate", 1)
        desk.house.counters.refuse("unassigned")
        status = (await desk.acme.get(f"{WEBSOCKET}/status")).json()
        assert (status["enabled"], status["mode"]) == (True, "traditional")
        assert status["global_link"]["state"] == "off"
        assert status["links"]["total"] == 2
        assert status["sockets"] == 0
        assert status["events"] == {"stored": 1, "received": None, "duplicates": None, "refused": None}
        assert status["requests_refused"] is None
        everything = (await desk.operator.get(f"{WEBSOCKET}/status")).json()
        assert everything["links"]["total"] == 3
        assert everything["events"] == {"stored": 1, "received": 3, "duplicates": 1, "refused": {"unassigned": 1}}


async def test_the_status_in_global_mode_keeps_others_activity_from_an_organization(tmp_path: Path) -> None:
    """I4: the global link hears everybody; how much is the operator's to know."""
    async with rest_desk(tmp_path, instances=3, global_events=True) as desk:
        await desk.house.link_is(LinkState.CONNECTED)
        desk.house.simulator.emit("loja-03", "chats.update", {})
        await desk.house.link_heard()
        operator = (await desk.operator.get(f"{WEBSOCKET}/status")).json()
        assert operator["mode"] == "global"
        assert operator["global_link"]["state"] == "connected"
        assert operator["global_link"]["events"] >= 1
        assert operator["global_link"]["last_event_at"]
        acme = (await desk.acme.get(f"{WEBSOCKET}/status")).json()
        assert acme["global_link"]["state"] == "connected"
        assert (acme["global_link"]["events"], acme["global_link"]["last_event_at"]) == (None, None)
        seen = by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))
        assert set(seen) == {"loja-01", "loja-02"}
        assert seen["loja-01"]["link"]["mode"] == "global"
        assert seen["loja-01"]["link"]["last_event_at"] is None


async def test_what_is_stored_shows_as_the_last_event_of_the_instance(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, global_events=True) as desk:
        stored = await desk.house.store(desk.acme_scope, "loja-01", "messages.upsert", b"{}")
        desk.services.activity.note([stored])
        seen = by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))
        assert seen["loja-01"]["link"]["last_event_at"]
        assert seen["loja-02"]["link"]["last_event_at"] is None


async def test_the_last_error_names_the_link_and_the_reason(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        await desk.house.simulator.go_down()
        await desk.house.link_is(LinkState.UNREACHABLE, "loja-01")
        status = (await desk.acme.get(f"{WEBSOCKET}/status")).json()
        assert status["last_error"]["state"] == "unreachable"
        assert status["last_error"]["reason"]
        assert status["last_error"]["instance"] in ("loja-01", "loja-02")
        seen = by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))
        assert seen["loja-01"]["link"]["state"] == "unreachable"
        assert seen["loja-01"]["link"]["attempts"] >= 1


async def test_switching_one_link_off_and_on_and_again(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        await desk.house.link_is(LinkState.CONNECTED, "loja-01")
        for _ in range(2):
            answer = await desk.acme.post(f"{WEBSOCKET}/disconnect/instance/loja-01")
            assert (answer.status_code, answer.json()["state"]) == (200, "off")
        assert by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))["loja-01"]["link"]["mode"] == "none"
        for _ in range(2):
            answer = await desk.acme.post(f"{WEBSOCKET}/connect/instance/loja-01")
            assert answer.status_code == 200
            assert answer.json()["instance"] == "loja-01"
        await desk.house.link_is(LinkState.CONNECTED, "loja-01")
        assert by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))["loja-01"]["link"]["mode"] == "instance"


async def test_whoever_switches_a_link_is_written_down(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await desk.acme.post(f"{WEBSOCKET}/disconnect/instance/loja-01")
        await desk.operator.post(f"{WEBSOCKET}/connect/instance/loja-01")
        await desk.acme.post(f"{WEBSOCKET}/connect/instance/loja-03")
        await desk.acme.post(f"{WEBSOCKET}/disconnect/all")
        await desk.operator.post(f"{WEBSOCKET}/disconnect/global")
        acme, operator = "an organization's", "the deployment's"
        entries = (await desk.operator.get("/api/audit")).json()["entries"]
        found = [(one["action"], one["target"], acme if one["organization"] else operator) for one in reversed(entries)]
        assert found == [
            ("link.disconnected", "loja-01", acme),
            ("link.connected", "loja-01", acme),
            ("link.disconnected", None, acme),
            ("link.disconnected", "main", operator),
        ]
        assert len((await desk.acme.get("/api/audit")).json()["entries"]) == 3


async def test_all_means_the_callers_own_in_traditional_mode(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        answer = await desk.acme.post(f"{WEBSOCKET}/disconnect/all")
        assert [link["instance"] for link in answer.json()["links"]] == ["loja-01", "loja-02"]
        assert desk.house.link("loja-03").state is not LinkState.OFF
        answer = await desk.acme.post(f"{WEBSOCKET}/connect/all")
        assert {link["instance"] for link in answer.json()["links"]} == {"loja-01", "loja-02"}
        assert desk.house.link("loja-01").state is not LinkState.OFF
        answer = await desk.operator.post(f"{WEBSOCKET}/disconnect/all")
        assert {link["instance"] for link in answer.json()["links"]} == {"loja-01", "loja-02", "loja-03"}


async def test_all_is_the_operators_in_global_mode(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, global_events=True) as desk:
        for path in ("connect/all", "disconnect/all"):
            answer = await desk.acme.post(f"{WEBSOCKET}/{path}")
            assert (answer.status_code, code(answer)) == (403, "operator_only")
            assert "connect/instance" in answer.json()["detail"]
        answer = await desk.operator.post(f"{WEBSOCKET}/connect/all")
        assert [link["instance"] for link in answer.json()["links"]] == [None]
        await desk.operator.post(f"{WEBSOCKET}/disconnect/all")
        assert desk.house.link().state is LinkState.OFF


async def test_the_global_link_is_switched_by_the_operator(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, global_events=True) as desk:
        for _ in range(2):
            answer = await desk.operator.post(f"{WEBSOCKET}/disconnect/global")
            assert (answer.status_code, answer.json()["state"]) == (200, "off")
        for _ in range(2):
            assert (await desk.operator.post(f"{WEBSOCKET}/connect/global")).status_code == 200
        await desk.house.link_is(LinkState.CONNECTED)
        answer = await desk.acme.post(f"{WEBSOCKET}/connect/instance/loja-01")
        assert answer.status_code == 200
        assert by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))["loja-01"]["link"]["mode"] == "both"


async def test_switched_off_the_api_says_so_and_with_which_line_to_switch_it_on(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, enabled=False) as desk:
        switches = ["connect/all", "disconnect/all"]
        switches += [f"{verb}/instance/loja-01" for verb in ("connect", "disconnect")]
        calls = [(desk.acme, path) for path in switches]
        calls += [(desk.operator, path) for path in (*switches, "connect/global", "disconnect/global")]
        for caller, path in calls:
            answer = await caller.post(f"{WEBSOCKET}/{path}")
            assert (answer.status_code, code(answer)) == (409, "websocket_disabled"), path
            assert "WEBSOCKET_ENABLED=true" in answer.json()["detail"]
            assert answer.json()["setting"] == "WEBSOCKET_ENABLED=true"
        status = (await desk.acme.get(f"{WEBSOCKET}/status")).json()
        assert status["enabled"] is False
        assert by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))["loja-01"]["link"]["state"] == "off"
        assert desk.house.simulator.summary()["sessions"] == 0


async def test_a_name_with_a_comma_has_no_link_of_its_own(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        await desk.house.directory.assign("a,b", desk.acme_scope.organization_id, server_id="main")
        answer = await desk.acme.post(f"{WEBSOCKET}/connect/instance/{encoded('a,b')}")
        assert (answer.status_code, code(answer)) == (409, "unlinkable_name")
        seen = by_name(await desk.acme.get(f"{WEBSOCKET}/instances"))
        assert seen["a,b"]["link"]["state"] == "unlinkable"
        assert (await desk.acme.post(f"{WEBSOCKET}/disconnect/instance/a%2Cb")).status_code == 200


async def test_a_name_that_is_none_is_not_found(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for path in ("connect/instance/", "test/", "connect/instance/%00"):
            assert code(await desk.acme.post(f"{WEBSOCKET}/{path}")) == "instance_not_found"


async def test_refused_requests_are_counted_by_code_for_the_operator(tmp_path: Path) -> None:
    """I6: a refusal is a counted value with a name."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        await desk.nobody.get("/api/instances")
        for _ in range(2):
            await desk.acme.get("/api/events?after=nonsense")
        status = (await desk.operator.get(f"{WEBSOCKET}/status")).json()
        assert status["requests_refused"] == {"auth_required": 1, "invalid_cursor": 2}
