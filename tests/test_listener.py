"""The HTTP server inside our own loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ponteio.listener import Listener, ListenerError, bind


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _port(listener: Listener) -> int:
    return int(listener.url.rsplit(":", 1)[1])


async def _status(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.split(b"\r\n", 1)[0]


async def test_opens_answers_and_closes() -> None:
    listener = Listener(_app, bind("127.0.0.1", 0), {"ws": "none"})
    await listener.open()
    assert b"204" in await _status(_port(listener))
    port = _port(listener)
    await listener.close()
    await listener.close()
    with pytest.raises(ConnectionRefusedError):
        await _status(port)


async def test_taken_port_is_said_by_name() -> None:
    with bind("127.0.0.1", 0) as holder:
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ListenerError, match=str(port)):
            bind("127.0.0.1", port)


def test_unknown_host_is_refused() -> None:
    with pytest.raises(ListenerError):
        bind("no.such.host.invalid", 0)
