"""What a real Evolution API sent, from the real `socket.io` package through the whole house to a JavaScript client."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.model import as_json, dense, fact, same
from tests.support.decode_frames import golden
from tests.support.evolution_peer import EvolutionPeer, evolution_peer
from tests.support.house import House, holds, house, logged_to
from tests.support.js_client import js_client

FILES = ("events_global.jsonl", "events_ns.jsonl", "baileys.jsonl", "catalogue.jsonl")
MASK = "[redacted]"
ENDS = {"instance.delete", "remove.instance"}
BIRTHS = {"instance.create"}


def recorded() -> list[dict[str, Any]]:
    """Every recorded envelope once, with bytes where the attachments were."""
    found: dict[str, dict[str, Any]] = {}
    for file in FILES:
        for line in golden(file):
            envelope = _filled(line.envelope, line.attachments)
            found.setdefault(fact(envelope), envelope)
    # The made-up catalogue names its instance's end before other events: here the end comes last.
    return sorted(found.values(), key=lambda one: one["instance"] == "loja-1" and one["event"] in ENDS | BIRTHS)


def owned(envelopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are their owner's: after its end a name says nothing more, and whoever gets it next is another."""
    found, ended, reborn = [], set(), set()
    for one in envelopes:
        name, event = one["instance"], one["event"]
        if name in ended and event in BIRTHS:
            reborn.add(name)
        if name not in reborn and (name not in ended or event in ENDS):
            found.append(one)
        if event in ENDS:
            ended.add(name)
    return found


def _filled(value: Any, attachments: tuple[bytes, ...]) -> Any:
    if isinstance(value, dict):
        if value.get("_placeholder") is True and attachments:
            return attachments[value["num"]]
        return {name: _filled(member, attachments) for name, member in value.items()}
    return [_filled(item, attachments) for item in value] if isinstance(value, list) else value


def _for_node(value: Any) -> Any:
    """As the peer wants bytes to be written."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: _for_node(member) for name, member in value.items()}
    return [_for_node(item) for item in value] if isinstance(value, list) else value


def _masked(value: Any, secrets: set[str]) -> Any:
    """The model of redaction: tokens by value, WhatsApp's own key material by name."""
    text = json.dumps(_without_key_material(value), ensure_ascii=False)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return json.loads(text)


def _without_key_material(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: MASK if name == "appStateSyncKeyShare" else _without_key_material(member)
            for name, member in value.items()
        }
    return [_without_key_material(item) for item in value] if isinstance(value, list) else value


@pytest.mark.node
async def test_recorded_events_arrive_with_their_bytes_and_without_their_tokens(
    tmp_path: Path, sqlite_file_url: str
) -> None:
    """I5: every envelope of the recordings, over Node's own encoder, to the stock client; no token on the way."""
    envelopes = recorded()
    expected = owned(envelopes)
    assert 100 < len(expected) < len(envelopes)
    tokens = {one["apikey"] for one in envelopes if one.get("apikey")} - {"Apikey not found"}
    names = sorted({one["instance"] for one in envelopes})
    assert tokens
    key = "the-global-key-of-the-peer"
    async with (
        evolution_peer(key=key) as peer,
        house(tmp_path, sqlite_file_url, url=peer.url, key=key, global_events=True) as gateway,
    ):
        with logged_to(tmp_path / "log.txt"):
            tenant, operator = await gateway.tenant("acme", *names), await gateway.operator()
            await gateway.start()
            await gateway.is_linked(tenant.key)
            async with js_client(gateway.url, tenant.key) as heard:
                for envelope in envelopes:
                    await peer.emit(_for_node(envelope))
                await heard.has(len(expected))
                log = await gateway.whole_log(tenant.key)
                nobodys = len(envelopes) - len(expected)
                await holds("the rest is set aside", lambda: _set_aside(gateway, operator, nobodys))
            await holds("nothing was said to the peer", lambda: _silent(peer))
            await gateway.stop()
    dense(log, organization_id=tenant.organization_id)
    same(log, heard.events)
    same([_masked(as_json(one["data"]), tokens) for one in expected], [told["data"] for told in log])
    same([(one["instance"], one["event"]) for one in expected], [(told["instance"], told["event"]) for told in log])
    assert "$base64" in json.dumps(log)
    rows = b"".join(path.read_bytes() for path in tmp_path.glob("test.db*"))
    logged = (tmp_path / "log.txt").read_text()
    assert "link connected" in logged
    material = base64.b64encode(b"key-material-canary-32-bytes-long").decode()
    assert material in json.dumps(as_json(envelopes))
    for token in tokens | {key, material}:
        assert token.encode() not in rows
        assert not [text for text in (*heard.lines, *gateway.said, logged) if token in text]


async def _set_aside(gateway: House, operator: str, amount: int) -> bool:
    counts = (await gateway.get("quarantine/summary", operator))["counts"]
    assert {one["code"] for one in counts} <= {"unassigned"}
    return bool(sum(one["count"] for one in counts) == amount)


async def _silent(peer: EvolutionPeer) -> bool:
    """I12: nothing but CONNECT and pongs was ever sent upstream."""
    heard = (await peer.state())["heard"]
    return all(packet["type"] == "pong" or packet["data"] in ("0", "1", None) for packet in heard)
