"""Calls of a running gateway, and of what is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ponteio.commands.gateway_call import GatewayCall
from ponteio.model.outcome import RefusalError


@asynccontextmanager
async def answering(status: str, body: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers everything alike, and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_the_key_goes_along_and_the_object_comes_back() -> None:
    async with answering("200 OK", b'{"events": 3}') as (url, asked), GatewayCall(f"{url}/", "pnt_a_key") as gateway:
        assert await gateway.get("/api/metrics?window=1h") == {"events": 3}
    assert asked[0].startswith(b"GET /api/metrics?window=1h HTTP/1.1\r\n")
    assert b"authorization: bearer pnt_a_key\r\n" in asked[0].lower()


@pytest.mark.parametrize(
    ("status", "body", "code", "detail"),
    [
        ("403 Forbidden", b'{"code": "operator_only", "detail": "This needs the operator."}', "operator_only", "needs"),
        ("404 Not Found", b'{"message": "no"}', "upstream_bad_answer", ""),
        ("502 Bad Gateway", b"<html>proxy</html>", "upstream_bad_answer", "not a gateway"),
        ("200 OK", b"[1]", "upstream_bad_answer", "not a gateway"),
    ],
)
async def test_refusals_keep_their_code_and_what_is_no_gateway_is_told(
    status: str, body: bytes, code: str, detail: str
) -> None:
    async with answering(status, body) as (url, _), GatewayCall(url, "pnt_a_key") as gateway:
        with pytest.raises(RefusalError) as refused:
            await gateway.get("/api/metrics")
    assert refused.value.outcome.code == code
    assert detail in refused.value.detail


async def test_nobody_there_is_told_in_the_words_of_a_gateway() -> None:
    async with GatewayCall("http://127.0.0.1:9", "pnt_a_key") as gateway:
        with pytest.raises(RefusalError) as refused:
            await gateway.get("/api/metrics")
    assert refused.value.outcome.code == "upstream_unreachable"
    assert "gateway" in refused.value.detail
    assert "Evolution" not in refused.value.detail
