"""Instances over REST, against the simulator in health and in trouble."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.rest_client import OneServer, RestDesk, code, rest_desk

from ponteio.api.services import ApiServices
from ponteio.model.identity import InstanceState
from ponteio.outbound.connector import OPERATORS_WORD
from ponteio.outbound.http_client import HttpOptions
from ponteio.simulator import Simulator
from ponteio.upstream.evolution_api import EvolutionApi
from ponteio.upstream.instance_control import InstanceControl

INSTANCES = "/api/instances"


async def test_an_organization_sees_its_own_and_the_operator_all(tmp_path: Path) -> None:
    """I4: a list holds nothing of anybody else."""
    async with rest_desk(tmp_path, instances=4, started=False) as desk:
        seen = (await desk.acme.get(INSTANCES)).json()["instances"]
        assert [one["name"] for one in seen] == ["loja-01", "loja-02"]
        assert {one["organization"] for one in seen} == {desk.acme_scope.organization_id}
        assert seen[0]["state"] == "open"
        assert seen[0]["state_at"].endswith("Z")
        everything = (await desk.operator.get(INSTANCES)).json()["instances"]
        assert [one["name"] for one in everything] == ["loja-01", "loja-02", "loja-03", "loja-04"]
        assert everything[3]["organization"] is None


async def test_what_was_removed_is_not_listed(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        desk.house.simulator.world.remove("loja-01")
        await desk.house.sync.sync_once()
        for caller in (desk.acme, desk.operator):
            seen = (await caller.get(INSTANCES)).json()["instances"]
            assert "loja-01" not in [one["name"] for one in seen]
            assert code(await caller.get(f"{INSTANCES}/loja-01")) == "instance_not_found"


async def test_the_life_of_a_phone(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        made = await desk.acme.post(INSTANCES, json={"name": "phone"})
        assert (made.status_code, made.json()["state"]) == (201, "close")
        assert made.json()["integration"] == "WHATSAPP-BAILEYS"
        connected = (await desk.acme.post(f"{INSTANCES}/phone/connect", json={"number": "5511900000001"})).json()
        assert connected["state"] == "connecting"
        assert connected["qr_image"].startswith("data:image/png;base64,")
        assert connected["qr_code"]
        assert connected["pairing_code"]
        assert connected["qr_count"] == 1
        assert connected["link"]["mode"] == "instance"
        await desk.house.simulator.scan("phone")
        connected = (await desk.acme.post(f"{INSTANCES}/phone/connect")).json()
        assert (connected["state"], connected["qr_code"]) == ("open", None)
        detail = (await desk.acme.get(f"{INSTANCES}/phone")).json()
        assert detail["websocket"]["enabled"]
        assert len(detail["websocket"]["events"]) == 31
        assert detail["unavailable"] is None
        assert (await desk.acme.post(f"{INSTANCES}/phone/restart")).status_code == 200
        for _ in range(2):
            assert (await desk.acme.post(f"{INSTANCES}/phone/logout")).json()["state"] == "close"
        assert (await desk.acme.delete(f"{INSTANCES}/phone")).json() == {"name": "phone", "deleted": True}
        assert code(await desk.acme.delete(f"{INSTANCES}/phone")) == "instance_not_found"


async def test_tokens_of_new_instances_never_come_back(tmp_path: Path) -> None:
    """I5: neither the token that was given, nor the hash that Evolution made."""
    async with rest_desk(tmp_path, instances=3) as desk:
        body = {"name": "biz", "integration": "WHATSAPP-BUSINESS", "token": "EAAG-canary-meta-token", "number": "1098"}
        made = await desk.acme.post(INSTANCES, json=body)
        assert made.status_code == 201
        assert desk.house.simulator.instance("biz").token == "EAAG-canary-meta-token"
        assert "hash" not in made.json()
        await desk.acme.post(INSTANCES, json={"name": "wired", "integration": "EVOLUTION"})
        await desk.operator.get(INSTANCES)


async def test_the_operator_says_who_owns_what_they_make(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        rival = desk.rival_scope.organization_id
        made = await desk.operator.post(INSTANCES, json={"name": "a", "organization": "rival"})
        assert made.json()["organization"] == rival
        made = await desk.operator.post(INSTANCES, json={"name": "b", "organization": rival})
        assert made.json()["organization"] == rival
        assert (await desk.operator.post(INSTANCES, json={"name": "c"})).json()["organization"] is None
        answer = await desk.operator.post(INSTANCES, json={"name": "d", "organization": "nobody"})
        assert (answer.status_code, code(answer)) == (404, "organization_not_found")
        assert desk.house.simulator.world.get("d") is None


async def test_an_organization_cannot_choose_an_owner(tmp_path: Path) -> None:
    """I4: the owner comes from the key, never from a body."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for owner in ("rival", "acme", desk.rival_scope.organization_id, "nobody"):
            answer = await desk.acme.post(INSTANCES, json={"name": "a", "organization": owner})
            assert (answer.status_code, code(answer)) == (403, "operator_only")
        assert desk.house.simulator.world.get("a") is None


async def test_an_existing_name_is_taken_whoever_has_it(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=4, started=False) as desk:
        for name in ("loja-01", "loja-03", "loja-04"):
            answer = await desk.acme.post(INSTANCES, json={"name": name, "integration": "EVOLUTION"})
            assert (answer.status_code, code(answer)) == (409, "name_taken")
        assert desk.house.instance("loja-04").organization_id is None


BODIES: list[tuple[Any, str]] = [
    ({}, "invalid_request"),
    ([], "invalid_request"),
    ({"name": 5}, "invalid_request"),
    ({"name": ""}, "invalid_request"),
    ({"name": "x" * 101}, "invalid_request"),
    ({"name": "a", "integration": "NOPE"}, "invalid_request"),
    ({"name": "a", "number": "+55 11"}, "invalid_request"),
    ({"name": "a", "number": "5511\n"}, "invalid_request"),
    ({"name": "a", "business_id": "../x"}, "invalid_request"),
    ({"name": "a", "token": "short"}, "invalid_request"),
    ({"name": "a", "hash": "canary-member"}, "invalid_request"),
    ({"name": "a", "websocket": {"enabled": False}}, "invalid_request"),
    ({"name": ".."}, "invalid_name"),
    ({"name": " a"}, "invalid_name"),
    ({"name": "a,b"}, "unlinkable_name"),
    ({"name": "a", "integration": "WHATSAPP-BUSINESS"}, "upstream_refused"),
]


async def test_bodies_that_are_not_as_documented(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for body, expected in BODIES:
            answer = await desk.acme.post(INSTANCES, json=body)
            assert code(answer) == expected, body
            assert "canary-member" not in answer.text
        assert len(desk.house.simulator.world) == 3


async def test_connect_takes_a_number_or_nothing(tmp_path: Path) -> None:
    bodies: list[Any] = [{"number": "abc"}, {"number": 5}, {"extra": 1}, [], "x"]
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for body in bodies:
            assert code(await desk.acme.post(f"{INSTANCES}/loja-01/connect", json=body)) == "invalid_request"
        assert (await desk.acme.post(f"{INSTANCES}/loja-01/connect", json={})).status_code == 200


async def break_key(simulator: Simulator) -> None:
    simulator.refuse_key()


async def break_process(simulator: Simulator) -> None:
    await simulator.go_down()


async def freeze(simulator: Simulator) -> None:
    simulator.freeze()


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [(break_key, "upstream_auth_failed"), (break_process, "upstream_unreachable"), (freeze, "upstream_timeout")],
)
async def test_trouble_with_evolution_has_a_name(tmp_path: Path, trouble: Any, expected: str) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        simulator = desk.house.simulator
        api = EvolutionApi(
            simulator.url,
            simulator.api_key,
            options=HttpOptions(connector=OPERATORS_WORD, total_s=0.1 if trouble is freeze else 15),
        )
        desk.app.state.services = acting_through(desk, api)
        await trouble(simulator)
        await every_call_is_refused_with(desk, expected)
        detail = (await desk.acme.get(f"{INSTANCES}/loja-01")).json()
        assert detail["unavailable"]["code"] == expected
        assert detail["state"] == "open"
        assert (await desk.acme.get(INSTANCES)).status_code == 200
        assert desk.house.instance("loja-01").removed_at is None
        simulator.thaw()
        await api.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx2.Response(200, html="<h1>Welcome to nginx</h1>"), "upstream_bad_answer"),
        (httpx2.Response(502, html="<h1>502 Bad Gateway</h1>"), "upstream_bad_answer"),
        (httpx2.Response(401, json={"response": {"message": "Unauthorized"}}), "upstream_auth_failed"),
        (httpx2.Response(200, json={"error": True, "message": "[object Object]"}), "upstream_failed"),
        (httpx2.Response(400, json={"response": {"message": [["a is wrong", "b too"]]}}), "upstream_refused"),
        (httpx2.Response(500, json={"response": {"message": "SELECT secret FROM prisma"}}), "upstream_failed"),
        (httpx2.Response(200, content=b"x" * 20_000_000), "upstream_bad_answer"),
        (httpx2.Response(200, content=b"[" * 100_000), "upstream_bad_answer"),
        (httpx2.Response(302, headers={"location": "http://elsewhere/"}), "upstream_bad_answer"),
    ],
    ids=["html", "502", "401", "200 error", "list in list", "500", "20 MB", "deep", "redirect"],
)
async def test_odd_answers_of_evolution_have_a_name(tmp_path: Path, answer: httpx2.Response, expected: str) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        transport = httpx2.MockTransport(
            lambda _request: httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)
        )
        api = EvolutionApi("http://evolution", "key", options=HttpOptions(transport=transport))
        desk.app.state.services = acting_through(desk, api)
        await every_call_is_refused_with(desk, expected)
        await api.close()
        assert desk.house.instance("loja-01").state is InstanceState.OPEN


def acting_through(desk: RestDesk, api: EvolutionApi) -> ApiServices:
    """The desk's rooms, with instances controlled through `api`."""
    station = desk.services.fleet.station()
    assert isinstance(station, OneServer)
    return replace(desk.services, fleet=replace(station, control=control_with(desk, api)))


def control_with(desk: RestDesk, api: EvolutionApi) -> InstanceControl:
    return InstanceControl(server_id="main", api=api, directory=desk.house.directory, links=desk.house.links)


async def every_call_is_refused_with(desk: RestDesk, expected: str) -> None:
    for answer in (
        await desk.acme.post(INSTANCES, json={"name": "new", "integration": "EVOLUTION"}),
        await desk.acme.post(f"{INSTANCES}/loja-01/connect"),
        await desk.acme.post(f"{INSTANCES}/loja-01/restart"),
        await desk.acme.post(f"{INSTANCES}/loja-01/logout"),
        await desk.acme.delete(f"{INSTANCES}/loja-01"),
    ):
        assert code(answer) == expected


async def test_an_instance_that_evolution_lost_is_gone_here_from_then_on(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        desk.house.simulator.world.remove("loja-01")
        answer = await desk.acme.post(f"{INSTANCES}/loja-01/connect")
        assert (answer.status_code, code(answer)) == (404, "instance_not_found")
        assert [one["name"] for one in (await desk.acme.get(INSTANCES)).json()["instances"]] == ["loja-02"]
