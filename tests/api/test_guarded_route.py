"""Who is there is asked before a body is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from tests.support.rest_client import Caller, code, rest_desk
from tests.support.tenant_desk import tenant_desk

from ponteio.api.authentication import authenticate
from ponteio.api.guarded_route import GuardedRoute, calls_of
from ponteio.api.middleware import STRANGERS_BODY
from ponteio.model.rights import Role

JSON = {"content-type": "application/json"}
UNREADABLE = (b"{", b"[" * 100_000, b'{"name":"\xff"}', b"NaN")


def routes(app: Any) -> Iterator[APIRoute]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router)


async def test_every_route_that_asks_who_is_there_asks_first(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        asking = [route for route in routes(desk.app) if authenticate in calls_of(route.dependant)]
        assert len(asking) > 50
        assert [route.path for route in asking if not isinstance(route, GuardedRoute)] == []


class Upload:
    """A body that tells whether anybody began to read it."""

    def __init__(self) -> None:
        self.is_read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.is_read = True
        yield b"{}"


async def test_a_stranger_s_body_is_not_read(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for caller, expected in ((desk.nobody, 401), (Caller(desk, "pnt_" + "A" * 43), 401), (desk.acme, 422)):
            upload = Upload()
            answer = await caller.post("/api/instances", content=upload, headers=JSON)
            assert answer.status_code == expected
            assert upload.is_read is (expected == 422)


async def test_a_missing_right_comes_before_a_body_that_cannot_be_read(tmp_path: Path) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        viewer, admin = here.acme.people[Role.VIEWER].caller, here.acme.people[Role.ADMIN].caller
        for body in UNREADABLE:
            for path, caller, expected in (
                ("/api/keys", here.desk.nobody, "auth_required"),
                ("/api/keys", viewer, "forbidden"),
                ("/api/keys", admin, "invalid_request"),
                ("/api/organizations", admin, "operator_only"),
                ("/api/account", here.desk.acme, "forbidden"),
                ("/api/session", here.desk.nobody, "invalid_request" if len(body) <= STRANGERS_BODY else "too_large"),
            ):
                method = "PATCH" if path == "/api/account" else "POST"
                answer = await caller.call(method, path, content=body, headers=JSON)
                assert code(answer) == expected, (path, body[:20])


async def test_a_cookie_without_its_csrf_token_comes_first_too(tmp_path: Path) -> None:
    async with tenant_desk(tmp_path, started=False) as here:
        headers = {**JSON, "X-CSRF-Token": "wrong"}
        answer = await here.acme.people[Role.ADMIN].caller.post("/api/keys", content=b"{", headers=headers)
        assert code(answer) == "csrf_failed"


async def test_each_request_is_counted_once(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        before = await desk.acme.get("/api/instances")
        after = await desk.acme.get("/api/instances")
        left = [int(answer.headers["ratelimit"].split("r=")[1].split(";")[0]) for answer in (before, after)]
        assert left[0] - left[1] == 1
