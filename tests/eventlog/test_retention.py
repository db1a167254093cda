"""How old events leave the log, and what a reader sees meanwhile."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.log_world import NOON, LogWorld, decoded, log_world

from ponteio.eventlog import retention as retention_module
from ponteio.eventlog.retention import MOST_BYTES, Retention
from ponteio.model.event_policy import EventChoices, EventPolicy
from ponteio.model.outcome import CURSOR_EXPIRED, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.tables import events

NAMES = ("messages.upsert", "messages.update", "presence.update", "call", "x", "chats.upsert")
PATTERNS = ("*", "messages.*", "messages.upsert", "presence.*", "presence.update", "call", "chats.*")
DAY = timedelta(days=1)


@pytest.fixture
async def world(database: Database) -> LogWorld:
    return await log_world(database, "alpha", "beta")


async def store(world: LogWorld, name: str, aged: Sequence[tuple[str, float]], data: bytes | None = None) -> None:
    """Events of these names that are so many days old at NOON."""
    count = (await world.log.head(world.scope(name))).seq
    batch = []
    for number, (event, days) in enumerate(aged, count):
        made = decoded(name, number, event, data=data)
        batch.append(world.addressed(replace(made, received_at=NOON - days * DAY)))
    await world.log.append(batch)


async def left(world: LogWorld, name: str) -> list[tuple[int, str, datetime]]:
    """What is there, whatever the floor says."""
    columns = (events.c.seq, events.c.event, events.c.received_at)
    mine = events.c.organization_id == world.scope(name).organization_id
    async with world.database.read() as connection:
        rows = (await connection.execute(select(*columns).where(mine).order_by(events.c.seq))).all()
    return [(row.seq, row.event, row.received_at) for row in rows]


async def floor_of(world: LogWorld, name: str) -> int:
    return (await world.log.bounds(world.scope(name))).floor.seq


def retention(world: LogWorld, choices: EventChoices, sleep: Any = None, now: datetime = NOON) -> Retention:
    async def at_once(_seconds: float) -> None:
        return None

    return Retention(world.database, lambda _: choices, clock=lambda: now, sleep=sleep or at_once)


async def test_what_is_older_than_it_is_kept_is_gone_and_the_floor_says_so(world: LogWorld) -> None:
    await store(world, "alpha", [("call", 91), ("call", 90.5), ("call", 89), ("call", 0)])
    await store(world, "beta", [("call", 200)])
    organization_id = world.scope("alpha").organization_id
    done = await retention(world, EventChoices()).remove_old([organization_id])
    assert done.events == 2
    assert [seq for seq, _, _ in await left(world, "alpha")] == [3, 4]
    assert await floor_of(world, "alpha") == 2
    assert len(await left(world, "beta")) == 1
    assert (await retention(world, EventChoices()).remove_old([organization_id])).events == 0


async def test_what_is_kept_for_less_leaves_holes_above_the_floor(world: LogWorld) -> None:
    await store(world, "alpha", [("call", 91), ("presence.update", 20), ("call", 10), ("presence.update", 1)])
    choices = EventChoices([EventPolicy("presence.*", keep_days=7)])
    await retention(world, choices).remove_old([world.scope("alpha").organization_id])
    assert [seq for seq, _, _ in await left(world, "alpha")] == [3, 4]
    assert await floor_of(world, "alpha") == 1
    page = await world.log.read_after(world.scope("alpha"), None)
    assert ([event.seq for event in page.events], page.next.seq, page.more) == ([3, 4], 4, False)


async def test_what_is_kept_for_longer_stays_below_the_floor(world: LogWorld) -> None:
    """A cursor below the floor has missed events, though some are still there."""
    await store(world, "alpha", [("messages.upsert", 300), ("call", 200), ("messages.upsert", 150), ("call", 1)])
    choices = EventChoices([EventPolicy("messages.*", keep_days=365)])
    await retention(world, choices).remove_old([world.scope("alpha").organization_id])
    assert [seq for seq, _, _ in await left(world, "alpha")] == [1, 3, 4]
    scope, bounds = world.scope("alpha"), await world.log.bounds(world.scope("alpha"))
    assert bounds.floor.seq == 2
    with pytest.raises(RefusalError) as refused:
        await world.log.read_after(scope, bounds.head.at(1))
    assert refused.value.outcome is CURSOR_EXPIRED
    assert (await world.log.get(scope, bounds.head.at(1))) is not None
    assert [event.seq for event in (await world.log.read_after(scope, None)).events] == [3, 4]


async def test_another_choice_holds_for_what_is_there(world: LogWorld) -> None:
    """A shorter time reaches what an earlier run passed over; the marks of another choice mean nothing."""
    await store(world, "alpha", [(name, days) for days in (40, 20, 5) for name in ("call", "presence.update")])
    mine = [world.scope("alpha").organization_id]
    await retention(world, EventChoices([EventPolicy("call", keep_days=10)])).remove_old(mine)
    assert [seq for seq, _, _ in await left(world, "alpha")] == [2, 4, 5, 6]
    await retention(world, EventChoices([EventPolicy("presence.*", keep_days=10)])).remove_old(mine)
    assert [seq for seq, _, _ in await left(world, "alpha")] == [5, 6]
    assert await floor_of(world, "alpha") == 0
    await retention(world, EventChoices(most_days=1)).remove_old(mine)
    assert await left(world, "alpha") == []
    assert await floor_of(world, "alpha") == 6


async def test_large_events_leave_a_few_at_a_time(world: LogWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "LEAST", 50)
    large = b'"' + b"x" * (MOST_BYTES // 3) + b'"'
    await store(world, "alpha", [("call", 100)] * 7, large)
    await store(world, "alpha", [("call", 100)], b'"' + b"x" * (2 * MOST_BYTES) + b'"')
    done = await retention(world, EventChoices()).remove_old([world.scope("alpha").organization_id])
    assert (done.events, await left(world, "alpha")) == (8, [])
    assert done.transactions >= 4


class _InterruptedError(Exception):
    pass


@pytest.mark.parametrize("seed", range(6))
async def test_at_every_moment_readers_see_what_is_whole_or_are_told(
    world: LogWorld, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I3: after each transaction, above the floor nothing is missing that is kept for the general time; at the end
    exactly that is there which is young enough. Interrupted anywhere, the next run goes on.
    """
    dice = random.Random(seed)
    monkeypatch.setattr(retention_module, "MOST", 7)
    monkeypatch.setattr(retention_module, "LEAST", 3)
    monkeypatch.setattr(retention_module, "_WINDOW", 11)
    await store(world, "alpha", sorted(((dice.choice(NAMES), dice.random() * 60) for _ in range(120)), key=_by_age))
    everything = await left(world, "alpha")
    scope, now = world.scope("alpha"), NOON
    for _ in range(4):
        now += dice.random() * 15 * DAY
        choices = EventChoices(
            [
                EventPolicy(pattern, store=dice.random() < 0.8, keep_days=dice.choice([None, 3, 20, 30, 50]))
                for pattern in dice.sample(PATTERNS, dice.randrange(len(PATTERNS)))
            ],
            keep_days=dice.choice([10, 40]),
            most_days=dice.choice([15, 36_500]),
        )
        before = await left(world, "alpha")
        worker = retention(world, choices, _watch(world, choices, everything, before, now, dice), now)
        while True:
            try:
                await worker.remove_old([scope.organization_id])
                break
            except _InterruptedError:
                continue
        expected = [row for row in before if now - row[2] <= choices.kept_days(row[1]) * DAY]
        assert await left(world, "alpha") == expected


def _by_age(one: tuple[str, float]) -> float:
    return -one[1]


def _watch(
    world: LogWorld, choices: EventChoices, everything: list[Any], before: list[Any], now: datetime, dice: random.Random
) -> Any:
    async def look(_seconds: float) -> None:
        here, floor = await left(world, "alpha"), await floor_of(world, "alpha")
        for row in before:
            if row not in here:
                assert now - row[2] > choices.kept_days(row[1]) * DAY, "nothing leaves before its time"
                if choices.kept_days(row[1]) == choices.general_days:
                    assert row[0] <= floor, "what is missed is said"
        page = await world.log.read_after(world.scope("alpha"), None)
        assert [event.seq for event in page.events] == [seq for seq, _, _ in here if seq > floor]
        assert floor <= everything[-1][0]
        if dice.random() < 0.3:
            raise _InterruptedError

    return look


async def test_slow_transactions_remove_fewer_events_and_quick_ones_more(world: LogWorld) -> None:
    """What one of them may take is a fixed share of time, whatever the disk."""
    await store(world, "alpha", [("call", 100)] * 300)
    ticks = iter(range(1_000_000))
    slow = retention(world, EventChoices())
    slow.monotonic = lambda: float(next(ticks))
    mine = [world.scope("alpha").organization_id]
    assert (await slow.remove_old(mine)).transactions == 30
    await store(world, "alpha", [("call", 100)] * 300)
    quick = retention(world, EventChoices())
    quick.monotonic = lambda: 0.0
    done = await quick.remove_old(mine)
    assert (done.events, done.longest_s) == (300, 0.0)
    assert done.transactions < 8
