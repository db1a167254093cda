from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from tests.live.conftest import QUICK
from tests.live.raw_clients import PATH, raw_polling, raw_websocket
from tests.support.gateway_edge import GatewayEdge, gateway_edge

from ponteio.live import gate
from ponteio.storage.database import Database


@asynccontextmanager
async def request(method: str, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
    async with aiohttp.ClientSession() as http, http.request(method, url, **options) as response:
        yield response


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
    options = replace(QUICK, allowed_origins=("https://app.example",))
    async with gateway_edge(sqlite_database, options) as gateway:
        headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
        for method in ("OPTIONS", "GET"):
            async with request(method, f"{gateway.url}{PATH}polling", headers=headers) as response:
                assert response.status == 200
                assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
                assert response.headers["Access-Control-Allow-Credentials"] == "true"


async def test_a_star_lets_every_page_read_what_it_asked_for_without_a_cookie(sqlite_database: Database) -> None:
    async with gateway_edge(sqlite_database, replace(QUICK, allowed_origins=("*",))) as gateway:
        headers = {"Origin": "https://anybody.example"}
        async with request("GET", f"{gateway.url}{PATH}polling", headers=headers) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == "https://anybody.example"
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
        for _ in range(10):
            yield b"x" * 1024

    async with raw_polling(gateway.url) as client:
        async with client.http.post(client.address, data=b"x" * (4 * 1024 + 1)) as response:
            assert response.status == 413
        async with client.http.post(client.address, data=pieces()) as response:
            assert response.status == 422
        assert await client.post("40") == 200


async def test_a_body_that_never_arrives_is_given_up(gateway: GatewayEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_S", 0.1)
    async with raw_polling(gateway.url) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        path = client.address.removeprefix(gateway.url)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n40".encode())
        assert b" 422 " in await reader.readline()
        writer.close()
        half, gone = await asyncio.open_connection("127.0.0.1", gateway.port)
        gone.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n40".encode())
        gone.close()
        assert await half.read() == b""
        assert await client.post("40") == 200


async def test_a_full_process_takes_no_new_session_but_serves_those_it_has(sqlite_database: Database) -> None:
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


async def raw_request(gateway: GatewayEdge, text: str) -> bytes:
    """The answer to a request that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(1_024), 5)
    writer.close()
    return answer


REQUESTS = {
    "our own name": ("GET {path} HTTP/1.1\nHost: ponteio.example.com", 200),
    "an address": ("GET {path} HTTP/1.1\nHost: 127.0.0.1:{port}", 200),
    "a name of somebody else that leads here": ("GET {path} HTTP/1.1\nHost: rebind.evil.example:{port}", 421),
    "our name with a dot": ("GET {path} HTTP/1.1\nHost: ponteio.example.com.", 421),
    "ours after somebody else's": ("GET {path} HTTP/1.1\nHost: ponteio.example.com@evil.example", 421),
    "an empty name": ("GET {path} HTTP/1.1\nHost:", 421),
    "no name": ("GET {path} HTTP/1.1\nAccept: */*", 421),
    "no name in HTTP/1.0": ("GET {path} HTTP/1.0", 421),
    "two names": ("GET {path} HTTP/1.1\nHost: evil.example\nHost: ponteio.example.com", 421),
    "one name twice": ("GET {path} HTTP/1.1\nHost: ponteio.example.com\nHost: ponteio.example.com", 421),
    "two names in one": ("GET {path} HTTP/1.1\nHost: ponteio.example.com, evil.example", 421),
    "a letter of another alphabet": ("GET {path} HTTP/1.1\nHost: p\u043enteio.example.com", 421),
    "a whole address with a foreign Host": ("GET http://ponteio.example.com{path} HTTP/1.1\nHost: evil.example", 421),
    "a forwarded name": ("GET {path} HTTP/1.1\nHost: evil.example\nX-Forwarded-Host: ponteio.example.com", 421),
    "our own page": ("GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin: https://ponteio.example.com", 200),
    "a page of the address": ("GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin: http://127.0.0.1", 403),
    "a page of nobody": ("GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin: null", 403),
    "an empty origin": ("GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin:", 403),
    "our own page with a dot": ("GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin: https://ponteio.example.com.", 403),
    "a page with a user": ("GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin: https://u@ponteio.example.com", 403),
    "another port": ("GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin: https://ponteio.example.com:444", 403),
    "two origins": (
        "GET {path} HTTP/1.1\nHost: 127.0.0.1\nOrigin: https://ponteio.example.com\nOrigin: https://evil.example",
        403,
    ),
    "both wrong": ("GET {path} HTTP/1.1\nHost: evil.example\nOrigin: http://evil.example", 421),
}


async def test_by_which_names_and_from_which_pages_a_session_is_opened(sqlite_database: Database) -> None:
    options = replace(
        QUICK,
        own_origins=("https://ponteio.example.com",),
        allowed_hosts=("ponteio.example.com",),
        arrivals_per_s=1_000,
    )
    async with gateway_edge(sqlite_database, options) as gateway:
        for name, (text, status) in REQUESTS.items():
            asked = text.format(path=f"{PATH}polling", port=gateway.port)
            answer = await raw_request(gateway, asked)
            assert f" {status} ".encode() in answer.split(b"\r\n")[0], (name, answer)
            upgraded = await raw_request(
                gateway,
                asked.replace("transport=polling", "transport=websocket")
                + "\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13"
                + "\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            )
            assert (b" 101 " in upgraded.split(b"\r\n")[0]) is (status == 200), (name, upgraded)
        refused = [status for _, status in REQUESTS.values() if status != 200]
        assert gateway.counters.refused["host_refused"] >= refused.count(421)
        assert gateway.counters.refused["origin_refused"] >= refused.count(403)
        for session in list(gateway.edge._sessions._wheel):
            session.cut()
        await gateway.is_empty()


async def test_one_address_has_as_many_connections_as_stated(sqlite_database: Database) -> None:
    """Those that have not authenticated count: to wait costs nothing."""
    options = replace(QUICK, sockets_per_address=3, arrivals_per_s=1_000)
    async with gateway_edge(sqlite_database, options) as gateway:
        async with raw_polling(gateway.url), raw_websocket(gateway.url), raw_websocket(gateway.url) as member:
            await member.connect(gateway.tokens["acme"])
            async with request("GET", f"{gateway.url}{PATH}polling") as response:
                assert (response.status, (await response.json(content_type=None))["code"]) == (
                    429,
                    "too_many_address_sockets",
                )
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with raw_websocket(gateway.url):
                    pass
            assert caught.value.status == 429
        await gateway.is_empty()
        async with raw_websocket(gateway.url) as after:
            assert await after.connect(gateway.tokens["acme"])


async def test_who_comes_at_the_same_moment_is_counted_one_by_one(sqlite_database: Database) -> None:
    options = replace(QUICK, sockets_per_address=10, arrivals_per_s=1_000)
    async with gateway_edge(sqlite_database, options) as gateway, aiohttp.ClientSession() as http:

        async def come() -> int:
            async with http.get(f"{gateway.url}{PATH}polling") as response:
                return response.status

        verdicts = await asyncio.gather(*(come() for _ in range(60)))
        assert (verdicts.count(200), verdicts.count(429)) == (10, 50)


async def test_a_crowd_is_let_in_bit_by_bit(sqlite_database: Database) -> None:
    options = replace(QUICK, arrivals_per_s=5, sockets_per_address=1_000)
    async with gateway_edge(sqlite_database, options) as gateway:
        answers = []
        for _ in range(12):
            async with request("GET", f"{gateway.url}{PATH}polling") as response:
                answers.append((response.status, response.headers.get("Retry-After")))
        assert answers[:5] == [(200, None)] * 5
        assert (503, "5") in answers[5:]
        assert gateway.counters.refused["too_many_arrivals"] >= 5
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        while True:
            async with request("GET", f"{gateway.url}{PATH}polling") as response:
                if response.status == 200:
                    return
            assert loop.time() - began < 5
            await asyncio.sleep(0.05)
