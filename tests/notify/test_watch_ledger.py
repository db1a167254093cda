from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.alert_world import AlertWorld, alert_world

from ponteio.model.alert import AlertRule, Incident, IncidentState, Subject, SubjectKind
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch_ledger import MAX_NAMES, Ledger
from ponteio.notify.watch_rule import Finding, RuleWatch, Watched
from ponteio.notify.watch_survey import Fault, Survey
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageUnavailableError

MANY = [f"loja-{number:03d}" for number in range(21)]


@pytest.fixture
async def world(database: Database) -> AsyncIterator[AlertWorld]:
    async with alert_world(database) as made:
        yield made


class Pen:
    """A rule under watch, and what it finds."""

    def __init__(self, world: AlertWorld, rule: AlertRule) -> None:
        self.world = world
        self.watch = RuleWatch(rule, world.options, world.clock())
        self.talk = TalkHours(world.database)

    def find(self, *faults: tuple[Subject, Fault]) -> list[Finding]:
        return list(self.watch.look(Survey(down=dict(faults)), self.talk, self.world.clock()))

    async def write(self, findings: list[Finding]) -> None:
        await self.world.process.ledger.write(findings, self.world.clock())

    def watched(self, name: str) -> Watched:
        return self.watch.watched[Subject(SubjectKind.INSTANCE, name)]

    def down(self, *names: str) -> list[tuple[Subject, Fault]]:
        now = self.world.clock()
        return [(Subject(SubjectKind.INSTANCE, name), Fault(now, "link_unreachable", (name,))) for name in names]


async def test_many_findings_are_written_in_portions(world: AlertWorld) -> None:
    pen = Pen(world, await world.rule(for_s=0))
    await pen.write(pen.find(*pen.down(*MANY)))
    assert sorted(one.subject.name for one in await world.incidents()) == MANY
    assert len(await world.told()) == len(MANY)
    assert pen.find(*pen.down(*MANY)) == []


async def test_what_the_database_did_not_take_is_found_again(world: AlertWorld, database_url: str) -> None:
    pen = Pen(world, await world.rule(for_s=0))
    findings = pen.find(*pen.down("loja-01"))
    closed = await Database.open(database_url)
    await closed.close()
    ledger = Ledger(closed, world.post.office.deliveries, world.process.ledger._wording)
    with pytest.raises(StorageUnavailableError):
        await ledger.write(findings, world.clock())
    again = pen.find(*pen.down("loja-01"))
    assert [one.move for one in again] == [one.move for one in findings]
    await pen.write(again)
    assert len(await world.incidents()) == 1


async def test_an_incident_that_is_gone_is_forgotten(world: AlertWorld) -> None:
    pen = Pen(world, await world.rule(for_s=0))
    await pen.write(pen.find(*pen.down("loja-01")))
    watched = pen.watched("loja-01")
    assert watched.incident is not None
    watched.incident = replace(watched.incident, incident_id="inc_gone")
    pen.find()
    world.clock.turn(seconds=60)
    await pen.write(pen.find())
    assert pen.watch.watched == {}


async def test_nobody_is_told_where_nobody_is_to_be(world: AlertWorld) -> None:
    pen = Pen(world, await world.rule(for_s=0, channels=()))
    await pen.write(pen.find(*pen.down("loja-01")))
    world.clock.turn(seconds=1)
    quiet = Pen(world, await world.rule(for_s=0, tell_resolved=False))
    await quiet.write(quiet.find(*quiet.down("loja-02")))
    quiet.find()
    world.clock.turn(seconds=60)
    await quiet.write(quiet.find())
    assert await world.kinds() == ["alert.firing"]
    first, second = await world.incidents()
    assert await world.timeline(first) == ["opened"]
    assert await world.timeline(second) == ["opened", "told", "resolved"]


async def test_an_incident_grows_and_names_a_hundred(world: AlertWorld) -> None:
    pen = Pen(world, await world.rule(for_s=0))
    server = Subject(SubjectKind.SERVER, "main")
    names = tuple(f"loja-{number:03d}" for number in range(MAX_NAMES + 50))
    await pen.write(pen.find((server, Fault(world.clock(), "server_unreachable", names[:2]))))
    pen.find((server, Fault(world.clock(), "server_unreachable", names)))
    await world.process.ledger.refresh(pen.watch, server, world.clock())
    await world.process.ledger.refresh(pen.watch, server, world.clock())
    (incident,) = await world.incidents()
    assert (incident.instances, incident.instance_count) == (names[:MAX_NAMES], len(names))
    assert len(await world.told()) == 1
    assert [one.instance_count for one in world.process.told_live] == [2, len(names)]


async def test_orphans_end_without_a_word(world: AlertWorld) -> None:
    pen = Pen(world, await world.rule(for_s=0))
    await pen.write(pen.find(*pen.down("loja-01")))
    (orphan,) = await world.incidents()
    await world.process.ledger.close_all([orphan, orphan], world.clock())
    (ended,) = await world.incidents()
    assert ended.state is IncidentState.RESOLVED
    assert await world.timeline(ended) == ["opened", "told", "resolved"]
    assert await world.kinds() == ["alert.firing"]
    heard: list[Incident] = world.process.told_live
    assert [one.state for one in heard] == [IncidentState.OPEN, IncidentState.RESOLVED]
