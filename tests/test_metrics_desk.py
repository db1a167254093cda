"""The port of its own, over real HTTP, and figures that survive the end of the house."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.busy_house import WORDS, busy_house
from tests.support.house import House, holds, house
from tests.support.simulator import running_simulator

from ponteio.listener import ListenerError

NOWHERE: dict[str, Any] = {"url": "http://127.0.0.1:9", "key": "a-key-that-is-not-used", "global_events": True}


def metrics_url(here: House) -> str:
    assert here.gateway is not None
    return here.gateway._metrics.url


async def test_the_port_of_its_own_needs_no_key_and_has_nothing_else(tmp_path: Path) -> None:
    async with busy_house(tmp_path, metrics_port=0) as here:
        url = metrics_url(here.house)
        assert url.startswith("http://127.0.0.1:")
        assert url != here.house.url
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"{url}/metrics")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert 'ponteio_links{server="main",state="connected"} 1.0' in answer.text
            for word in WORDS:
                assert word not in answer.text, word
            assert (await client.head(f"{url}/metrics")).status_code == 200
            assert (await client.post(f"{url}/metrics")).status_code == 405
            for path in ("/", "/healthz", "/api/metrics", "/metrics/", "/socket.io/?EIO=4&transport=polling"):
                assert (await client.get(url + path)).status_code == 404, path
            foreign = await client.get(f"{url}/metrics", headers={"Host": "attacker.example"})
            assert foreign.status_code == 421
            assert "ponteio" not in foreign.text


async def test_without_a_port_there_is_only_the_main_one_which_asks_for_an_operator(tmp_path: Path) -> None:
    async with busy_house(tmp_path) as here:
        assert metrics_url(here.house) == ""
        url = f"{here.house.url}/metrics"
        async with httpx2.AsyncClient() as client:
            for headers, status in (
                ({}, 401),
                ({"Authorization": f"Bearer {here.acme.key}"}, 403),
                ({"Authorization": "Bearer pnt_" + "A" * 43}, 401),
                ({"Authorization": f"Bearer {here.operator}"}, 200),
            ):
                answer = await client.get(url, headers=headers)
                assert answer.status_code == status
                assert ("ponteio_links" in answer.text) == (status == 200)


async def test_a_port_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with house(tmp_path, f"sqlite:///{tmp_path / 'house.db'}", **NOWHERE, metrics_port=port) as here:
            with pytest.raises(ListenerError, match="cannot listen"):
                await here.start()


async def test_figures_outlive_the_house(tmp_path: Path, database_url: str) -> None:
    async with running_simulator(instances=1, global_events=True) as simulator:
        server: dict[str, Any] = {"url": simulator.url, "key": simulator.api_key, "global_events": True}
        async with house(tmp_path, database_url, **server) as here:
            await here.start()
            acme = await here.tenant("acme", "loja-01")
            await here.knows(acme.key, "loja-01")
            await here.is_linked(acme.key)
            for already in (0, 30):
                await simulator.flood("loja-01", 30)

                async def all_counted(wanted: int = already + 30) -> bool:
                    return bool((await here.get("metrics", acme.key))["events"] == wanted)

                await holds("events are counted, before the stop and after it", all_counted)
                before = await here.get("metrics", acme.key)
                await here.stop()
                await here.start()
                after = await here.get("metrics", acme.key)
                assert after["events"] == before["events"]
                assert after["latency"] == before["latency"]
                assert after["most_common"] == [{"event": "messages.upsert", "count": already + 30}]
                assert after["instances"][0]["events"] == already + 30
                await here.is_linked(acme.key)
                assert here.gateway is not None
                await here.gateway._metrics._book.turn()
                assert here.gateway._counters.total("rollup_failures") == 0
