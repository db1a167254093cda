from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from tests.support.databases import migrated, opened
from tests.support.log_world import NOON, SERVER, decoded, log_world

from ponteio.eventlog import quarantine as quarantine_module
from ponteio.eventlog.quarantine import Quarantine, QuarantineCount
from ponteio.model.event import Refusal
from ponteio.model.link import LinkTarget
from ponteio.model.outcome import MALFORMED_JSON, UNASSIGNED
from ponteio.storage.database import Database
from ponteio.storage.tables import quarantine


def _garbage(number: int) -> Refusal:
    return Refusal(
        outcome=MALFORMED_JSON,
        frame_target=LinkTarget("main", "a/b"),
        received_at=NOON + timedelta(seconds=number),
        detail=f"at byte {number}",
        size=number,
        excerpt="\x00\ud800 é 😀",
    )


async def test_a_refusal_is_kept_as_it_was(database: Database) -> None:
    """I6: a refusal leaves a row that a human can read."""
    quarantine = Quarantine(database)
    assert await quarantine.put([]) == 0
    assert await quarantine.put([_garbage(1), _garbage(1)]) == 2
    kept = (await quarantine.list(10))[0]
    given = _garbage(1)
    assert (kept.outcome, kept.target, kept.received_at) == ("malformed_json", given.frame_target, given.received_at)
    assert (kept.detail, kept.size, kept.excerpt) == (given.detail, given.size, given.excerpt)
    assert (kept.instance, kept.event) == (None, None)


async def test_an_event_that_came_over_two_links_is_kept_once(database: Database) -> None:
    world, quarantine = await log_world(database), Quarantine(database)
    refusals = [world.directory.address(decoded("alpha", 1, over=over)) for over in (None, "alpha")]
    assert [type(one) for one in refusals] == [Refusal, Refusal]
    assert await quarantine.put([one for one in refusals if isinstance(one, Refusal)]) == 1
    assert await quarantine.put([one for one in refusals if isinstance(one, Refusal)]) == 0


async def test_pages_go_back_in_time(database: Database) -> None:
    quarantine = Quarantine(database)
    await quarantine.put([_garbage(number) for number in range(7)])
    first = await quarantine.list(3)
    second = await quarantine.list(3, before=first[-1].quarantine_id)
    assert [one.size for one in first + second] == [6, 5, 4, 3, 2, 1]


async def test_the_oldest_make_room(database: Database) -> None:
    """I7: a flood of garbage costs a bounded amount of disk."""
    quarantine = Quarantine(database, kept=10)
    for start in range(0, 40, 4):
        await quarantine.put([_garbage(number) for number in range(start, start + 4)])
        assert len(await quarantine.list(100)) <= 10
    assert [one.size for one in await quarantine.list(100)] == list(range(39, 29, -1))


async def test_the_summary_counts_by_outcome_server_and_instance(database: Database) -> None:
    world, quarantine = await log_world(database), Quarantine(database)
    strays = [world.directory.address(decoded(name, number)) for name in ("alpha", "beta") for number in range(2)]
    await quarantine.put([one for one in strays if isinstance(one, Refusal)])
    await quarantine.put([_garbage(number) for number in range(3)])
    assert await quarantine.summary() == [
        QuarantineCount(MALFORMED_JSON.code, "main", None, 3, NOON + timedelta(seconds=2)),
        QuarantineCount(UNASSIGNED.code, SERVER, "alpha", 2, NOON + timedelta(seconds=1, milliseconds=5)),
        QuarantineCount(UNASSIGNED.code, SERVER, "beta", 2, NOON + timedelta(seconds=1, milliseconds=5)),
    ]


async def test_two_processes_with_the_same_refusals_keep_each_once(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as other:
        world = await log_world(one)
        strays = [world.directory.address(decoded("alpha", number)) for number in range(40)]
        refusals = [stray for stray in strays if isinstance(stray, Refusal)]
        added = await asyncio.gather(
            *(Quarantine(database).put(refusals[::step]) for database in (one, other) for step in (1, -1, 1, -1))
        )
        assert sum(added) == 40


@pytest.mark.postgres
async def test_two_processes_with_the_same_refusals_do_not_wait_for_each_other(postgres_url: str) -> None:
    """The other one, whose order is the opposite, must not hold what this one wants next."""
    async with migrated(postgres_url) as one, opened(postgres_url) as other:
        world = await log_world(one)
        strays = [world.directory.address(decoded("alpha", number)) for number in range(2)]
        refusals = [stray for stray in strays if isinstance(stray, Refusal)]
        async with one.write() as connection:
            await connection.execute(insert(quarantine), quarantine_module._columns(refusals[0]))
            putting = asyncio.ensure_future(Quarantine(other).put(refusals[::-1]))
            waiting = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))")
            while not (await connection.execute(waiting)).scalar_one():
                await asyncio.sleep(0.01)
            await connection.execute(insert(quarantine), quarantine_module._columns(refusals[1]))
        assert await putting == 0
