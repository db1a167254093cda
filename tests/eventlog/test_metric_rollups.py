"""Figures over time, on both databases: exactly once for each process, processes add up, minutes become hours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from ponteio.eventlog import metric_rollups
from ponteio.eventlog.metric_rollups import HOUR_S, HOURS_KEPT, MINUTE_S, MINUTES_KEPT, MetricRollups
from ponteio.observe.figures import Figures, Hop
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError
from ponteio.storage.journal_tables import metric_rollups as table

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def figures(events: int, seconds: float = 0.25, instance: str = "loja") -> Figures:
    made = Figures()
    made.events = events
    made.events_of[instance] = events
    made.latency[Hop.RECEIVED_TO_COMMITTED].observe(seconds, events)
    return made


async def events(rollups: MetricRollups, organization_id: str, step_s: int = MINUTE_S) -> dict[int, int]:
    found = await rollups.read(organization_id, NOON - timedelta(days=400), NOON + timedelta(days=1), step_s)
    return {at_s - int(NOON.timestamp()): it.events for at_s, it in found.items()}


async def rows(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_what_was_noted_is_read_by_minute_and_organization(database: Database) -> None:
    rollups = MetricRollups(database)
    rollups.note(NOON + timedelta(seconds=59), {"acme": figures(3), "beta": figures(9)})
    rollups.note(NOON + timedelta(seconds=61), {"acme": figures(4, seconds=2)})
    await rollups.flush()
    assert await events(rollups, "acme") == {0: 3, 60: 4}
    assert await events(rollups, "beta") == {0: 9}
    assert await events(rollups, "nobody") == {}
    hour = (await rollups.read("acme", NOON, NOON + timedelta(hours=1), HOUR_S))[int(NOON.timestamp())]
    assert hour.events_of == {"loja": 7}
    assert hour.latency[Hop.RECEIVED_TO_COMMITTED].count == 7
    assert hour.latency[Hop.RECEIVED_TO_COMMITTED].sum == 3 * 0.25 + 4 * 2
    assert await rollups.read("acme", NOON + timedelta(seconds=60), NOON + timedelta(seconds=60), 60) == {}


async def test_writing_twice_counts_once_and_a_minute_may_grow(database: Database) -> None:
    rollups = MetricRollups(database)
    rollups.note(NOON, {"acme": figures(3)})
    await rollups.flush()
    await rollups.flush()
    rollups.note(NOON + timedelta(seconds=30), {"acme": figures(2)})
    await rollups.flush()
    assert await events(rollups, "acme") == {0: 5}
    assert await rows(database) == 1


async def test_processes_add_up(database: Database) -> None:
    one, other = MetricRollups(database, "one"), MetricRollups(database, "other")
    for rollups, count in ((one, 3), (other, 4)):
        rollups.note(NOON, {"acme": figures(count)})
        await rollups.flush()
    assert await events(one, "acme") == {0: 7}
    again = MetricRollups(database)  # the next process of a gateway that was restarted within the minute
    again.note(NOON, {"acme": figures(1)})
    await again.flush()
    assert await events(one, "acme") == {0: 8}


async def test_an_answer_that_did_not_arrive_counts_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is done, and its answer lost: the same rows are written again."""
    rollups, run = MetricRollups(database), database.run

    async def lost(script: object) -> None:
        await run(script)  # type: ignore[arg-type]
        raise StorageError("the connection broke")

    rollups.note(NOON, {"acme": figures(3), "beta": figures(1)})
    monkeypatch.setattr(database, "run", lost)
    with pytest.raises(StorageError):
        await rollups.flush()
    monkeypatch.undo()
    rollups.note(NOON + timedelta(minutes=1), {"acme": figures(2)})
    await rollups.flush()
    assert await events(rollups, "acme") == {0: 3, 60: 2}
    assert await events(rollups, "beta") == {0: 1}


async def test_while_the_database_is_away_the_newest_minutes_wait(database: Database) -> None:
    rollups = MetricRollups(database)
    for minute in range(200):
        rollups.note(NOON + timedelta(minutes=minute), {"acme": figures(1)})
    await rollups.flush()
    assert sorted(await events(rollups, "acme")) == [60 * minute for minute in range(80, 200)]


async def test_many_organizations_go_in_small_transactions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_rollups, "_ROWS_AT_ONCE", 7)
    rollups = MetricRollups(database)
    rollups.note(NOON, {f"org_{number}": figures(number + 1) for number in range(40)})
    await rollups.flush()
    assert await rows(database) == 40
    assert await events(rollups, "org_39") == {0: 40}


async def test_old_minutes_become_hours_and_old_hours_go(database: Database) -> None:
    one, other = MetricRollups(database, "one"), MetricRollups(database, "other")
    for minute in range(0, 180, 10):
        for rollups, name in ((one, "acme"), (other, "acme"), (one, "")):
            rollups.note(NOON + timedelta(minutes=minute), {name: figures(1)})
    for rollups in (one, other):
        await rollups.flush()
    before = await events(one, "acme", HOUR_S)
    assert before == {0: 12, 3600: 12, 7200: 12}
    assert await rows(database) == 54
    await one.fold(NOON + MINUTES_KEPT + timedelta(hours=2, minutes=30))  # the third hour is not old yet
    assert await rows(database) == 4 + 18
    assert await events(one, "acme", HOUR_S) == before
    await one.fold(NOON + MINUTES_KEPT + timedelta(hours=2, minutes=30))
    assert await events(one, "acme", HOUR_S) == before
    other.note(NOON + timedelta(minutes=5), {"acme": figures(1)})  # a process that was cut off for two days
    await other.flush()
    await one.fold(NOON + MINUTES_KEPT + timedelta(hours=4))
    assert await events(one, "acme", HOUR_S) == {**before, 0: 13}
    assert await rows(database) == 6
    await one.fold(NOON + HOURS_KEPT + timedelta(hours=1, minutes=1))
    assert await events(one, "acme", HOUR_S) == {7200: 12}
    await one.fold(NOON + HOURS_KEPT + timedelta(days=1))
    assert await rows(database) == 0


async def test_processes_that_fold_at_once_lose_and_double_nothing(database: Database) -> None:
    makers = [MetricRollups(database, name) for name in ("one", "two", "three")]
    for maker in makers:
        for minute in range(60):
            maker.note(NOON + timedelta(minutes=minute), {"acme": figures(1)})
        await maker.flush()
    await asyncio.gather(*(maker.fold(NOON + MINUTES_KEPT + timedelta(hours=2)) for maker in makers))
    assert await events(makers[0], "acme", HOUR_S) == {0: 180}
    assert 1 <= await rows(database) <= 3
