from __future__ import annotations

import aiohttp
import pytest
from tests.support.simulator import raw_client, running_simulator, until

from ponteio.simulator import Simulator
from ponteio.simulator.server import SimulatorDownError


def texts(simulator: Simulator) -> list[str]:
    return [each.envelope["data"]["message"]["conversation"] for each in simulator.emitted]


async def test_a_flood_arrives_whole_and_in_order_on_root() -> None:
    async with running_simulator(instances=1) as simulator, raw_client(simulator) as client:
        await client.join()
        await simulator.flood("loja-01", 500, size=1500)
        await until(lambda: len(client.events()) == 500)
        ids = [envelope["data"]["key"]["id"] for _, envelope in client.events()]
        assert ids == [each.envelope["data"]["key"]["id"] for each in list(simulator.emitted)[-500:]]
        assert len(set(ids)) == 500
        frame = next(frame for frame in client.frames if str(frame).startswith("45"))
        assert 1300 < len(str(frame)) < 1700


async def test_the_same_seed_and_script_give_the_same_events() -> None:
    told = []
    for _ in range(2):
        async with running_simulator(instances=2, seed=9) as simulator:
            await simulator.flood("loja-02", 30)
            await simulator.flood("loja-01", 30)
            for _ in range(20):
                simulator.stage.play_scene(simulator.instance("loja-01"))
            told.append([(each.event, _without_times(each.envelope["data"])) for each in simulator.emitted])
    assert told[0] == told[1]


async def test_one_instances_story_does_not_depend_on_anothers() -> None:
    stories = []
    for disturbance in (0, 7):
        async with running_simulator(instances=2) as simulator:
            await simulator.flood("loja-01", disturbance)
            simulator.emitted.clear()  # type: ignore[attr-defined]
            await simulator.flood("loja-02", 10)
            stories.append(texts(simulator))
    assert stories[0] == stories[1]


async def test_a_big_event_arrives_whole() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        simulator.emit_big("loja-02", megabytes=20)
        await until(client.events, timeout_s=20)
        assert len(client.events()[0][1]["data"]["message"]["base64"]) == 20_000_000
        assert len(simulator.instance("loja-02").messages) == 0


async def test_messages_are_stored_within_their_limit() -> None:
    async with running_simulator(instances=2, messages_limit=5) as simulator:
        await simulator.flood("loja-02", 9)
        stored = [each.data["key"]["id"] for each in simulator.instance("loja-02").messages]
        assert stored == [each.envelope["data"]["key"]["id"] for each in list(simulator.emitted)[-5:]]


async def test_what_happens_while_frozen_is_told_after_the_thaw_in_order() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        simulator.freeze()
        for number in range(3):
            simulator.emit("loja-02", "call", {"n": number})
        assert not any(each.event == "call" for each in simulator.emitted)
        simulator.thaw()
        await until(lambda: len(client.events()) == 3)
        assert [envelope["data"]["n"] for _, envelope in client.events()] == [0, 1, 2]


async def test_what_was_held_by_a_process_that_died_never_happens() -> None:
    async with running_simulator(instances=2) as simulator:
        simulator.freeze()
        simulator.emit("loja-02", "call", {})
        await simulator.restart(0)
        simulator.thaw()
        assert not any(each.event == "call" for each in simulator.emitted)


async def test_a_new_instance_under_an_old_name_has_a_script_of_its_own() -> None:
    async with running_simulator(instances=2) as simulator:
        before = simulator.stage.script(simulator.instance("loja-02"))
        headers = {"apikey": simulator.api_key}
        async with aiohttp.ClientSession(headers=headers) as session:
            await session.delete(f"{simulator.url}/instance/delete/loja-02")
            body = {"instanceName": "loja-02", "integration": "EVOLUTION"}
            await session.post(f"{simulator.url}/instance/create", json=body)
        after = simulator.stage.script(simulator.instance("loja-02"))
        assert after is not before
        assert after.pen.instance_id == simulator.instance("loja-02").instance_id


async def test_a_process_that_is_down_cannot_be_made_to_speak() -> None:
    async with running_simulator(instances=1) as simulator:
        await simulator.go_down()
        with pytest.raises(SimulatorDownError, match="is down"):
            simulator.emit("loja-01", "call", {})
        with pytest.raises(SimulatorDownError, match="is down"):
            await simulator.flood("loja-01", 1)
        with pytest.raises(SimulatorDownError, match="is down"):
            simulator.emit_big("loja-01")


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        volatile = {"messageTimestamp", "timestampMs", "senderTimestampMs", "date", "creation", "mediaKeyTimestamp",
                    "senderTimestamp", "recipientTimestamp"}  # fmt: skip
        return {name: _without_times(member) for name, member in value.items() if name not in volatile}
    return [_without_times(item) for item in value] if isinstance(value, list) else value
