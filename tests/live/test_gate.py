from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.live.conftest import QUICK
from tests.live.raw_clients import PATH, raw_polling, raw_websocket
from tests.support.gateway_edge import GatewayEdge, gateway_edge

from ponteio.live import gate
from ponteio.live.gate import is_origin_allowed
from ponteio.storage.database import Database


@asynccontextmanager
async def request(method: str, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
    async with aiohttp.ClientSession() as http, http.request(method, url, **options) as response:
        yield response


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "verdict"),
    [
        ("http://here.example:3001", "here.example:3001", (), True),
        ("https://Here.example", "here.EXAMPLE", (), True),
        ("https://app.example", "here.example", ("https://app.example",), True),
        ("https://evil.example", "here.example", ("https://app.example",), False),
        ("https://evil.example", "here.example", ("*",), True),
        ("null", "here.example", (), False),
        ("null", "null", (), False),
        ("https://here.example.evil.example", "here.example", (), False),
        ("https://here.example:1", "here.example", (), False),
        ("http://evil.example://here.example", "here.example", (), False),
        ("file://here.example", "here.example", (), False),
        ("https://app.example", None, (), False),
    ],
)
def test_origins(origin: str, host: str | None, allowed: tuple[str, ...], verdict: bool) -> None:
    assert is_origin_allowed(origin, host, allowed) is verdict


async def test_other_paths_are_passed_on_untouched(gateway: GatewayEdge) -> None:
    for path in ("/", "/api/x", "/socket.iox/", "/socket.io/more"):
        async with request("GET", gateway.url + path) as response:
            assert (response.status, await response.text()) == (404, "other")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_page_of_a_foreign_origin_is_refused_before_anything_else(gateway: GatewayEdge, transport: str) -> None:
    headers = {"Origin": "https://evil.example"}
    if transport == "websocket":
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with raw_websocket(gateway.url, **headers):
                pass
        assert caught.value.status == 403
    else:
        async with request("GET", f"{gateway.url}{PATH}polling", headers=headers) as response:
            assert response.status == 403
            assert (await response.json(content_type=None))["code"] == "origin_refused"
            assert "Access-Control-Allow-Origin" not in response.headers
    assert gateway.counters.refused["origin_refused"] == 1
    assert not gateway.leftovers()


async def test_our_own_page_may_connect_and_a_client_without_origin_too(gateway: GatewayEdge) -> None:
    async with raw_websocket(gateway.url, Origin=gateway.url) as client:
        assert (await client.connect(gateway.tokens["acme"]))["resumed"] is False
    async with raw_websocket(gateway.url) as client:
        assert (await client.connect(gateway.tokens["acme"]))["resumed"] is False


async def test_an_allowed_origin_gets_its_cors_headers(sqlite_database: Database) -> None:
    from dataclasses import replace

    options = replace(QUICK, allowed_origins=("https://app.example",))
    async with gateway_edge(sqlite_database, options) as gateway:
        headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
        for method in ("OPTIONS", "GET"):
            async with request(method, f"{gateway.url}{PATH}polling", headers=headers) as response:
                assert response.status == 200
                assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
                assert "Access-Control-Allow-Credentials" not in response.headers


async def test_two_origins_are_none(gateway: GatewayEdge) -> None:
    headers = [("Origin", gateway.url), ("Origin", gateway.url)]
    async with request("GET", f"{gateway.url}{PATH}polling", headers=headers) as response:
        assert response.status == 403


@pytest.mark.parametrize(
    ("method", "query", "status"),
    [
        ("GET", "EIO=4&transport=polling&j=0", 422),
        ("GET", "EIO=4&transport=websocket", 422),
        ("GET", "EIO=4&transport=smoke", 422),
        ("PUT", "EIO=4&transport=polling", 405),
        ("DELETE", "EIO=4&transport=polling", 405),
        ("GET", "EIO=3&transport=polling", 400),
        ("GET", "EIO=4&transport=polling&sid=unknown", 400),
        ("GET", "%ff=%ff&EIO=4&transport=polling&sid=%ff", 400),
        ("POST", "EIO=4&transport=polling&sid=unknown", 400),
    ],
)
async def test_requests_of_a_wrong_shape_are_answered_and_leave_nothing(
    gateway: GatewayEdge, method: str, query: str, status: int
) -> None:
    data = b"40" if method == "POST" else None
    async with request(method, f"{gateway.url}/socket.io/?{query}", data=data) as response:
        assert response.status == status
    assert not gateway.leftovers()


async def test_jsonp_over_a_websocket_is_refused_too(gateway: GatewayEdge) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect(f"{gateway.url}{PATH}websocket&j=1")
    assert caught.value.status == 422


async def test_a_body_beyond_the_limit_is_refused_with_and_without_a_length(gateway: GatewayEdge) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 1024

    async with raw_polling(gateway.url) as client:
        async with client.http.post(client.address, data=b"x" * (16 * 1024 + 1)) as response:
            assert response.status == 413
        async with client.http.post(client.address, data=pieces()) as response:
            assert response.status == 422
        assert await client.post("40") == 200


async def test_a_body_that_never_arrives_is_given_up(gateway: GatewayEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setattr(gate, "BODY_S", 0.1)
    async with raw_polling(gateway.url) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        path = client.address.removeprefix(gateway.url)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n40".encode())
        assert b" 422 " in await reader.readline()
        writer.close()
        half, gone = await asyncio.open_connection("127.0.0.1", gateway.port)
        gone.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n40".encode())
        gone.close()
        assert await half.read() == b""
        assert await client.post("40") == 200


async def test_a_full_process_takes_no_new_session_but_serves_those_it_has(sqlite_database: Database) -> None:
    from dataclasses import replace

    async with gateway_edge(sqlite_database, replace(QUICK, sockets_per_process=1)) as gateway:
        async with raw_polling(gateway.url) as client:
            async with request("GET", f"{gateway.url}{PATH}polling") as response:
                assert response.status == 429
                assert response.headers["Retry-After"] == "5"
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with raw_websocket(gateway.url):
                    pass
            assert caught.value.status == 429
            assert await client.post("40") == 200
        assert gateway.counters.refused["too_many_sockets"] == 2
        await gateway.is_empty()
        async with raw_websocket(gateway.url) as after:
            assert await after.connect(gateway.tokens["acme"])
