"""The application as a whole: every route of its own description, for every kind of caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.rest_client import Caller, RestDesk, code, encoded, rest_desk
from tests.support.route_rights import ANYBODY, NEEDS, OPERATOR, Route

from ponteio.api.factory import create_api
from ponteio.listener import Listener, bind
from ponteio.model.outcome import CATALOGUE

NAMED = sorted(
    (Route(*it) for it, need in NEEDS.items() if "{instance_name}" in it[1] and need != OPERATOR),
    key=lambda it: (it.method == "DELETE" and it.path.endswith("}"), it.path.endswith("/logout"), it.path),
)
"""What organizations do to an instance. What logs out and what deletes comes last."""

NOT_JSON = {"/metrics", "/api/events/export", "/api/events/stream"}
"""Routes that answer in a format of somebody else's."""


async def ask(route: Route, caller: Caller, desk: RestDesk, name: str = "loja-01") -> httpx2.Response:
    """The answer, which is one that the application's own description knows."""
    body = {} if route.body is None else {"json": route.body}
    answer = await caller.call(route.method, route.at(instance_name=encoded(name)), **body)
    documented = desk.app.openapi()["paths"][route.path][route.method.lower()]["responses"]
    assert str(answer.status_code) in documented, f"{answer.status_code} is not documented"
    if answer.status_code >= 400:
        assert code(answer) in documented[str(answer.status_code)]["description"]
    return answer


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
    assert found == set(NEEDS)
    schema = desk.app.openapi()
    ids = [operation["operationId"] for _, _, operation in operations(desk)]
    assert len(ids) == len(set(ids))
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "apikey", "session"}
    for method, path, operation in operations(desk):
        good = next(answer for status, answer in operation["responses"].items() if status in ("200", "201"))
        if path not in NOT_JSON:
            assert "$ref" in good["content"]["application/json"]["schema"], path
        assert operation["description"], path
        wanted: list[dict[str, list[str]]] = (
            [] if NEEDS[method, path] == ANYBODY else [{"bearer": []}, {"apikey": []}, {"session": []}]
        )
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


async def test_strangers_get_no_further_than_who_they_are(desk: RestDesk) -> None:
    """I10: without a key, with a wrong one and with a revoked one: nobody reads what else was sent."""
    strangers = [(desk.nobody, "auth_required"), (Caller(desk, "pnt_" + "A" * 43), "auth_invalid")]
    strangers.append((await revoked_caller(desk), "auth_invalid"))
    for method, path in (each for each, need in NEEDS.items() if need != ANYBODY):
        for caller, expected in strangers:
            for sent in (b"", b"{", b"[" * 100_000, b'{"unheard": "of"}'):
                answer = await caller.call(method, path, content=sent, headers={"content-type": "application/json"})
                assert (answer.status_code, code(answer)) == (401, expected), path
                assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_foreign_instance_answers_like_one_that_nobody_has(desk: RestDesk) -> None:
    """I4: neither status, nor text, nor header tells whether somebody else has an instance of that name."""
    for route in NAMED:
        foreign = await ask(route, desk.rival, desk, "loja-01")
        random = await ask(route, desk.rival, desk, "no-such-instance")
        odd = await ask(route, desk.rival, desk, "unheard, of/🍕?#")
        assert (foreign.status_code, code(foreign)) == (404, "instance_not_found"), route
        for other in (random, odd):
            assert (other.status_code, other.content) == (foreign.status_code, foreign.content)
            assert _lasting(other) == _lasting(foreign)
        assert desk.house.instance("loja-01").removed_at is None
        assert (await ask(route, desk.operator, desk, "loja-01")).status_code == 200
        assert code(await ask(route, desk.operator, desk, "no-such-instance")) == "instance_not_found"


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
            answer = await ask(route, desk.acme, desk, name)
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


async def test_making_the_application_starts_nothing(desk: RestDesk) -> None:
    before = asyncio.all_tasks()
    create_api(desk.services)
    assert asyncio.all_tasks() == before
