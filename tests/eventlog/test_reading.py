from __future__ import annotations

import pytest
from sqlalchemy import delete, text, update
from tests.support.log_world import LogWorld, decoded, log_world

from ponteio.eventlog import reading
from ponteio.model.filter import EventFilter
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import CURSOR_EXPIRED, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.script import Load, Query
from ponteio.storage.tables import event_logs, events


async def test_many_logs_are_asked_for_in_bounded_statements(database: Database) -> None:
    world = await log_world(database, "alpha")
    known = world.scope("alpha").organization_id
    assert set(await world.log.heads([known, *(f"org_{n}" for n in range(12_000))])) == {known}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("messages.*", ["messages.upsert", "messages."]),
        ("messages.upsert", ["messages.upsert"]),
        ("MESSAGES.*", ["MESSAGES.upsert"]),
        ("_essages.*", []),
        ("%.*", ["%.x"]),
        ("mess.*", []),
        ("nul\x00.*", ["nul\x00.x"]),
    ],
)
async def test_a_pattern_means_what_it_spells(database: Database, pattern: str, names: list[str]) -> None:
    world = await log_world(database, "alpha")
    every = ["messages.upsert", "messages.", "MESSAGES.upsert", "messagesXupsert", "messages", "%.x", "nul\x00.x"]
    await world.log.append([world.addressed(decoded("alpha", 0, name)) for name in every])
    found = await world.everything("alpha", EventFilter.of(None, [pattern]))
    assert [event.event for event in found] == names


async def test_the_largest_filter_is_taken(database: Database) -> None:
    world = await log_world(database, "alpha")
    await world.log.append(world.batch("alpha", range(3)))
    wanted = EventFilter.of(
        ["alpha", *(f"instance {n}" for n in range(499))], ["messages.*", *(f"family{n}.*" for n in range(499))]
    )
    assert len((await world.log.read_after(world.scope("alpha"), None, filter=wanted)).events) == 3


async def test_a_limit_below_one_reads_one(database: Database) -> None:
    world = await log_world(database, "alpha")
    await world.log.append(world.batch("alpha", range(3)))
    assert len((await world.log.read_after(world.scope("alpha"), None, limit=0)).events) == 1


def test_every_question_names_the_organization() -> None:
    """I4: whatever the filter, the rows are those of the scope."""
    scope = OrganizationScope("org_a")
    script = reading.read_after(scope, None, 10, 100, EventFilter.of(["a"], ["x.*", "y"]))
    steps = [next(script), script.send([("org_a", "eeeeeeee", 5, 0)]), script.send([(1, 10)])]
    for step in steps:
        assert isinstance(step, Load | Query)
        statement = step.query().statement if isinstance(step, Load) else step.statement
        assert "WHERE organization_id = ? " in f"{statement} "
        assert step.parameters[0] == "org_a"
        assert " OR " not in statement.replace("(event IN (?) OR substr(event, 1, ?) = ?)", "")


async def test_reads_by_instance_use_their_index(sqlite_database: Database) -> None:
    statement = (
        "EXPLAIN QUERY PLAN SELECT seq, size FROM events "
        "WHERE organization_id = 'o' AND seq > 1 AND seq <= 2 AND instance IN ('a') ORDER BY seq LIMIT 3"
    )
    async with sqlite_database.read() as connection:
        plan = str((await connection.execute(text(statement))).all())
    assert "ix_events_organization_id_instance_seq" in plan


async def _floor(world: LogWorld, name: str, seq: int) -> None:
    """What the removal of old events does to a log."""
    organization_id = world.scope(name).organization_id
    async with world.database.write() as connection:
        mine = events.c.organization_id == organization_id
        await connection.execute(delete(events).where(mine, events.c.seq <= seq))
        here = event_logs.c.organization_id == organization_id
        await connection.execute(update(event_logs).where(here).values(floor=seq))


async def test_a_place_below_the_floor_is_no_place_to_go_on_from(database: Database) -> None:
    """I3: never a part of the log that looks whole."""
    world = await log_world(database, "alpha", "beta")
    await world.log.append(world.batch("alpha", range(10)))
    await _floor(world, "alpha", 6)
    scope, bounds = world.scope("alpha"), await world.log.bounds(world.scope("alpha"))
    assert (bounds.floor.seq, bounds.head.seq) == (6, 10)
    for seq in range(6):
        with pytest.raises(RefusalError) as refused:
            await world.log.read_after(scope, bounds.head.at(seq))
        assert refused.value.outcome is CURSOR_EXPIRED
    for start in (bounds.floor, None):
        page = await world.log.read_after(scope, start)
        assert [event.seq for event in page.events] == [7, 8, 9, 10]
        assert not page.more
    assert (await world.log.bounds(world.scope("beta"))).floor.seq == 0


async def test_a_log_of_which_nothing_is_left_reads_as_empty_and_goes_on(database: Database) -> None:
    world = await log_world(database, "alpha")
    await world.log.append(world.batch("alpha", range(3)))
    await _floor(world, "alpha", 3)
    page = await world.log.read_after(world.scope("alpha"), None)
    assert (page.events, page.next.seq, page.more) == ([], 3, False)
    stored = (await world.log.append(world.batch("alpha", [7]))).stored
    assert [event.seq for event in stored] == [4]
