from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.alert_world import AlertWorld, alert_world

from ponteio.model.alert import Condition, EntryKind, Incident, IncidentEntry, IncidentState, Subject, SubjectKind
from ponteio.model.outcome import NOT_FOUND, RefusalError
from ponteio.notify.incidents import KEPT, MAX_ENTRIES, Incidents, add, add_entry, new_incident_id, save
from ponteio.storage.database import Database


@pytest.fixture
async def world(database: Database) -> AsyncIterator[AlertWorld]:
    async with alert_world(database) as made:
        yield made


async def made(world: AlertWorld, owner: str | None = None, **changes: object) -> Incident:
    """An incident that is stored."""
    now = world.clock()
    incident = Incident(
        *(owner or world.acme, new_incident_id(now), "alr_1", "Shops", Condition.DOWN),
        *(Subject(SubjectKind.INSTANCE, "loja-01"), now, now, now),
    )
    incident = replace(incident, reason="state_close", instances=("loja-01",), instance_count=1, **changes)  # type: ignore[arg-type]
    async with world.database.write() as connection:
        await add(connection, incident)
        await add_entry(connection, incident, IncidentEntry(now, EntryKind.OPENED))
    world.clock.turn(seconds=1)
    return incident


async def test_an_incident_comes_back_as_it_was(world: AlertWorld) -> None:
    incident = await made(world, flaps=3, event_count=7)
    found, timeline = await world.process.incidents.get(world.acme, incident.incident_id)
    assert found == incident
    assert [one.kind for one in timeline] == [EntryKind.OPENED]


async def test_pages_are_by_id_newest_first(world: AlertWorld) -> None:
    all_made = [await made(world) for _ in range(5)]
    await made(world, world.rival)
    incidents = world.process.incidents
    first = await incidents.list(world.acme, only_open=False, limit=2)
    assert first == [all_made[4], all_made[3]]
    rest = await incidents.list(world.acme, only_open=False, limit=200, before=first[-1].incident_id)
    assert rest == [all_made[2], all_made[1], all_made[0]]
    await incidents.resolve(world.acme, all_made[4].incident_id, "ana")
    assert len(await incidents.list(world.acme, only_open=True, limit=200)) == 4


async def test_what_people_do_is_done_once_and_told(world: AlertWorld) -> None:
    heard: list[Incident] = []
    incidents = world.process.incidents
    incidents.on_change(heard.append)
    incident = await made(world)
    seen = await incidents.acknowledge(world.acme, incident.incident_id, "ana")
    assert (seen.state, seen.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "ana")
    assert await incidents.acknowledge(world.acme, incident.incident_id, "bia") == seen
    closed = await incidents.resolve(world.acme, incident.incident_id, "bia")
    assert (closed.state, closed.resolved_by, closed.is_dismissed) == (IncidentState.RESOLVED, "bia", True)
    assert await incidents.resolve(world.acme, incident.incident_id, "ana") == closed
    assert await incidents.acknowledge(world.acme, incident.incident_id, "ana") == closed
    assert heard == [seen, closed]
    assert await world.timeline(incident) == ["opened", "acknowledged", "resolved"]


async def test_a_foreign_incident_is_none(world: AlertWorld) -> None:
    """I4: another organization's incident is not there."""
    foreign = await made(world, world.rival)
    incidents = world.process.incidents
    for incident_id in (foreign.incident_id, "inc_0123456789abcdef01234567"):
        for call in (
            incidents.get(world.acme, incident_id),
            incidents.acknowledge(world.acme, incident_id, "ana"),
            incidents.resolve(world.acme, incident_id, "ana"),
        ):
            with pytest.raises(RefusalError) as refused:
                await call
            assert refused.value.outcome is NOT_FOUND


async def test_a_watch_does_not_undo_what_somebody_did_meanwhile(world: AlertWorld) -> None:
    incident = await made(world)
    await world.process.incidents.acknowledge(world.acme, incident.incident_id, "ana")
    async with world.database.write() as connection:
        assert await save(connection, replace(incident, flaps=1))
    found, _ = await world.process.incidents.get(world.acme, incident.incident_id)
    assert (found.flaps, found.acknowledged_by) == (1, "ana")
    await world.process.incidents.resolve(world.acme, incident.incident_id, "ana")
    async with world.database.write() as connection:
        assert not await save(connection, replace(incident, flaps=2))


async def test_what_lives_is_what_a_watch_takes_over(world: AlertWorld) -> None:
    is_open = await made(world)
    ended = await made(world, resolved_at=world.clock())
    await made(world, resolved_at=world.clock() - timedelta(hours=1))
    dismissed = await made(world, resolved_at=world.clock() - timedelta(days=1), is_dismissed=True)
    found = await world.process.incidents.living(world.clock() - timedelta(minutes=10))
    assert found == [is_open, ended, dismissed]


async def test_a_timeline_is_bounded(world: AlertWorld) -> None:
    incident = await made(world)
    async with world.database.write() as connection:
        for _ in range(MAX_ENTRIES + 5):
            await add_entry(connection, incident, IncidentEntry(world.clock(), EntryKind.FLAPPED))
    assert len(await world.timeline(incident)) == MAX_ENTRIES


async def test_old_incidents_are_forgotten(world: AlertWorld) -> None:
    old = await made(world, resolved_at=world.clock())
    is_open = await made(world)
    later = Incidents(world.database, lambda: world.clock() + KEPT + timedelta(minutes=1))
    await later.prune()
    assert await world.incidents() == [is_open]
    assert await world.timeline(is_open) == ["opened"]
    with pytest.raises(RefusalError):
        await later.get(world.acme, old.incident_id)
