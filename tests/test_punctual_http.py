"""Clients that are late, over real sockets; those that are merely slow are served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from ponteio.listener import Listener, bind
from ponteio.punctual_http import Deadlines, PunctualHttp

SHORT = Deadlines(begin_s=1.0, head_s=1.0, body_s=2.5, goodbye_s=1.0, taken_s=2.0, taken_bytes=32 * 1024)
LET_GO_S = 15.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD_OF_POST = b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


class Hurried(PunctualHttp):
    deadlines = SHORT


class App:
    """`/late` answers after 3 s, `/stream` says a little every 0.3 s for 4 s, `/flood` never stops, `/unread` answers
    without looking at the body, `/large` with 16 MiB at once; all others when the body is there.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/late":
            await asyncio.sleep(3)
        elif path not in ("/unread", "/flood"):
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] == "http.disconnect":
                return
        close = [(b"connection", b"close")] if path == "/large" else []
        await send({"type": "http.response.start", "status": 200, "headers": close})
        if path == "/stream":
            for _ in range(13):
                await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
                await asyncio.sleep(0.3)
        while path == "/flood":
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            if (await asyncio.wait_for(_peek(receive), 60))["type"] == "http.disconnect":
                return
        body = b"x" * 16 * 1024 * 1024 if path == "/large" else b"done"
        await send({"type": "http.response.body", "body": body})


async def _peek(receive: Any) -> Any:
    try:
        return await asyncio.wait_for(receive(), 0.001)
    except TimeoutError:
        return {"type": "nothing"}


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    opened = Listener(App(), bind("127.0.0.1", 0), {"ws": "none", "http": Hurried})
    await opened.open()
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def connected(listener: Listener) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = urlsplit(listener.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


class Ear(asyncio.Protocol):
    """Keeps what was heard, also when the connection ends with a reset."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over.set()


async def until_let_go(listener: Listener, first: bytes, then: bytes | None = None) -> bytes:
    """What a client hears until it is let go that says `first` at once, and `then` again and again."""
    where = urlsplit(listener.url)
    transport, ear = await asyncio.get_running_loop().create_connection(Ear, "127.0.0.1", where.port or 0)
    try:
        transport.write(first)
        async with asyncio.timeout(LET_GO_S):
            while then and not ear.is_over.is_set():
                await asyncio.sleep(0.1)
                transport.write(then)
            await ear.is_over.wait()
    finally:
        transport.abort()
    return ear.heard


LATE = {
    "nothing at all": (b"", None, b""),
    "empty lines": (b"", b"\r\n", b""),
    "half a head": (b"GET / HTTP/1.1\r\nHost: x\r\n", None, b"408"),
    "a head, letter by letter": (b"GET / HTTP/1.1\r\nX: ", b"x", b"408"),
    "header after header": (b"GET / HTTP/1.1\r\n", b"X: x\r\n", b"408"),
    "a body that does not come": (HEAD_OF_POST % b"", None, b"408"),
    "a body in endless chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
        b"408",
    ),
}


async def test_who_is_late_is_let_go(listener: Listener) -> None:
    heard = await asyncio.gather(*(until_let_go(listener, first, then) for first, then, _ in LATE.values()))
    for (kind, (_, _, said)), words in zip(LATE.items(), heard, strict=True):
        assert words == b"" if not said else words.startswith(b"HTTP/1.1 " + said), kind


SECOND = {
    "nothing": (b"", None, False),
    "empty lines": (b"", b"\r\n", False),
    "half a head": (b"GET / HTTP/1.1\r\n", b"X: x\r\n", True),
}


async def test_a_second_request_is_owed_as_the_first(listener: Listener) -> None:
    heard = await asyncio.gather(*(until_let_go(listener, GET + second, then) for second, then, _ in SECOND.values()))
    for (kind, (_, _, is_told)), words in zip(SECOND.items(), heard, strict=True):
        assert words.startswith(b"HTTP/1.1 200"), kind
        assert (b"408" in words) == is_told, kind


async def test_a_body_that_nobody_waits_for_is_let_go_without_another_answer(listener: Listener) -> None:
    heard = await until_let_go(listener, HEAD_OF_POST % b"unread", None)
    assert heard.count(b"HTTP/1.1") == 1
    assert heard.startswith(b"HTTP/1.1 200")


async def test_a_slow_body_within_its_time_is_taken(listener: Listener) -> None:
    async with connected(listener) as (reader, writer):
        writer.write(HEAD_OF_POST % b"")
        for _ in range(10):
            await asyncio.sleep(0.12)
            writer.write(b"x")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_who_waits_for_us_is_not_late(listener: Listener) -> None:
    """A poll, a stream, and what is asked meanwhile."""

    async def waits(path: bytes, next_one: bytes) -> bytes:
        async with connected(listener) as (reader, writer), asyncio.timeout(10):
            writer.write(GET.replace(b"/ ", path + b" ", 1) + next_one)
            return await reader.readuntil(b"done")

    paths, nexts = (b"/late", b"/stream"), (b"", b"GET / HT", GET)
    for heard in await asyncio.gather(*(waits(path, next_one) for path in paths for next_one in nexts)):
        assert heard.startswith(b"HTTP/1.1 200")


async def test_who_reads_nothing_of_an_endless_answer_is_let_go(listener: Listener) -> None:
    async with connected(listener) as (_, writer):
        writer.write(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(LET_GO_S):
            while not listener.server_state.connections:
                await asyncio.sleep(0.01)
            while listener.server_state.connections:
                await asyncio.sleep(0.05)


async def test_who_reads_slowly_is_served(listener: Listener) -> None:
    async with connected(listener) as (reader, writer):
        writer.write(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        taken = 0
        for _ in range(30):
            taken += len(await reader.readexactly(256 * 1024))
            await asyncio.sleep(0.1)
        assert taken == 30 * 256 * 1024


async def test_who_does_not_take_the_last_answer_is_let_go(listener: Listener) -> None:
    async with connected(listener) as (_, writer):
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(LET_GO_S):
            while not listener.server_state.connections:
                await asyncio.sleep(0.01)
            while listener.server_state.connections:
                await asyncio.sleep(0.05)
