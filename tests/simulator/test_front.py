"""Who answers what, and what the mishaps make of it."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from tests.support.simulator import raw_client, running_simulator
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus


async def get(url: str, **headers: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, answer.headers["content-type"], await answer.text()


async def test_without_a_websocket_the_path_is_an_ordinary_unknown_route() -> None:
    async with running_simulator(instances=0, websocket_enabled=False) as simulator:
        path = "/socket.io/?EIO=4&transport=polling"
        status, content_type, body = await get(simulator.url + path)
        assert (status, content_type) == (404, "application/json; charset=utf-8")
        assert json.loads(body) == {
            "status": 404,
            "error": "Not Found",
            "response": {"message": [f"Cannot GET {path}"]},
        }
        with pytest.raises(InvalidStatus) as refusal:
            async with raw_client(simulator):
                pass
        assert refusal.value.response.status_code == 404
        assert b"Cannot GET /socket.io/?EIO=4" in bytes(refusal.value.response.body or b"")


async def test_the_trailing_slash_is_part_of_the_path() -> None:
    async with running_simulator(instances=0) as simulator:
        assert (await get(f"{simulator.url}/socket.io?EIO=4&transport=polling"))[0] == 404


async def test_a_bare_websocket_elsewhere_is_hung_up_on_without_an_answer() -> None:
    async with running_simulator(instances=1) as simulator:
        with pytest.raises((InvalidHandshake, ConnectionError, EOFError)) as refusal:
            async with connect(f"{simulator.url.replace('http', 'ws', 1)}/loja-01"):
                pass
        assert not isinstance(refusal.value, InvalidStatus)


async def test_a_proxys_html_page_can_stand_before_everything() -> None:
    async with running_simulator(instances=0) as simulator:
        simulator.chaos.html_502 = True
        for path in ("/", "/instance/fetchInstances", "/socket.io/?EIO=4&transport=polling"):
            status, content_type, body = await get(simulator.url + path)
            assert (status, content_type) == (502, "text/html")
            assert "502 Bad Gateway" in body
        with pytest.raises(InvalidStatus) as refusal:
            async with raw_client(simulator):
                pass
        assert refusal.value.response.status_code == 502


async def test_a_garbage_handshake_is_cut_in_the_middle_of_its_open_packet() -> None:
    async with running_simulator(instances=0) as simulator:
        simulator.chaos.garbage_handshake = True
        assert (await get(f"{simulator.url}/socket.io/?EIO=4&transport=polling"))[2] == '0{"sid":"'
        async with raw_client(simulator) as client:
            assert await client.frame(lambda _: True) == '0{"sid":"'


async def test_a_frozen_process_answers_nothing_but_the_remote_control() -> None:
    async with running_simulator(instances=0) as simulator:
        simulator.freeze()
        rest = asyncio.create_task(get(f"{simulator.url}/"))
        handshake = asyncio.create_task(get(f"{simulator.url}/socket.io/?EIO=4&transport=polling"))
        stats = await get(f"{simulator.url}/simulator/stats", apikey=simulator.api_key)
        assert stats[0] == 200
        assert not rest.done()
        assert not handshake.done()
        simulator.thaw()
        assert (await rest)[0] == 200
        assert (await handshake)[0] == 200
