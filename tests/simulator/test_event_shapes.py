"""Every recorded event, caused again: the same envelope, member by member, in the same order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.simulator import running_simulator, until

from ponteio.simulator import Simulator

CAPTURE = Path(__file__).parents[1] / "golden" / "captures" / "events.jsonl"
EVENTS: list[dict[str, Any]] = [json.loads(line) for line in CAPTURE.read_text().splitlines()]
NUMBERS = {"alpha": "5511900000001", "biz": "109876543210"}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [(name, shape(member)) for name, member in value.items()]
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


async def test_every_recorded_event_has_its_like_in_the_simulator() -> None:
    async with running_simulator(instances=0, server_url="http://127.0.0.1:18080") as simulator:
        await cause_everything(simulator)
        await until(lambda: all(each.namespace_recipients is not None for each in simulator.emitted))
        shapes = [(each.event, shape(each.envelope)) for each in simulator.emitted]
    missing = [event["args"][0] for event in EVENTS if (event["event"], shape(event["args"][0])) not in shapes]
    assert missing == []


async def cause_everything(simulator: Simulator) -> None:
    async with aiohttp.ClientSession(headers={"apikey": simulator.api_key}) as session:
        caller = Caller(session, simulator.url)
        await caller.create("alpha", "EVOLUTION")
        await caller.create("biz", "WHATSAPP-BUSINESS", token="EAAG-fake")
        await caller.create("wa1", "WHATSAPP-BAILEYS")
        for event in EVENTS:
            data = event["args"][0]["data"]
            if event["event"] == "messages.upsert" and event["args"][0]["instance"] == "alpha":
                # Twice: a known chat gets an update too.
                for _ in range(2):
                    await caller.call("POST", "/webhook/evolution", inbound(data))
        await caller.call("POST", "/message/sendText/alpha", {"number": "5511977776666", "text": "out"})
        await caller.call("POST", "/webhook/meta", META_MESSAGE)
        await caller.call("POST", "/webhook/meta", META_STATUS)
        await caller.call("GET", "/instance/connect/wa1")
        await caller.call("DELETE", "/instance/logout/wa1")
        await caller.call("DELETE", "/instance/delete/wa1")


def inbound(data: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {name: data[name] for name in ("pushName", "message", "messageType") if name in data}
    key = {name: data["key"][name] for name in ("id", "remoteJid", "fromMe")}
    if picture := data["key"].get("profilePicUrl"):
        body["profilePicUrl"] = picture
    return {"numberId": NUMBERS["alpha"], "key": key, **body}


class Caller:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, self._url + path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            text = await answer.text()
            return json.loads(text) if text else None

    async def create(self, name: str, integration: str, **fields: str) -> None:
        listen_to_all = {"enabled": True, "events": []}
        body = {"instanceName": name, "integration": integration, "websocket": listen_to_all, **fields}
        await self.call("POST", "/instance/create", body | {"number": NUMBERS.get(name)})


def meta(value: dict[str, Any]) -> dict[str, Any]:
    full = {"metadata": {"phone_number_id": NUMBERS["biz"]}, **value}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": full}]}]}


META_MESSAGE = meta(
    {
        "contacts": [{"profile": {"name": "Meta User", "phone": "5511922221111"}, "wa_id": "5511922221111"}],
        "messages": [
            {
                "from": "5511922221111",
                "id": "wamid.1",
                "timestamp": "1795440000",
                "type": "text",
                "text": {"body": "hi from meta"},
            }
        ],
    }
)
META_STATUS = meta({"statuses": [{"id": "wamid.1", "status": "delivered", "recipient_id": "5511922221111"}]})
