"""What a house writes at its most talkative while recorded traffic goes through it: who and how much, never what."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.busy_house import bearer
from tests.support.decode_frames import GoldenLine, golden
from tests.support.house import House, Tenant, holds, house, logged_to
from tests.support.plain_socket import plain_socket
from tests.support.simulator import running_simulator

from ponteio.decode.catalogue import CATALOGUE
from ponteio.model.link import LinkState
from ponteio.simulator import Simulator
from ponteio.simulator.packets import EncodedEvent

FILES = ("events_global.jsonl", "events_ns.jsonl", "baileys.jsonl", "catalogue.jsonl")
HOSTILE = ("loja\n2026-11-24 [info] forged", "\x1b[2K\rforged", "a=b state=open", '{"event":"forged"}')
OUR_WORDS = {*CATALOGUE, *(state.value for state in LinkState), "received", "instance", "connected", "undefined"}
LEAST_CHARS = 7
"""Shorter texts stand in every line by chance."""


def recorded() -> list[GoldenLine]:
    return [line for file in FILES for line in golden(file)]


def send(simulator: Simulator, event: str, envelope: dict[str, Any], attachments: tuple[bytes, ...] = ()) -> None:
    packet = EncodedEvent(json.dumps([event, envelope]), attachments)
    assert simulator.emit_raw(packet.frames("/")) == 1


def values(of: object) -> Iterator[str]:
    """All texts in a JSON value that are not names of members."""
    if isinstance(of, str):
        yield of
    elif isinstance(of, dict | list):
        for part in of.values() if isinstance(of, dict) else of:
            yield from values(part)


def contents(lines: list[GoldenLine], names: set[str]) -> Iterator[str]:
    """Everything that events hold beyond the names of their instances, secrets included."""
    for line in lines:
        for text in values([line.envelope.get("data"), line.envelope.get("sender"), line.envelope.get("apikey")]):
            if len(text) >= LEAST_CHARS and text not in names and not any(text in word for word in OUR_WORDS):
                yield text
        yield from (base64.b64encode(part).decode() for part in line.attachments)


async def traffic(here: House, simulator: Simulator, acme: Tenant, lines: list[GoldenLine]) -> None:
    """Recorded events, hostile ones, refusals, a lost link, a socket, and calls with wrong keys and odd addresses."""
    async with plain_socket(here.url, acme.key) as client:
        await holds("the socket is in", lambda: client.named("ready"))
        for line in lines:
            send(simulator, line.event, line.envelope, line.attachments)
        for name in HOSTILE:
            send(simulator, "messages.upsert", {"event": "messages.upsert", "instance": name, "data": {"text": name}})
        send(simulator, "content.as-a-name", {"event": "another.name", "instance": "loja-01", "data": "content-canary"})
        simulator.emit_raw(['2["messages.upsert",{"content-canary'])
        await here._http.get(f"{here.url}/api/events/content-canary", headers=bearer("pnt_wrong-key-canary"))
        await here._http.get(f"{here.url}/api/instances/content-canary", headers=bearer(acme.key))
        await holds("events arrive", lambda: len(client.events) >= 50)
        simulator.drop()

        async def is_back() -> bool:
            return bool((await here.global_link(acme.key))["reconnects"] >= 1)

        await holds("the link is back", is_back)


@pytest.mark.parametrize("form", ["json", "console"])
async def test_recorded_traffic_leaves_neither_content_nor_keys_nor_forged_lines_in_the_log(
    tmp_path: Path, form: str
) -> None:
    """I5: at the level `debug`, in both forms."""
    lines, log = recorded(), tmp_path / "log.txt"
    names = {line.envelope["instance"] for line in lines}
    async with (
        running_simulator(instances=1, global_events=True) as simulator,
        house(
            tmp_path, f"sqlite:///{tmp_path / 'house.db'}", url=simulator.url, key=simulator.api_key, global_events=True
        ) as here,
    ):
        with logged_to(log, form):
            acme = await here.tenant("acme", *sorted(names), *HOSTILE)
            operator = await here.operator()
            await here.start()
            await here.is_linked(acme.key)
            await traffic(here, simulator, acme, lines)
            await here.stop()
    written = log.read_text()
    for said in ("link connected", "link error", "event received", "event stored", acme.organization_id):
        assert said in written
    held = set(contents(lines, names))
    assert len(held) > 100
    for text in (*held, "content-canary", "wrong-key-canary", simulator.api_key, acme.key, operator):
        assert text not in written, text
    assert not [
        line for line in written.splitlines() if line.lstrip().startswith(("forged", "2026-11-24 [info] forged"))
    ]
    assert written.replace("\n", "").isprintable()
    if form == "json":
        told = [json.loads(line) for line in written.splitlines()]
        stored = [line for line in told if line["event"] == "event stored"]
        assert {line["instance"] for line in stored} >= set(HOSTILE)
        assert all(line["organization"] == acme.organization_id and line["duration_s"] >= 0 for line in stored)
        (back,) = [line for line in told if line["event"] == "link connected" and line["reconnects"]]
        assert {"server", "link", "attempt", "duration_s"} <= set(back)
