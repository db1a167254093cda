from __future__ import annotations

import asyncio

import pytest
from tests.support.simulator import running_simulator

from ponteio.simulator.life import reserve_port


async def test_a_reserved_port_refuses_until_somebody_listens_and_stays_reserved_after() -> None:
    holder = reserve_port("127.0.0.1", 0)
    port = holder.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        listener = reserve_port("127.0.0.1", port)
        listener.listen()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
    holder.close()


async def test_the_port_refuses_while_the_process_is_down() -> None:
    async with running_simulator(instances=0) as simulator:
        await simulator.go_down()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", simulator.port)
        await simulator.come_up()
        _, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.close()


async def test_a_frozen_process_still_accepts_connections_and_can_be_killed() -> None:
    async with running_simulator(instances=0) as simulator:
        simulator.freeze()
        _, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        await simulator.restart(0)
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_port_that_cannot_be_listened_on_is_the_callers_error() -> None:
    holder = reserve_port("127.0.0.1", 0)
    holder.listen()
    with pytest.raises(OSError, match="in use"):
        reserve_port("127.0.0.1", holder.getsockname()[1])
    holder.close()
