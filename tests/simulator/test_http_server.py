from __future__ import annotations

import asyncio
import signal

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
