"""The recorded REST calls of a real server, replayed in order: same status, same shape, same fixed texts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator

CAPTURE = Path(__file__).parents[1] / "golden" / "captures" / "rest.jsonl"
CALLS = [json.loads(line) for line in CAPTURE.read_text().splitlines()]
GLOBAL_KEY = "evo-global-key-1234567890"
#: After this call the recording session did things that were not recorded as REST calls; `between_sessions` does them.
LAST_OF_FIRST_SESSION = "create malformed json"

#: Calls whose text is not reproduced letter by letter, and why.
DIFFERENT_TEXT = {
    "findMessages strings": "Prisma prints its whole query with colours cut off; nobody can depend on that text",
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    options: dict[str, Any] = {
        "instances": 0,
        "api_key": GLOBAL_KEY,
        "meta_reachable": False,
        "server_url": "http://127.0.0.1:18080",
    }
    async with running_simulator(**options) as running:
        yield running


async def test_every_recorded_call_is_answered_with_the_recorded_status_shape_and_fixed_text(
    simulator: Simulator,
) -> None:
    differences = []
    async with aiohttp.ClientSession() as session:
        for call in CALLS:
            status, content_type, body = await send(session, simulator, call)
            if difference := compare(call, status, content_type, body):
                differences.append(f"{call['label']}: {difference}")
            if call["label"] == LAST_OF_FIRST_SESSION:
                await between_sessions(session, simulator)
    assert differences == []


async def send(session: aiohttp.ClientSession, simulator: Simulator, call: dict[str, Any]) -> tuple[int, str, Any]:
    headers = {"content-type": "application/json"}
    if call["apikey"] is not None:
        headers["apikey"] = GLOBAL_KEY if call["apikey"] == "global" else call["apikey"]
    body = call["body"]
    raw = None if body is None else body["__raw__"] if "__raw__" in body else json.dumps(body)
    path = call["path"]
    if call["label"] == "fetchInstances instanceId":
        path = f"/instance/fetchInstances?instanceId={simulator.instance('alpha').instance_id}"
    async with session.request(call["method"], simulator.url + path, data=raw, headers=headers) as answer:
        text = await answer.text()
        return answer.status, answer.headers["content-type"], json.loads(text) if text else ""


def compare(call: dict[str, Any], status: int, content_type: str, body: Any) -> str | None:
    if status != call["status"] or content_type != call["ctype"]:
        return f"{status} {content_type} instead of {call['status']} {call['ctype']}: {body}"
    wanted = call["response"]
    if status >= 400 and call["label"] not in DIFFERENT_TEXT:
        return None if body == wanted else f"{body} instead of {wanted}"
    return None if shape(body) == shape(wanted) else f"{shape(body)} instead of {shape(wanted)}"


def shape(value: Any) -> Any:
    """Members in order and the types of their values; instance rows in the order of their names (the database's is not
    defined), the short texts and numbers that say something as they are."""
    if isinstance(value, dict):
        return {"members": [(name, shape(member)) for name, member in value.items()]}
    if isinstance(value, list):
        rows = sorted(value, key=lambda row: row["name"]) if value and "integration" in value[0] else value
        return [shape(row) for row in rows]
    if isinstance(value, str):
        return value if value.replace("_", "").isalpha() else "text"
    return value if isinstance(value, bool | None) or (isinstance(value, int) and value < 100) else type(value).__name__


async def between_sessions(session: aiohttp.ClientSession, simulator: Simulator) -> None:
    """What the first answers of the second session show to have happened: alpha listens to everything, and there are
    messages."""
    alpha = simulator.instance("alpha")
    alpha.websocket = simulator.maker.websocket_row(True, [])
    for name, number, texts in (("alpha", 1, ["first"]), ("beta", 2, ["a", "b", "c"]), ("gamma", 3, ["a"])):
        for text in texts:
            body = {
                "numberId": f"551190000000{number}",
                "key": {"remoteJid": "5511999990000@s.whatsapp.net", "fromMe": False},
                "pushName": "Maria Teste",
                "message": {"conversation": text},
                "messageType": "conversation",
            }
            await (await session.post(f"{simulator.url}/webhook/evolution", json=body)).read()
        assert len(simulator.instance(name).messages) == len(texts)
    alpha.messages[0].data["messageTimestamp"] -= 200
