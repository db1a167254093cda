"""Who answers, whose key it is, and which instance: what a REST answer is taken for."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from tests.support.diagnosis_rig import Answer, always, answering, broken, said

from ponteio.model.diagnosis import Asked, Language
from ponteio.upstream import diagnosis_server as rest


def evolutions(status: int, message: object) -> dict[str, Any]:
    return {"json": {"status": status, "error": "x", "response": {"message": message}}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (always(200, json={"version": "2.3.7"}), "ok:answers"),
        (always(503, json={"code": "LICENSE_REQUIRED"}), "ok:answers"),
        (always(500, **evolutions(500, ["Not allowed by CORS"])), "ok:answers"),
        (always(404, **evolutions(404, ["Cannot GET /x"])), "fail:stranger"),
        (always(200, html="<html>"), "fail:html"),
        (always(404, html="<html>"), "fail:html"),
        (always(502, html="<html>"), "fail:proxy_error"),
        (always(503, json={}), "fail:proxy_error"),
        (always(200, json=[]), "fail:stranger"),
        (always(200, content=b""), "fail:stranger"),
        (always(301, headers={"location": "https://evo/"}), "fail:redirect_https"),
        (always(302, headers={"location": "http://other/"}), "fail:redirect"),
        (always(307), "fail:redirect"),
        (broken(httpx2.ReadError("x")), "fail:broken"),
        (broken(httpx2.RemoteProtocolError("odd")), "fail:not_http"),
        (broken(httpx2.ReadTimeout("x")), "fail:frozen"),
    ],
)
async def test_who_answers(answer: Answer, expected: str) -> None:
    async with answering(answer) as walk:
        found = await rest.server(walk)
    assert said(found) == expected
    assert "other" not in found.told(Language.EN).evidence


async def test_a_start_page_that_hangs_hides_no_server() -> None:
    """Evolution's start page waits for WhatsApp's site, which a closed network never reaches."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/":
            raise httpx2.ReadTimeout("x")
        return httpx2.Response(400, json={"code": 0})

    async with answering(answer) as walk:
        assert said(await rest.server(walk)) == "ok:start_page_hangs"
        assert said(await rest.version(walk)) == "skipped:untold"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"version": "2.3.7"}, "ok:good"),
        ({"version": "2.3.2"}, "ok:other"),
        ({"version": "2.4.0-rc2"}, "ok:other"),
        ({"version": "2.3.1"}, "warn:checks_no_keys"),
        ({"version": "1.8.2"}, "warn:checks_no_keys"),
        ({"version": "next"}, "skipped:untold"),
        ([], "skipped:untold"),
    ],
)
async def test_versions(body: object, expected: str) -> None:
    async with answering(always(200, json=body)) as walk:
        await rest.server(walk)
        assert said(await rest.version(walk)) == expected


async def test_a_licence_that_is_wanted() -> None:
    async with answering(always(503, json={"code": "LICENSE_REQUIRED"})) as walk:
        await rest.server(walk)
        assert said(await rest.version(walk)) == "fail:licence"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (always(404, **evolutions(404, ["not found"])), "ok:global"),
        (always(200, json=[]), "ok:global"),
        (always(401, **evolutions(401, "Unauthorized")), "fail:wrong"),
        (always(500, **evolutions(500, ["Not allowed by CORS"])), "fail:cors"),
        (always(500, **evolutions(500, "prisma")), "fail:failed"),
        (always(404, html="<html>"), "fail:failed"),
        (always(200, json=[{"name": "other"}]), "fail:failed"),
    ],
)
async def test_keys(answer: Answer, expected: str) -> None:
    async with answering(answer) as walk:
        assert said(await rest.key(walk)) == expected


@pytest.mark.parametrize(
    ("rows", "state", "expected"),
    [
        (always(200, json=[{"name": "a", "integration": "EVOLUTION"}]), {"instance": {"state": "open"}}, "ok:open"),
        (always(200, json=[{"name": "a"}]), {"instance": {"state": "close"}}, "warn:not_open"),
        (always(200, json=[{"name": "a"}]), {"instance": {}}, "warn:not_open"),
        (always(200, json=[{"name": "a"}]), [], "warn:not_open"),
        (always(200, json=[{"name": "A"}]), {}, "fail:absent"),
        (always(404, **evolutions(404, [])), {}, "fail:absent"),
        (always(500, **evolutions(500, [])), {}, "fail:failed"),
    ],
)
async def test_instances(rows: Answer, state: object, expected: str) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/instance/connectionState/"):
            return httpx2.Response(200, json=state)
        return rows(request)

    async with answering(answer) as walk:
        assert said(await rest.instance(walk)) == expected


@pytest.mark.parametrize(
    ("asked", "own", "near"),
    [
        ("Loja-01", ["loja-01", "matriz"], "loja-01"),
        ("loja01", ["loja-01"], "loja-01"),
        ("loja-01 ", ["loja-01"], "loja-01"),
        ("xyz", ["loja-01"], ""),
        ("loja-01", ["loja-01"], ""),
    ],
)
async def test_near_names(asked: str, own: list[str], near: str) -> None:
    async with answering(always(404, **evolutions(404, [])), asked) as walk:
        walk.asked = Asked(asked, own)
        found = await rest.instance(walk)
    assert found.values["near"] == near
    assert ("instance.near" in found.evidence) is bool(near)
