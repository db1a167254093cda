"""The application as a whole: every route of its own description, for every kind of caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.rest_client import Caller, RestDesk, code, encoded, rest_desk

from ponteio.api.factory import create_api
from ponteio.listener import Listener, bind
from ponteio.model.outcome import CATALOGUE

ANYBODY, KEY, OPERATOR, ORGANIZATION = "anybody", "key", "operator", "organization"

ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/readyz"): ANYBODY,
    ("GET", "/api/websocket/status"): KEY,
    ("GET", "/api/websocket/instances"): KEY,
    ("POST", "/api/websocket/connect/global"): OPERATOR,
    ("POST", "/api/websocket/disconnect/global"): OPERATOR,
    ("POST", "/api/websocket/connect/instance/{instance_name}"): KEY,
    ("POST", "/api/websocket/disconnect/instance/{instance_name}"): KEY,
    ("POST", "/api/websocket/connect/all"): KEY,
    ("POST", "/api/websocket/disconnect/all"): KEY,
    ("POST", "/api/websocket/test/{instance_name}"): KEY,
    ("GET", "/api/instances"): KEY,
    ("POST", "/api/instances"): KEY,
    ("GET", "/api/instances/{instance_name}"): KEY,
    ("DELETE", "/api/instances/{instance_name}"): KEY,
    ("POST", "/api/instances/{instance_name}/connect"): KEY,
    ("POST", "/api/instances/{instance_name}/restart"): KEY,
    ("POST", "/api/instances/{instance_name}/logout"): KEY,
    ("GET", "/api/events"): ORGANIZATION,
    ("GET", "/api/events/{cursor}"): ORGANIZATION,
    ("GET", "/api/quarantine"): OPERATOR,
    ("GET", "/api/quarantine/summary"): OPERATOR,
    ("GET", "/api/gaps"): KEY,
}
"""Who may ask. A route that is not in this table fails the suite: nobody forgets to decide."""

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/instances"): {"name": "brand new", "integration": "EVOLUTION", "token": "EAAG-canary-meta-token"},
}


@dataclass(frozen=True)
class Route:
    method: str
    path: str

    @property
    def named(self) -> bool:
        return "{instance_name}" in self.path

    async def ask(self, caller: Caller, desk: RestDesk, name: str = "loja-01") -> httpx2.Response:
        event = await desk.house.log.head(desk.acme_scope)
        path = self.path.replace("{instance_name}", encoded(name)).replace("{cursor}", str(event))
        body = BODIES.get((self.method, self.path))
        answer = await caller.call(self.method, path, **({} if body is None else {"json": body}))
        documented = desk.app.openapi()["paths"][self.path][self.method.lower()]["responses"]
        assert str(answer.status_code) in documented, f"{answer.status_code} is not documented"
        if answer.status_code >= 400:
            assert code(answer) in documented[str(answer.status_code)]["description"]
        return answer


def _harm(route: Route) -> tuple[bool, bool, str]:
    return route.method == "DELETE", route.path.endswith("/logout"), route.path


ALL = sorted((Route(*route) for route in ROUTES), key=_harm)
"""What logs out and what deletes comes last."""
NAMED = [route for route in ALL if route.named]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[RestDesk]:
    async with rest_desk(tmp_path, instances=3) as opened:
        await opened.house.store(opened.acme_scope, "loja-01", "messages.upsert", b"{}")
        yield opened


def operations(desk: RestDesk) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in desk.app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_every_route_is_decided_described_and_answers_by_schema(desk: RestDesk) -> None:
    found = {(method, path) for method, path, _ in operations(desk)}
    assert found == set(ROUTES)
    schema = desk.app.openapi()
    ids = [operation["operationId"] for _, _, operation in operations(desk)]
    assert len(ids) == len(set(ids))
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "apikey"}
    for method, path, operation in operations(desk):
        good = next(answer for status, answer in operation["responses"].items() if status in ("200", "201"))
        assert "$ref" in good["content"]["application/json"]["schema"], path
        assert operation["description"], path
        wanted: list[dict[str, list[str]]] = [] if ROUTES[method, path] == ANYBODY else [{"bearer": []}, {"apikey": []}]
        assert operation.get("security", []) == wanted, path
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], path
                assert answer["content"]["application/problem+json"]["schema"] == {
                    "$ref": "#/components/schemas/Problem"
                }
                assert {CATALOGUE[name].status for name in answer["description"].split(", ")} == {int(status)}
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_the_routes_that_serve_are_those_that_are_described(tmp_path: Path) -> None:
    async def compare() -> None:
        async with rest_desk(tmp_path, instances=3) as desk:
            answer = await desk.nobody.get("/openapi.json")
            assert answer.json() == desk.app.openapi()
            for path in ("/docs", "/redoc"):
                assert (await desk.nobody.get(path)).status_code == 404

    asyncio.run(compare())


async def revoked_caller(desk: RestDesk) -> Caller:
    caller = await desk.caller(desk.acme_scope.organization_id)
    (key,) = [key for key in await desk.house.keys.list() if desk.api_keys[-1].startswith(key.prefix)]
    await desk.house.keys.revoke(key.key_id)
    return caller


async def test_who_may_ask(desk: RestDesk) -> None:
    """I10: without a key, with a wrong and with a revoked one nobody gets further than "who are you"."""
    strangers = [(desk.nobody, "auth_required"), (Caller(desk, "pnt_" + "A" * 43), "auth_invalid")]
    strangers.append((await revoked_caller(desk), "auth_invalid"))
    for route in ALL:
        may = ROUTES[route.method, route.path]
        for caller, expected in strangers:
            answer = await route.ask(caller, desk)
            if may == ANYBODY:
                assert answer.status_code == 200, route
                continue
            assert (answer.status_code, code(answer)) == (401, expected), route
            assert answer.headers["www-authenticate"] == "Bearer"
        if may == OPERATOR:
            assert code(await route.ask(desk.acme, desk)) == "operator_only", route
            assert (await route.ask(desk.operator, desk)).status_code == 200, route
        elif may == ORGANIZATION:
            assert code(await route.ask(desk.operator, desk)) == "organization_only", route
            assert (await route.ask(desk.acme, desk)).status_code == 200, route
        else:
            assert (await route.ask(desk.acme, desk)).status_code in (200, 201), route


async def test_a_foreign_instance_answers_like_one_that_nobody_has(desk: RestDesk) -> None:
    """I4: neither status, nor text, nor header tells whether somebody else has an instance of that name."""
    for route in NAMED:
        foreign = await route.ask(desk.rival, desk, "loja-01")
        random = await route.ask(desk.rival, desk, "no-such-instance")
        odd = await route.ask(desk.rival, desk, "unheard, of/🍕?#")
        assert (foreign.status_code, code(foreign)) == (404, "instance_not_found"), route
        for other in (random, odd):
            assert (other.status_code, other.content) == (foreign.status_code, foreign.content)
            assert _lasting(other) == _lasting(foreign)
        assert desk.house.instance("loja-01").removed_at is None
        assert (await route.ask(desk.operator, desk, "loja-01")).status_code == 200
        assert code(await route.ask(desk.operator, desk, "no-such-instance")) == "instance_not_found"


def _lasting(answer: httpx2.Response) -> dict[str, str]:
    """The headers, without what counts the caller's own requests."""
    return {name: value for name, value in answer.headers.items() if not name.startswith("ratelimit")}


ODD_NAMES = ["Loja Centro", "a/b", "ação", "a?b", "a#b", "a%2Fb", "🍕", "x/connect", "a/restart/logout", "..."]


async def test_odd_names_work_in_every_address(desk: RestDesk) -> None:
    for name in ODD_NAMES:
        made = await desk.acme.post("/api/instances", json={"name": name, "integration": "EVOLUTION"})
        assert (made.status_code, made.json()["name"]) == (201, name)
    for route in NAMED:
        for name in ODD_NAMES:
            answer = await route.ask(desk.acme, desk, name)
            assert answer.status_code == 200, (route, name)
    assert not any(desk.house.simulator.world.get(name) for name in ODD_NAMES)


async def test_odd_names_survive_a_real_http_server(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3) as desk:
        listener = Listener(desk.app, bind("127.0.0.1", 0), {})
        await listener.open()
        async with httpx2.AsyncClient(base_url=listener.url) as client:
            headers = {"apikey": desk.api_keys[0]}
            for name in ODD_NAMES:
                await client.post("/api/instances", json={"name": name, "integration": "EVOLUTION"}, headers=headers)
                answer = await client.get(f"/api/instances/{encoded(name)}", headers=headers)
                assert (answer.status_code, answer.json()["name"]) == (200, name)
            assert (await client.get("/api/instances/%ff%fe", headers=headers)).status_code == 404
        await listener.close()


async def test_slashes_at_the_end_are_not_redirected(desk: RestDesk) -> None:
    for path in ("/api/websocket/status/", "/api/events/", "/healthz/"):
        assert (await desk.acme.get(path)).status_code in (400, 404)


async def test_pages_of_allowed_origins_may_call_and_others_may_not(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, allowed_origins=["https://app.example"]) as desk:
        asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "apikey"}
        good = {"Origin": "https://app.example"}
        answer = await desk.client.options("/api/instances", headers={**good, **asked})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        refused = await desk.acme.get("/api/instances/nobody", headers=good)
        assert refused.headers["access-control-allow-origin"] == "https://app.example"
        bad = {"Origin": "https://evil.example"}
        answer = await desk.client.options("/api/instances", headers={**bad, **asked})
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-origin" not in (await desk.acme.get("/api/instances", headers=bad)).headers


async def test_without_allowed_origins_no_page_of_another_origin_may_call(desk: RestDesk) -> None:
    answer = await desk.acme.get("/api/instances", headers={"Origin": "https://app.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_making_the_application_starts_nothing(desk: RestDesk) -> None:
    before = asyncio.all_tasks()
    create_api(desk.services)
    assert asyncio.all_tasks() == before
