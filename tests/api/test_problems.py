"""Every refusal, the framework's own included, is a problem document that repeats nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import structlog
from tests.support.rest_client import RestDesk, code, rest_desk

from ponteio.api.problems import Problem, errors, internal_problem, problem
from ponteio.model import outcome
from ponteio.model.outcome import CATALOGUE, Outcome, RefusalError
from ponteio.storage.errors import StorageUnavailableError, StorageValueError


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[RestDesk]:
    async with rest_desk(tmp_path, instances=3, started=False) as opened:
        yield opened


async def test_addresses_and_methods_that_are_not_there(desk: RestDesk) -> None:
    for method, path, status, expected in (
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("PUT", "/api/instances", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/api/websocket/connect/all", 405, "method_not_allowed"),
        ("PATCH", "/api/instances/loja-01", 405, "method_not_allowed"),
    ):
        answer = await desk.acme.call(method, path)
        assert (answer.status_code, code(answer)) == (status, expected), path
    assert "allow" in (await desk.acme.call("PUT", "/healthz")).headers


async def test_a_value_that_no_database_keeps_is_the_caller_s_fault(desk: RestDesk) -> None:
    async def refuses(_scope: Any) -> None:
        raise StorageValueError("canary-value")

    desk.house.log.head = refuses  # type: ignore[method-assign,assignment]
    answer = await desk.acme.get("/api/websocket/status")
    assert (answer.status_code, code(answer)) == (422, "invalid_request")
    assert "canary" not in answer.text


UNREADABLE = {
    "broken": b"{canary-body",
    "deep": b"[" * 100_000,
    "deep objects": b'{"name":' * 50_000 + b"1" + b"}" * 50_000,
    "not UTF-8": b'{"name":"\xff\xfe"}',
    "NUL": b"\x00",
    "infinite": b'{"name": 1e999}',
    "lone surrogate": b'{"name":"\\ud800"}',
    "NaN": b"NaN",
}


async def test_bodies_that_cannot_be_read(desk: RestDesk) -> None:
    for fault, body in UNREADABLE.items():
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"):
            answer = await desk.acme.post("/api/instances", content=body, headers={"content-type": kind})
            assert answer.status_code == 422, (fault, kind)
            assert code(answer) in ("invalid_request", "invalid_name")
            assert "canary-body" not in answer.text
    assert len(desk.house.simulator.world) == 3


async def test_what_was_wrong_is_named_without_its_value(desk: RestDesk) -> None:
    """I5: a value may be a secret that landed in the wrong member."""
    body = {"name": 5, "number": "canary-value", "canary-member": 1, "integration": "canary-choice"}
    detail = (await desk.acme.post("/api/instances", json=body)).json()["detail"]
    assert "canary" not in detail
    assert "body.name" in detail
    assert "a member that is not taken here" in detail
    detail = (await desk.acme.get("/api/events?limit=canary&canary=1")).json()["detail"]
    assert "canary" not in detail


async def test_a_fault_of_our_own_tells_nothing_and_can_be_found_in_the_log(desk: RestDesk) -> None:
    async def broken(_scope: Any) -> None:
        raise RuntimeError("canary-fault")

    desk.house.log.head = broken  # type: ignore[method-assign,assignment]
    with structlog.testing.capture_logs() as lines:
        answer = await desk.acme.get("/api/websocket/status")
    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "canary" not in answer.text
    assert answer.json()["instance"].startswith("urn:uuid:")
    (line,) = [line for line in lines if line.get("reason") == answer.json()["instance"]]
    assert line["error"] == "RuntimeError"
    assert "in broken" in line["exception"]


async def test_a_database_that_is_away_is_not_ready(desk: RestDesk) -> None:
    async def away(_scope: Any) -> None:
        raise StorageUnavailableError("canary-database")

    desk.house.log.head = away  # type: ignore[method-assign,assignment]
    answer = await desk.acme.get("/api/websocket/status")
    assert (answer.status_code, code(answer)) == (503, "not_ready")
    assert "canary" not in answer.text


@pytest.mark.parametrize("named", CATALOGUE.values(), ids=lambda named: named.code)
def test_each_outcome_is_a_whole_document(named: Outcome) -> None:
    answer = problem(named, extra={"code": "fake", "status": 1, "more": 2})
    document = orjson.loads(answer.body)
    assert answer.status_code == named.status
    assert answer.media_type == "application/problem+json"
    assert Problem.model_validate(document).code == named.code
    assert (document["status"], document["more"], document["retry"]) == (named.status, 2, named.retry)


def test_an_internal_problem_has_nothing_of_the_fault() -> None:
    assert b"canary" not in internal_problem(ValueError("canary")).body


def test_errors_of_a_route_are_grouped_by_status() -> None:
    described = errors(outcome.AUTH_INVALID, outcome.AUTH_REQUIRED, outcome.NOT_FOUND)
    assert list(described) == [401, 404]
    assert described[401]["description"] == "auth_invalid, auth_required"


async def test_extra_members_are_shown(desk: RestDesk) -> None:
    async def refuse(_scope: Any) -> None:
        raise RefusalError(outcome.UPSTREAM_REFUSED, "why", {"upstream_status": 400})

    desk.house.log.head = refuse  # type: ignore[method-assign,assignment]
    answer: httpx2.Response = await desk.acme.get("/api/websocket/status")
    assert (answer.json()["detail"], answer.json()["upstream_status"]) == ("why", 400)
