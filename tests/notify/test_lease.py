from __future__ import annotations

import asyncio

from tests.support.machine_world import TurnableClock

from ponteio.notify.lease import RENEWED, VALID, Lease
from ponteio.storage.database import Database


async def test_of_several_that_ask_at_once_one_holds(database: Database) -> None:
    clock = TurnableClock()
    leases = [Lease(database, "alerts", clock) for _ in range(5)]
    found = await asyncio.gather(*(lease.hold() for lease in leases))
    assert sum(found) == 1
    assert [lease.is_held for lease in leases] == found


async def test_a_holder_that_renews_stays_it_and_one_that_is_gone_is_followed(database: Database) -> None:
    clock = TurnableClock()
    first, second = Lease(database, "alerts", clock), Lease(database, "alerts", clock)
    for _ in range(10):
        assert await first.hold()
        assert not await second.hold()
        clock.turn(seconds=RENEWED.total_seconds())
    clock.turn(seconds=VALID.total_seconds())
    assert not first.is_held, "a holder that slept does not believe itself"
    assert await second.hold()
    assert not await first.hold()


async def test_a_lease_that_is_let_go_is_free_at_once(database: Database) -> None:
    clock = TurnableClock()
    first, second = Lease(database, "alerts", clock), Lease(database, "alerts", clock)
    assert await first.hold()
    await second.release()
    assert await first.hold()
    await first.release()
    assert await second.hold()
    assert await Lease(database, "another", clock).hold()
