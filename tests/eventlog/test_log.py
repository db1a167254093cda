from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from tests.support.log_world import NOON, decoded, log_world

from ponteio.eventlog import log as log_module
from ponteio.eventlog.log import EventLog
from ponteio.storage.database import Database
from ponteio.storage.tables import event_fingerprints


class _Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


async def _fingerprints(database: Database) -> int:
    async with database.read() as connection:
        count: int = (await connection.execute(select(func.count()).select_from(event_fingerprints))).scalar_one()
        return count


async def test_an_empty_batch_costs_no_transaction(database: Database) -> None:
    log = EventLog(database)
    await database.close()
    appended = await log.append([])
    assert (appended.stored, appended.duplicates) == ([], 0)


async def test_a_log_begins_empty(database: Database) -> None:
    world = await log_world(database, "alpha")
    head = await world.log.head(world.scope("alpha"))
    page = await world.log.read_after(world.scope("alpha"), None)
    assert (page.events, page.next, page.head, page.more) == ([], head, head, False)
    assert head.seq == 0
    assert await world.log.get(world.scope("alpha"), head) is None


async def test_fingerprints_outlive_their_day_and_then_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_PRUNED_AT_ONCE", 4)
    world, clock = await log_world(database, "alpha"), _Clock()
    log = EventLog(database, clock)
    for day in range(3):
        clock.now = NOON + timedelta(days=day)
        await log.append(world.batch("alpha", range(day * 10, day * 10 + 10)))
    assert await log.prune_fingerprints(NOON) == 0
    assert (await log.append(world.batch("alpha", range(30)))).duplicates == 30
    assert await log.prune_fingerprints(NOON + timedelta(days=2)) == 20
    assert await _fingerprints(database) == 10
    assert (await log.append(world.batch("alpha", range(30)))).duplicates == 10


async def test_unknown_organizations_have_no_head(database: Database) -> None:
    world = await log_world(database, "alpha")
    known = world.scope("alpha").organization_id
    assert await world.log.heads([]) == {}
    assert set(await world.log.heads([known, "org_x", known, "\udcff" and "org_y"])) == {known}


async def test_a_place_of_another_life_of_the_log_holds_nothing(database: Database) -> None:
    world = await log_world(database, "alpha")
    stored = (await world.log.append([world.addressed(decoded("alpha"))])).stored[0]
    scope = world.scope("alpha")
    assert await world.log.get(scope, stored.cursor) == stored
    assert await world.log.get(scope, type(stored.cursor)("00000000", 1)) is None
    assert await world.log.get(scope, stored.cursor.at(2)) is None
