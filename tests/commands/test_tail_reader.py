"""Reading a gateway's stream by its cursor, with holds in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.live.conftest import QUICK
from tests.support.databases import migrated, sqlite_url
from tests.support.gateway_edge import GatewayEdge, eventually, gateway_edge

from ponteio.commands.tail_reader import Source, TailReader


class Seen:
    """A screen that remembers."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.notes: list[str] = []
        self.statuses: list[str] = []
        self.connections: list[bool] = []

    def event(self, envelope: Mapping[str, Any]) -> None:
        self.seqs.append(envelope["seq"])

    def status(self, name: str, body: Mapping[str, Any]) -> None:
        self.statuses.append(name)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def connected(self, is_connected: bool) -> None:
        self.connections.append(is_connected)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[GatewayEdge]:
    async with migrated(sqlite_url(tmp_path)) as database, gateway_edge(database, QUICK) as opened:
        yield opened


def reader(gateway: GatewayEdge, seen: Seen, **source: Any) -> TailReader:
    return TailReader(Source(gateway.url, gateway.tokens["acme"], **source), seen, jitter=lambda _most: 0.0)


async def test_holding_and_going_on_loses_and_repeats_nothing(gateway: GatewayEdge) -> None:
    """I3."""
    seen = Seen()
    tail = reader(gateway, seen)
    running = asyncio.create_task(tail.run())
    await eventually(lambda: seen.connections == [True])
    await gateway.publish("acme", 3)
    await eventually(lambda: seen.seqs == [1, 2, 3])
    tail.hold()
    await eventually(lambda: seen.connections == [True, False])
    await gateway.publish("acme", 4)
    assert tail.is_held
    assert seen.seqs == [1, 2, 3]
    tail.go_on()
    await eventually(lambda: seen.seqs == [1, 2, 3, 4, 5, 6, 7])
    assert seen.notes == [], "a hold is no trouble"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_count_ends_it_also_after_a_hold(gateway: GatewayEdge) -> None:
    seen = Seen()
    tail = reader(gateway, seen, count=4)
    running = asyncio.create_task(tail.run())
    await eventually(lambda: seen.connections == [True])
    await gateway.publish("acme", 2)
    await eventually(lambda: len(seen.seqs) == 2)
    tail.hold()
    await eventually(lambda: seen.connections == [True, False])
    tail.go_on()
    await gateway.publish("acme", 5)
    assert await asyncio.wait_for(running, 10) == 0
    assert seen.seqs == [1, 2, 3, 4]
    tail.hold()
    tail.go_on()


async def test_a_filter_in_words_is_the_gateways(gateway: GatewayEdge) -> None:
    seen = Seen()
    tail = reader(gateway, seen, filter="data.number:7 OR inst:two", count=1)
    running = asyncio.create_task(tail.run())
    await eventually(lambda: seen.connections == [True])
    await gateway.publish("acme", 1)
    await gateway.publish("acme", 1, instance="two")
    assert await asyncio.wait_for(running, 10) == 0
    assert seen.seqs == [2]


async def test_a_refused_filter_ends_it_with_the_place(gateway: GatewayEdge) -> None:
    seen = Seen()
    assert await asyncio.wait_for(reader(gateway, seen, filter="colour:red").run(), 10) == 1
    assert seen.notes[0].startswith("auth.filter: ⟨colour")


async def test_a_revoked_key_ends_it(gateway: GatewayEdge) -> None:
    seen = Seen()
    running = asyncio.create_task(reader(gateway, seen).run())
    await eventually(lambda: seen.connections == [True])
    await gateway.keys.revoke(gateway.key_ids["acme"])
    await gateway.edge.enforce()
    assert await asyncio.wait_for(running, 10) == 1
    assert "[revoked]" in seen.notes[0]
