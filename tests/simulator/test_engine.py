"""The Engine.IO side: what Node does and the library does not."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from tests.support.simulator import raw_client, running_simulator, until

from ponteio.simulator.engine import SharedPacket


async def test_open_tells_the_intervals_in_milliseconds_in_nodes_order() -> None:
    async with (
        running_simulator(instances=0, ping_interval_s=0.25, ping_timeout_s=1.5) as simulator,
        raw_client(simulator) as client,
    ):
        opened = json.loads((await client.frame(lambda frame: frame.startswith("0{")))[1:])
        del opened["sid"]
        assert list(opened.items()) == [
            ("upgrades", []),
            ("pingInterval", 250),
            ("pingTimeout", 1500),
            ("maxPayload", 1_000_000),
        ]


async def test_polling_offers_the_upgrade() -> None:
    async with running_simulator(instances=0) as simulator, aiohttp.ClientSession() as session:
        async with session.get(f"{simulator.url}/socket.io/?EIO=4&transport=polling") as answer:
            opened = json.loads((await answer.text())[1:])
        assert opened["upgrades"] == ["websocket"]
        assert list(opened) == ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]


async def test_a_client_that_answers_pings_stays() -> None:
    async with (
        running_simulator(instances=0, ping_interval_s=0.03, ping_timeout_s=0.2) as simulator,
        raw_client(simulator) as client,
    ):
        await client.join()
        await until(lambda: client.frames.count("2") >= 5)
        assert not client.is_closed


async def test_a_client_that_answers_no_ping_is_closed_without_a_code() -> None:
    async with (
        running_simulator(instances=0, ping_interval_s=0.02, ping_timeout_s=0.05) as simulator,
        raw_client(simulator) as client,
    ):
        client.answers_pings = False
        await client.join()
        await until(lambda: client.is_closed)
        assert client.close_code == 1005
        await until(lambda: simulator.summary()["sessions"] == 0)


async def test_a_polling_client_that_says_goodbye_gets_its_pending_poll_answered() -> None:
    async with running_simulator(instances=0) as simulator, aiohttp.ClientSession() as session:
        address = f"{simulator.url}/socket.io/?EIO=4&transport=polling"
        async with session.get(address) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        async with session.post(f"{address}&sid={sid}", data="40") as answer:
            assert await answer.text() == "OK"
        async with session.get(f"{address}&sid={sid}") as answer:
            assert (await answer.text()).startswith('40{"sid"')
        pending = asyncio.create_task(_poll(session, f"{address}&sid={sid}"))
        await asyncio.sleep(0)
        async with session.post(f"{address}&sid={sid}", data="1") as answer:
            assert answer.status == 200
        assert await pending in {"6", '{"code":1,"message":"Session ID unknown"}'}


async def test_a_frame_above_the_payload_limit_ends_the_transport() -> None:
    async with running_simulator(instances=0) as simulator, raw_client(simulator) as client:
        await client.join()
        await client.send("4" + "x" * 1_000_001)
        await until(lambda: client.is_closed)


@pytest.mark.parametrize("order", [(True, False, True), (False, True, False)])
def test_a_shared_binary_packet_suits_polling_and_websocket_in_any_order(order: tuple[bool, ...]) -> None:
    packet = SharedPacket(4, b"\x00\x01")
    assert [packet.encode(b64=b64) for b64 in order] == ["bAAE=" if b64 else b"\x00\x01" for b64 in order]


def test_a_shared_text_packet_is_encoded_once() -> None:
    packet = SharedPacket(4, "2[]")
    assert packet.encode() is packet.encode(b64=True)


async def _poll(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        return await answer.text()
