"""Every mishap over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.simulator import RawClient, RestClient, raw_client, running_simulator, until

from ponteio.simulator import Simulator

DONE = (200, {"done": True})


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running_simulator(instances=2) as running:
        yield running


@pytest.fixture
async def rest(simulator: Simulator) -> AsyncIterator[RestClient]:
    async with RestClient(simulator) as client:
        yield client


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[RawClient]:
    async with raw_client(simulator) as connected:
        await connected.join()
        yield connected


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_the_global_key_is_needed(rest: RestClient, key: str) -> None:
    assert (await rest.post("/simulator/drop", key=key))[0] == 401
    assert (await rest.get("/simulator/stats", key=key))[0] == 401


async def test_restart_answers_first_and_comes_back_on_the_same_address(
    simulator: Simulator, rest: RestClient, client: RawClient
) -> None:
    life = simulator._life
    assert await rest.post("/simulator/restart", {"down_s": 0.02}) == DONE
    await until(lambda: client.is_closed)
    assert client.close_code == 1006
    await until(lambda: simulator.is_up and simulator._life is not life)
    assert (await rest.get("/"))[0] == 200


async def test_drop_cuts_everybody_but_the_caller(rest: RestClient, client: RawClient) -> None:
    assert await rest.post("/simulator/drop") == DONE
    await until(lambda: client.is_closed)
    assert client.close_code == 1006


async def test_freeze_can_end_by_itself_or_by_a_thaw(simulator: Simulator, rest: RestClient) -> None:
    assert await rest.post("/simulator/freeze", {"for_s": 0.02}) == DONE
    assert (await rest.get("/"))[0] == 200
    assert await rest.post("/simulator/freeze") == DONE
    assert await rest.post("/simulator/thaw") == DONE
    assert (await rest.get("/"))[0] == 200


async def test_switches_are_set_one_by_one(simulator: Simulator, rest: RestClient) -> None:
    await rest.post("/simulator/chaos", {"refuse_key": True, "duplicate": True})
    assert simulator.chaos.refuse_key
    assert simulator.emission.duplicate
    await rest.post("/simulator/chaos", {"html_502": True})
    assert simulator.chaos.refuse_key
    assert simulator.chaos.html_502
    assert simulator.emission.duplicate


async def test_events_are_emitted_on_command(simulator: Simulator, rest: RestClient, client: RawClient) -> None:
    await rest.post("/simulator/emit", {"instance": "loja-01", "event": "call", "data": 1, "extra": {"progress": 2}})
    await rest.post("/simulator/flood", {"instance": "loja-02", "count": 5})
    await rest.post("/simulator/big", {"instance": "loja-02", "megabytes": 0.1})
    await rest.post("/simulator/raw", {"frame": '2["nonsense"]'})
    await until(lambda: len(client.events()) == 8)
    assert client.events()[-1] == ("nonsense", None)
    assert client.events()[0][1]["progress"] == 2


async def test_phones_and_the_rate_are_commanded(simulator: Simulator, rest: RestClient) -> None:
    assert await rest.post("/simulator/interrupt", {"instance": "loja-01"}) == DONE
    assert await rest.post("/simulator/rate", {"rate": 7}) == DONE
    assert simulator.traffic.rate == 7
    await rest.delete("/instance/logout/loja-01")
    assert await rest.post("/simulator/bulk_connect") == DONE
    memory = simulator.instance("loja-01").memory
    await until(lambda: memory is not None and memory.qr is not None)
    assert await rest.post("/simulator/scan", {"instance": "loja-01"}) == DONE
    assert memory is not None
    assert memory.state == "open"


async def test_numbers_are_told_and_no_key(simulator: Simulator, rest: RestClient, client: RawClient) -> None:
    await simulator.flood("loja-02", 3)
    _, stats = await rest.get("/simulator/stats")
    assert stats["events"]["loja-02"]["messages.upsert"]["root"] == 3
    assert stats["sessions"] == 1
    assert stats["instances"] == {"loja-01": "open", "loja-02": "open"}
    assert "/" in stats["namespaces"]
    assert simulator.api_key not in str(stats)


@pytest.mark.parametrize(
    ("verb", "body"), [("scan", {"instance": "loja-01"}), ("flood", {"instance": "nobody", "count": 1}), ("emit", {})]
)
async def test_a_command_that_cannot_be_done_says_why(rest: RestClient, verb: str, body: object) -> None:
    status, answer = await rest.post(f"/simulator/{verb}", body)
    assert status == 400
    assert "Error: " in answer["response"]["message"][0]
