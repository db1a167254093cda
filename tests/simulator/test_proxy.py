"""What a proxy in front does wrong, as a client sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from tests.support.simulator import raw_client, running_simulator, until
from websockets.exceptions import InvalidStatus

POLLING = "/socket.io/?EIO=4&transport=polling"


async def test_a_web_page_answers_every_request() -> None:
    async with running_simulator(instances=0) as simulator, aiohttp.ClientSession() as session:
        simulator.chaos.html_page = True
        for path in ("/", POLLING, "/instance/fetchInstances"):
            async with session.get(simulator.url + path) as answer:
                assert (answer.status, answer.content_type) == (200, "text/html")


async def test_a_redirect_leads_to_the_same_place_over_https() -> None:
    async with running_simulator(instances=0) as simulator, aiohttp.ClientSession() as session:
        simulator.chaos.redirects = True
        async with session.get(simulator.url + POLLING, allow_redirects=False) as answer:
            assert answer.status == 301
            assert answer.headers["location"] == simulator.url.replace("http:", "https:") + POLLING
        async with session.get(simulator.url, allow_redirects=False) as answer:
            assert answer.headers["location"] == simulator.url.replace("http:", "https:") + "/"


async def test_without_upgrade_headers_a_websocket_is_a_bad_request_and_polling_goes_on() -> None:
    async with running_simulator(instances=0) as simulator, aiohttp.ClientSession() as session:
        simulator.chaos.drops_upgrade = True
        with pytest.raises(InvalidStatus) as refused:
            async with raw_client(simulator):
                pass
        assert refused.value.response.status_code == 400
        async with session.get(simulator.url + POLLING) as answer:
            assert answer.status == 200


async def test_a_frame_that_is_too_large_cuts_the_connection_and_a_smaller_one_passes() -> None:
    async with running_simulator(instances=1, global_events=True) as simulator:
        simulator.chaos.frame_limit = 4_096
        async with raw_client(simulator) as client:
            await client.join("/")
            simulator.emit("loja-01", "chats.update", [])
            await until(client.events)
            simulator.emit("loja-01", "chats.update", ["x" * 5_000])
            await until(lambda: client.is_closed)
            assert len(client.events()) == 1


@pytest.mark.parametrize("ahead_s", [0.0, 600.0])
async def test_answers_tell_the_time_of_their_machine(ahead_s: float) -> None:
    async with (
        running_simulator(instances=0, clock_ahead_s=ahead_s) as simulator,
        aiohttp.ClientSession() as session,
        session.get(simulator.url) as answer,
    ):
        told = parsedate_to_datetime(answer.headers["date"])
        assert abs((told - datetime.now(UTC)).total_seconds() - ahead_s) < 3
