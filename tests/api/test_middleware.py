"""What every request passes: limits, doors, and the headers that every answer has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.support.rest_client import RestDesk, code, rest_desk
from tests.support.route_rights import ANYBODY, routes_of

from ponteio.api.middleware import (
    MAX_BODY,
    STRANGERS_BODY,
    STRANGERS_PATHS,
    AddressLimit,
    BodyLimit,
    CommonHeaders,
    HostDoor,
    LastResort,
)
from ponteio.api.rate_limits import RateLimits


async def test_a_body_above_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for caller in (desk.nobody, desk.acme):
            for path in ("/api/instances", "/api/websocket/connect/all", "/healthz", "/nope"):
                answer = await caller.post(path, content=b"x" * (MAX_BODY + 1))
                assert (answer.status_code, code(answer)) == (413, "too_large"), path


async def test_a_body_that_grows_above_the_limit_is_refused_as_it_comes(tmp_path: Path) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 * MAX_BODY:
            sent += 65536
            yield b" " * 65536

    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        answer = await desk.acme.post("/api/instances", content=endless(), headers={"content-type": "application/json"})
        assert (answer.status_code, code(answer)) == (413, "too_large")
        assert sent < 3 * MAX_BODY


async def test_a_body_at_the_limit_is_read(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        body = b'{"name":"a"}'.ljust(MAX_BODY)
        answer = await desk.acme.post("/api/instances", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 201


async def test_an_odd_length_is_refused(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for length in ("-1", "1e3", "abc", "", "+5", "99999999999999999999"):
            answer = await desk.acme.post("/api/websocket/connect/all", headers={"content-length": length})
            assert answer.status_code == 413, length


def scope(kind: str = "http") -> Scope:
    return {"type": kind, "headers": [], "method": "GET", "path": "/"}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


class Sent(list[Message]):
    async def __call__(self, message: Message) -> None:
        self.append(message)


async def test_what_is_not_http_passes_unchanged(tmp_path: Path) -> None:
    seen: list[str] = []

    async def app(inner: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(inner["type"])

    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        inner = BodyLimit(AddressLimit(LastResort(app), desk.services, RateLimits()))
        for kind in ("lifespan", "websocket"):
            await CommonHeaders(HostDoor(inner, desk.services))(scope(kind), nothing, Sent())
    assert seen == ["lifespan", "websocket"]


async def test_a_fault_before_the_answer_is_an_internal_problem() -> None:
    async def app(*_arguments: Any) -> None:
        raise RuntimeError("canary")

    sent = Sent()
    await CommonHeaders(LastResort(app))(scope(), nothing, sent)
    assert sent[0]["status"] == 500
    assert (b"cache-control", b"no-store") in sent[0]["headers"]
    assert b"canary" not in sent[1]["body"]


async def test_an_answer_keeps_its_own_word_and_hears_everything_once() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        own = [(b"Cache-Control", b"max-age=60"), (b"x-frame-options", b"SAMEORIGIN")]
        await send({"type": "http.response.start", "status": 200, "headers": own})

    sent = Sent()
    await CommonHeaders(CommonHeaders(app))(scope(), nothing, sent)
    names = [name.lower() for name, _ in sent[0]["headers"]]
    assert len(names) == len(set(names))
    assert (b"Cache-Control", b"max-age=60") in sent[0]["headers"]
    assert (b"x-frame-options", b"SAMEORIGIN") in sent[0]["headers"]


async def test_a_fault_within_the_answer_is_not_answered_twice() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("late")

    sent = Sent()
    await LastResort(app)(scope(), nothing, sent)
    assert [message["type"] for message in sent] == ["http.response.start"]


CAREFUL = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


async def every_kind_of_answer(desk: RestDesk) -> dict[int, httpx2.Response]:
    async def broken(_scope: object) -> None:
        raise RuntimeError("canary")

    page = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answers = [
        await desk.acme.get("/api/instances"),
        await desk.nobody.get("/api/instances"),
        await desk.nobody.get("/openapi.json"),
        await desk.nobody.get("/healthz"),
        await desk.nobody.get("/nope"),
        await desk.acme.call("PUT", "/api/instances"),
        await desk.acme.post("/api/instances", json={}),
        await desk.acme.post("/api/instances", headers={"content-length": "-1"}),
        await desk.acme.get("/api/quarantine"),
        await desk.acme.get("/api/instances", headers={"host": "evil.example"}),
        await desk.client.options("/api/instances", headers=page),
        await desk.client.options("/api/instances", headers={**page, "Origin": "https://evil.example"}),
    ]
    desk.house.log.head = broken  # type: ignore[method-assign,assignment]
    answers.append(await desk.acme.get("/api/websocket/status"))
    found = {answer.status_code: answer for answer in answers}
    assert set(found) == {200, 401, 403, 404, 405, 413, 421, 422, 500}
    for answer in answers:
        assert {name: answer.headers.get(name) for name in CAREFUL} == CAREFUL, answer.url
        for name in (*CAREFUL, "content-security-policy", "permissions-policy"):
            assert len(answer.headers.get_list(name)) == 1, name
    return found


async def test_every_answer_tells_browsers_to_be_careful(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, allowed_origins=["https://app.example"]) as desk:
        for answer in (await every_kind_of_answer(desk)).values():
            policy = dict(
                part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";")
            )
            assert policy["script-src"] == "'self'"
            assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
            assert "strict-transport-security" not in answer.headers


async def test_with_https_browsers_are_told_to_stay_there(tmp_path: Path) -> None:
    web = {"public_url": "https://gateway"}
    async with rest_desk(
        tmp_path, instances=3, started=False, allowed_origins=["https://app.example"], web=web
    ) as desk:
        for answer in (await every_kind_of_answer(desk)).values():
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "host", ["evil.example", "gateway.evil.example", "evil.example:3001", "gateway@evil.example", "", "gateway, evil"]
)
async def test_a_name_of_somebody_else_reaches_nothing(tmp_path: Path, host: str) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for path in ("/api/instances", "/healthz", "/openapi.json", "/nope"):
            answer = await desk.acme.get(path, headers={"host": host})
            assert (answer.status_code, code(answer)) == (421, "host_refused"), path
        assert desk.house.counters.total("requests_refused.host_refused") == 4


async def test_no_host_and_two_hosts_are_refused(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for hosts in ([], [b"gateway", b"gateway"], [b"gateway", b"evil.example"]):
            sent = Sent()
            await desk.app({**scope(), "headers": [(b"host", host) for host in hosts]}, nothing, sent)
            assert sent[0]["status"] == 421


@pytest.mark.parametrize("host", ["gateway", "GATEWAY:8080", "localhost:3001", "127.0.0.1", "[::1]:3001", "10.0.0.7"])
async def test_our_own_names_and_addresses_reach_us(tmp_path: Path, host: str) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        assert (await desk.nobody.get("/healthz", headers={"host": host})).status_code == 200


async def test_where_anybody_may_ask_bodies_are_small(tmp_path: Path) -> None:
    """P5: what a stranger sends is refused before it is read, however many members it has."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        found = {route.path for route in routes_of(desk.app) if route.need == ANYBODY and route.body is not None}
        assert found == STRANGERS_PATHS
        for path in sorted(STRANGERS_PATHS):
            answer = await desk.nobody.post(path, content=b"{" + b" " * STRANGERS_BODY)
            assert (answer.status_code, code(answer)) == (413, "too_large"), path
