"""Requests are counted by template, whatever is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import StreamingResponse

from ponteio.api.request_meter import RequestMeter
from ponteio.api.services import ApiServices
from ponteio.observe.counters import Counters

router = APIRouter(prefix="/api/things")


@router.get("/stream")
async def stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"part"

    return StreamingResponse(parts())


@router.get("/{name:path}/state")
async def state(name: str) -> str:
    return name


class Clock:
    """Each look is a second later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
async def client(counters: Counters) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(router)
    meter = RequestMeter(app, cast("ApiServices", SimpleNamespace(counters=counters)), Clock())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=meter), base_url="http://here") as opened:
        yield opened


async def test_templates_methods_and_classes_of_status(client: httpx2.AsyncClient, counters: Counters) -> None:
    await client.get("/api/things/loja-01/state")
    await client.get("/api/things/a/b/state")
    await client.post("/api/things/loja-01/state")
    await client.get("/nowhere/loja-01")
    await client.request("BREW", "/nowhere")
    counts = {kind: histogram.count for kind, histogram in counters.requests.items()}
    assert counts == {
        ("GET", "/api/things/{name}/state", "2xx"): 2,
        ("POST", "/api/things/{name}/state", "4xx"): 1,
        ("GET", "other", "4xx"): 1,
        ("other", "other", "4xx"): 1,
    }
    assert counters.requests["GET", "/api/things/{name}/state", "2xx"].sum == 2.0


async def test_a_stream_counts_once_when_it_begins(client: httpx2.AsyncClient, counters: Counters) -> None:
    assert (await client.get("/api/things/stream")).text == "partpartpart"
    (histogram,) = counters.requests.values()
    assert (histogram.count, histogram.sum) == (1, 1.0)


async def test_what_ends_without_an_answer_is_counted(counters: Counters) -> None:
    async def silent(*_: object) -> None:
        raise ConnectionError("the client is gone")

    meter = RequestMeter(silent, cast("ApiServices", SimpleNamespace(counters=counters)))
    with pytest.raises(ConnectionError):
        await meter({"type": "http", "method": "GET", "path": "/"}, silent, silent)  # type: ignore[arg-type]
    assert list(counters.requests) == [("GET", "other", "none")]


async def test_other_traffic_is_none_of_its_business(counters: Counters) -> None:
    passed: list[str] = []

    async def inner(scope: dict[str, str], *_: object) -> None:
        passed.append(scope["type"])

    meter = RequestMeter(inner, cast("ApiServices", SimpleNamespace(counters=counters)))  # type: ignore[arg-type]
    await meter({"type": "lifespan"}, inner, inner)  # type: ignore[arg-type]
    assert passed == ["lifespan"]
    assert counters.requests == {}
