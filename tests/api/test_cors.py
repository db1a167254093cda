"""Pages of other origins: who may call, and what they may read."""

from __future__ import annotations

from pathlib import Path

import httpx2
from tests.support.rest_client import RestDesk, code, rest_desk

GOOD, BAD = "https://app.example", "https://evil.example"


async def preflight(desk: RestDesk, origin: str, method: str = "DELETE", headers: str = "apikey") -> httpx2.Response:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    answer = await desk.client.options("/api/instances", headers={"Origin": origin, **asked})
    if answer.status_code >= 400:
        desk.check(answer)
    return answer


def allowed(answer: httpx2.Response) -> str | None:
    found: str | None = answer.headers.get("access-control-allow-origin")
    return found


async def test_pages_of_listed_origins_may_call_and_others_may_not(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, allowed_origins=[GOOD]) as desk:
        answer = await preflight(desk, GOOD)
        assert (answer.status_code, allowed(answer)) == (200, GOOD)
        assert "x-csrf-token" in answer.headers["access-control-allow-headers"].lower()
        assert answer.headers["x-content-type-options"] == "nosniff"
        for origin in (BAD, "null", "https://app.example.evil.example", "http://app.example", f"{GOOD}:8443"):
            refused = await preflight(desk, origin)
            assert (refused.status_code, code(refused), allowed(refused)) == (403, "origin_refused", None)
            assert "origin" in refused.headers["vary"].lower()
            assert allowed(await desk.acme.get("/api/instances", headers={"Origin": origin})) is None


async def test_a_method_or_header_that_is_not_offered_is_a_problem_document(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, allowed_origins=[GOOD]) as desk:
        for refused in (await preflight(desk, GOOD, method="TRACE"), await preflight(desk, GOOD, headers="x-other")):
            assert (refused.status_code, code(refused)) == (422, "invalid_request")
            assert allowed(refused) == GOOD


async def test_a_listed_page_may_read_every_refusal(tmp_path: Path) -> None:
    web = {"requests_per_address": 5}
    async with rest_desk(tmp_path, instances=3, started=False, allowed_origins=[GOOD], web=web) as desk:
        page = {"Origin": GOOD}
        answers = [
            await desk.acme.get("/api/instances/nobody", headers=page),
            await desk.nobody.get("/api/instances", headers=page),
            await desk.nobody.get("/nope", headers=page),
            await desk.acme.post("/api/instances", headers={**page, "content-length": "9999999"}),
        ]

        async def broken(_scope: object) -> None:
            raise RuntimeError("canary")

        desk.house.log.head = broken  # type: ignore[method-assign,assignment]
        answers.append(await desk.acme.get("/api/websocket/status", headers=page))
        answers.append(await desk.acme.get("/api/instances", headers=page))
        assert [answer.status_code for answer in answers] == [404, 401, 404, 413, 500, 429]
        for answer in answers:
            assert allowed(answer) == GOOD
            assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_everybody_may_be_let_in_but_never_with_a_cookie(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False, allowed_origins=["*"]) as desk:
        for answer in (
            await preflight(desk, BAD),
            await preflight(desk, "null"),
            await desk.acme.get("/api/instances", headers={"Origin": BAD}),
            await desk.acme.get("/api/instances", headers={"Origin": BAD, "Cookie": "ponteio=x"}),
        ):
            assert allowed(answer) == "*"
            assert "access-control-allow-credentials" not in answer.headers


async def test_without_listed_origins_no_page_of_another_origin_may_call(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        answer = await desk.acme.get("/api/instances", headers={"Origin": GOOD})
        refused = await preflight(desk, GOOD)
        assert (refused.status_code, code(refused)) == (405, "method_not_allowed")
        for each in (answer, refused):
            assert not [name for name in each.headers if name.startswith("access-control")]
