"""The limits and the last door, on bare ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from tests.support.rest_client import code, rest_desk

from ponteio.api.middleware import MAX_BODY, BodyLimit, LastResort


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


async def test_what_is_not_http_passes_unchanged() -> None:
    seen: list[str] = []

    async def app(inner: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(inner["type"])

    await BodyLimit(LastResort(app))(scope("lifespan"), nothing, Sent())
    await LastResort(BodyLimit(app))(scope("websocket"), nothing, Sent())
    assert seen == ["lifespan", "websocket"]


async def test_a_fault_before_the_answer_is_an_internal_problem() -> None:
    async def app(*_arguments: Any) -> None:
        raise RuntimeError("canary")

    sent = Sent()
    await LastResort(app)(scope(), nothing, sent)
    assert sent[0]["status"] == 500
    assert (b"cache-control", b"no-store") in sent[0]["headers"]
    assert b"canary" not in sent[1]["body"]


async def test_a_fault_within_the_answer_is_not_answered_twice() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("late")

    sent = Sent()
    await LastResort(app)(scope(), nothing, sent)
    assert [message["type"] for message in sent] == ["http.response.start"]
