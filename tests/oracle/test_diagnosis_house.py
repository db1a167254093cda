"""The diagnosis in the whole house: its own link, its own records, and a test event from end to end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2
import pytest
from tests.support.diagnosis_rig import RIGHT
from tests.support.house import house
from tests.support.simulator import running_simulator

from ponteio.model.diagnosis import STEPS

NAME = "loja-02"


@pytest.mark.parametrize("global_events", [False, True])
async def test_a_test_event_goes_all_the_way_to_the_log(global_events: bool, tmp_path: Path, database_url: str) -> None:
    """I1: what the diagnosis calls stored can be read from the log."""
    async with (
        running_simulator(instances=2, global_events=global_events, **RIGHT) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=global_events) as gateway,
    ):
        await gateway.start()
        acme = await gateway.tenant("acme", NAME)
        await gateway.knows(acme.key, NAME)
        simulator.emit(NAME, "chats.update", [])
        await gateway.is_linked(acme.key, *(() if global_events else (NAME,)))
        simulator.emit(NAME, "chats.update", [])
        answer = await gateway.post(f"websocket/test/{NAME}", acme.key, {"round_trip": True})
        found = {step["step"]: f"{step['verdict']}:{step['reason']}" for step in answer["steps"]}
        assert list(found) == list(STEPS)
        assert found["round_trip"] == "ok:stored", answer
        assert found["link"] == "ok:connected"
        assert found["keys_exposed"] == "ok:none"
        assert answer["verdict"] == "ok", answer
        stored = [event for event in await gateway.whole_log(acme.key) if event["event"] == "messages.upsert"]
        assert [event["data"]["pushName"] for event in stored] == ["Ponteio"]


async def test_steps_come_over_the_wire_one_by_one(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ponteio.upstream.diagnosis_events.LISTEN_S", 0.1)
    monkeypatch.setattr("ponteio.upstream.diagnosis_socket.GLOBAL_LISTEN_S", 0.1)
    async with (
        running_simulator(instances=2, **RIGHT) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=True) as gateway,
        httpx2.AsyncClient() as client,
    ):
        await gateway.start()
        acme = await gateway.tenant("acme", NAME)
        await gateway.knows(acme.key, NAME)
        simulator.chaos.rest_latency_s = 0.1
        headers = {"Authorization": f"Bearer {acme.key}", "Accept": "application/x-ndjson"}
        loop = asyncio.get_running_loop()
        url = f"{gateway.url}/api/websocket/test/{NAME}"
        async with client.stream("POST", url, headers=headers, timeout=30) as answer:
            lines = [(loop.time(), json.loads(line)) async for line in answer.aiter_lines()]
        assert [line.get("step") for _, line in lines] == [*STEPS, None]
        assert lines[-1][0] - lines[0][0] > 0.3
        # Whoever hangs up in the middle leaves nothing behind, and may come back.
        async with client.stream("POST", url, headers=headers, timeout=30) as answer:
            async for _ in answer.aiter_lines():
                break
        async with asyncio.timeout(10):
            while (await gateway.call("POST", f"websocket/test/{NAME}", acme.key)).status_code == 429:
                await asyncio.sleep(0.1)
