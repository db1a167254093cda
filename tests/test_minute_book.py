"""Turning the page: what was counted is written once, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from tests.support.house import holds

from ponteio import minute_book
from ponteio.eventlog.metric_rollups import DEPLOYMENT, MINUTE_S, MetricRollups
from ponteio.live.edge import LiveEdge
from ponteio.minute_book import MinuteBook
from ponteio.observe.counters import Counters
from ponteio.observe.figures import Figures
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageUnavailableError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Sockets:
    """As many sockets as are said."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts

    def socket_counts(self) -> dict[str, int]:
        return self.counts


class World:
    def __init__(self, database: Database, clock: Callable[[], datetime] | None = None) -> None:
        self.now = NOON
        self.counters = Counters()
        self.sockets = Sockets()
        self.rollups = MetricRollups(database)
        self.looks = 0
        self.is_away = False
        live = cast("LiveEdge", self.sockets)
        self.book = MinuteBook(self.counters, self.rollups, live, [self._look], clock or (lambda: self.now))

    async def _look(self) -> None:
        self.looks += 1
        if self.is_away:
            raise StorageUnavailableError("away")

    async def read(self, organization_id: str) -> dict[int, Figures]:
        found = await self.rollups.read(organization_id, NOON, NOON + timedelta(hours=1), MINUTE_S)
        return {at_s - int(NOON.timestamp()): it for at_s, it in found.items()}


async def test_a_turn_writes_each_organization_and_the_deployment(database: Database) -> None:
    world = World(database)
    acme = world.counters.tallies.of("acme")
    acme.events, acme.events_of, acme.names = 3, Counter(loja=3), Counter({"call": 3})
    world.counters.refuse("too_many_sockets", organization_id="acme")
    world.counters.refuse("too_deep", 2)
    world.counters.reconnected("main", ["acme", "beta"], "loja")
    world.sockets.counts = {"acme": 2, "beta": 1}
    world.book.look()
    world.sockets.counts = {"acme": 1}
    world.book.look()
    world.now = NOON + timedelta(seconds=61)
    await world.book.turn()
    (kept,) = (await world.read("acme")).values()
    assert (kept.events, kept.reconnects, kept.sockets, kept.refused) == (3, 1, 2, Counter(too_many_sockets=1))
    assert kept.reconnects_of == {"loja": 1}
    whole = (await world.read(DEPLOYMENT))[0]
    assert (whole.events, whole.reconnects, whole.sockets, whole.names) == (3, 1, 3, Counter({"call": 3}))
    assert whole.refused == {"too_many_sockets": 1, "too_deep": 2}
    assert "loja" not in whole.spelled()
    await world.book.turn()
    assert set(await world.read(DEPLOYMENT)) == {0, 60}
    assert (await world.read(DEPLOYMENT))[60].spelled() == "{}"
    assert set(await world.read("acme")) == {0}


async def test_a_database_that_is_away_loses_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(database)

    async def away(_script: object) -> None:
        raise StorageUnavailableError("away")

    world.counters.tallies.of("acme").events = 1
    with monkeypatch.context() as patch:
        patch.setattr(database, "run", away)
        world.is_away = True
        world.now += timedelta(minutes=1)
        await world.book.turn()
        assert world.counters.total("rollup_failures") == 3  # to write, to look, to fold
    world.is_away = False
    world.counters.tallies.of("acme").events = 2
    world.now += timedelta(minutes=1)
    await world.book.close()
    assert {at_s: it.events for at_s, it in (await world.read("acme")).items()} == {0: 1, 60: 2}


async def test_hours_are_folded_once_an_hour(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    world, folded = World(database), []

    async def fold(now: datetime) -> None:
        folded.append(now)

    monkeypatch.setattr(world.rollups, "fold", fold)
    for minute in range(0, 125, 5):
        world.now = NOON + timedelta(minutes=minute)
        await world.book.turn()
    assert folded == [NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=2)]


async def test_the_loop_is_looked_at_and_the_page_turned_by_itself(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minute_book, "LOOK_S", 0.01)
    world = World(sqlite_database)
    world.is_away = True  # the first look fails, and the book is kept all the same
    running = asyncio.create_task(world.book.run())
    await holds("the loop was measured", lambda: world.counters.loop_lag_s.count >= 3)
    assert world.looks == 1
    world.is_away = False
    world.now += timedelta(minutes=1)
    await holds("the page was turned", lambda: world.looks == 2)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
