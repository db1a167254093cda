"""The recorded frames of one websocket, replayed: what the client sent then is sent now, and the answers match."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.simulator import RawClient, raw_client, running_simulator, until

from ponteio.simulator import Simulator

CAPTURE = Path(__file__).parents[1] / "golden" / "captures" / "wire.jsonl"
LINES = [json.loads(line) for line in CAPTURE.read_text().splitlines()]
RECEIVED = [line["frame"] for line in LINES if line["dir"] == "in"]
SENT = [line["frame"] for line in LINES if line["dir"] == "out"]

#: Values that differ from run to run, wherever they are in a frame.
VOLATILE = (
    (r'"sid":"[^"]+"', '"sid":"…"'),
    (r'"date_time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"date_time":"…"'),
    (r'"messageTimestamp":\d{10}\b', '"messageTimestamp":0'),
    (r'"instanceId":"[0-9a-f-]{36}"', '"instanceId":"…"'),
)


def settled(frame: str) -> str:
    for pattern, replacement in VOLATILE:
        frame = re.sub(pattern, replacement, frame)
    return frame


async def test_the_recorded_conversation_is_answered_frame_by_frame() -> None:
    async with running_simulator(instances=0, server_url="http://127.0.0.1:18080") as simulator:
        await prepare_alpha(simulator)
        async with raw_client(simulator) as client:
            joins = [frame for frame in SENT if frame.startswith("40")]
            for join in joins:
                await client.join(join[2:].removesuffix(",") or "/")
            await inject(simulator)
            await until(lambda: len(client.frames) == len(RECEIVED) - 1)
            for frame in SENT:
                if frame not in {*joins, "3", "garbage"}:
                    await client.send(frame)
            await client.send("garbage")
            await until(lambda: client.is_closed)
            assert client.close_code == 1005
            compare(client)
        # `anything` went to a namespace where nobody listens; like `sendNode` it is neither answered nor acknowledged.
        assert simulator.client_events == [("/", "sendNode"), ("/alpha", "anything")]


def compare(client: RawClient) -> None:
    got, wanted = [settled(str(frame)) for frame in client.frames], [settled(frame) for frame in RECEIVED]
    # The recording waited for a ping; its own test is in test_engine.py.
    wanted.remove("2")
    conversation = 4
    assert got[:conversation] == wanted[:conversation]
    for prefix in ("42[", "42/alpha,["):
        # Namespace and root interleave as each emission's delay falls; each keeps its own order here.
        assert [frame for frame in got if frame.startswith(prefix)] == [
            frame for frame in wanted if frame.startswith(prefix)
        ]
    assert sorted(got) == sorted(wanted)


async def prepare_alpha(simulator: Simulator) -> None:
    body: dict[str, Any] = {
        "instanceName": "alpha",
        "integration": "EVOLUTION",
        "token": "tok-alpha",
        "number": "5511900000001",
        "websocket": {"enabled": True, "events": []},
    }
    async with aiohttp.ClientSession() as session:
        await session.post(f"{simulator.url}/instance/create", json=body, headers={"apikey": simulator.api_key})
    await until(lambda: simulator.emitted and simulator.emitted[-1].made_namespace)


async def inject(simulator: Simulator) -> None:
    body = {
        "numberId": "5511900000001",
        "key": {"id": "WIRE-1", "remoteJid": "5511900009999@s.whatsapp.net", "fromMe": False},
        "pushName": "Maria Teste",
        "message": {"conversation": "w1"},
        "messageType": "conversation",
    }
    async with aiohttp.ClientSession() as session:
        await session.post(f"{simulator.url}/webhook/evolution", json=body)


async def test_a_socket_that_never_sends_connect_is_closed_without_a_code_after_the_deadline() -> None:
    assert LINES[-1]["frame"].strip() == "1005"
    async with running_simulator(instances=0, connect_timeout_s=0.05) as simulator, raw_client(simulator) as client:
        await until(lambda: client.is_closed)
        assert client.close_code == 1005
