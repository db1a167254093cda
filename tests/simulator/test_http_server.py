from __future__ import annotations

import asyncio
import signal
import socket

import pytest
from tests.support.simulator import raw_client, running_simulator, until

from ponteio.simulator.http_server import HttpServer
from ponteio.simulator.life import reserve_port


async def test_the_hosts_signal_handlers_are_left_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with running_simulator(instances=0):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_killed_server_cuts_without_a_close_frame() -> None:
    async with running_simulator(instances=0) as simulator, raw_client(simulator) as client:
        await client.join()
        await simulator.go_down()
        await until(lambda: client.is_closed)
        assert client.close_code == 1006


async def test_what_the_app_cannot_finish_is_ended_by_a_kill() -> None:
    cancelled = asyncio.Event()

    async def stubborn(_scope: object, _receive: object, _send: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    listener = reserve_port("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.setblocking(False)
    server = HttpServer(stubborn)
    await server.start(listener)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await until(lambda: server.request_count() == 1)
    await server.kill(settle_s=0.01)
    await until(cancelled.is_set)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()


async def test_a_reader_that_stalls_is_cut_with_all_that_waits_for_it() -> None:
    async with running_simulator(instances=2) as simulator:
        loop, stalled = asyncio.get_running_loop(), socket.socket()
        stalled.setblocking(False)
        await loop.sock_connect(stalled, ("127.0.0.1", simulator.port))
        await loop.sock_sendall(
            stalled,
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
            b"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        assert (await loop.sock_recv(stalled, 4096)).startswith(b"HTTP/1.1 101")
        await loop.sock_sendall(stalled, masked(b"40"))
        await until(lambda: simulator.summary()["sessions"] == 1)
        await until(lambda: simulator.emit_raw(['2["wake"]']) == 1)
        simulator.emit_big("loja-02", megabytes=20)
        assert simulator._life is not None
        (connection,) = simulator._life.http._connections()
        await until(lambda: connection.transport.get_write_buffer_size() > 1_000_000)
        assert simulator.drop() == 1
        await until(lambda: simulator.summary()["sessions"] == 0)
        stalled.close()


def masked(text: bytes) -> bytes:
    """A client's text frame, masked with zeros."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
