from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.alert_world import SERVER, AlertWorld, alert_world

from ponteio.eventlog.gaps import GapLog
from ponteio.model.alert import Condition, Hours, Preview, RuleTerms, SubjectKind
from ponteio.model.identity import InstanceState
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.notify.preview import Previewer
from ponteio.notify.preview_sources import PreviewSources
from ponteio.storage.database import Database
from ponteio.tenancy.audit import Action, Actor

DAY_S = 86_400


@pytest.fixture
async def world(database: Database) -> AsyncIterator[AlertWorld]:
    async with alert_world(database, "loja-01", "loja-02") as made:
        made.clock.turn(days=-8)
        await made.own(made.acme, "loja-01", "loja-02")
        await made.state(InstanceState.CONNECTING, "loja-01", "loja-02")
        await made.state(InstanceState.OPEN, "loja-01", "loja-02")
        made.clock.turn(days=2)
        yield made


def sources(world: AlertWorld) -> PreviewSources:
    return PreviewSources(
        world.database, world.process.log, GapLog(world.database), world.post.audit, world.post.directory,
        world.process.talk,
    )  # fmt: skip


async def preview(world: AlertWorld, condition: Condition, **terms: Any) -> Preview:
    """As of six days later."""
    now = world.clock() + timedelta(days=6)
    scope = world.post.directory.scope_of(world.acme)
    return await Previewer(sources(world)).preview(scope, RuleTerms(condition, **terms), now)


def moments(world: AlertWorld, found: Preview) -> list[tuple[float, str, str]]:
    """Seconds before the clock's now, with what was in trouble."""
    return [((at - world.clock()).total_seconds(), subject.kind.value, subject.name) for at, subject in found.moments]


async def test_states_are_those_that_events_told(world: AlertWorld) -> None:
    await world.stored("loja-01", "connection.update", {"state": "connecting"})
    world.clock.turn(seconds=600)
    await world.stored("loja-01", "connection.update", {"state": "open"})
    await world.stored("loja-02", "connection.update", {"state": "nonsense"})
    await world.stored("loja-02", "messages.upsert", {"state": "close"})
    found = await preview(world, Condition.DOWN, for_s=300)
    assert moments(world, found) == [(-300, "instance", "loja-01")]
    assert found.is_complete
    assert found.basis[:2] == ("state_events", "gaps")
    assert (await preview(world, Condition.DOWN, for_s=900)).moments == ()
    assert (await preview(world, Condition.DOWN, for_s=300, instances=("loja-02",))).moments == ()


async def test_a_state_without_events_counts_from_when_it_was_learned(world: AlertWorld) -> None:
    await world.state(InstanceState.CLOSE, "loja-02")
    found = await preview(world, Condition.DOWN, for_s=300)
    assert moments(world, found) == [(300, "instance", "loja-02")]


async def test_outages_of_all_links_are_their_servers(world: AlertWorld) -> None:
    gaps, now = GapLog(world.database), world.clock()
    for name, length_s in (("loja-01", 600), ("loja-02", 3_600), ("foreign", 9_000)):
        end = now + timedelta(seconds=length_s)
        await gaps.record(Gap(LinkTarget(SERVER, name), GapKind.LINK_DOWN, now, end))
    await gaps.record(Gap(LinkTarget(SERVER, "loja-01"), GapKind.OVERSIZE, now, now))
    found = await preview(world, Condition.DOWN, for_s=300)
    assert moments(world, found) == [(300, "server", SERVER), (900, "instance", "loja-02")]
    await gaps.record(Gap(LinkTarget(SERVER), GapKind.LINK_DOWN, now + timedelta(days=1), now + timedelta(days=2)))
    found = await preview(world, Condition.DOWN, for_s=300)
    assert moments(world, found)[-1] == (DAY_S + 300, "server", SERVER)


async def test_qr_codes(world: AlertWorld) -> None:
    for _ in range(5):
        await world.stored("loja-01", "qrcode.updated", {})
        world.clock.turn(seconds=45)
    found = await preview(world, Condition.QR, for_s=120)
    assert moments(world, found) == [(120 - 5 * 45, "instance", "loja-01")]


async def test_limits_are_in_the_audit_log(world: AlertWorld) -> None:
    house = Actor("gateway")
    for owner in (world.acme, world.rival):
        await world.post.audit.record(Action.LIMIT_REACHED, house, organization_id=owner, target="too_many_links")
    found = await preview(world, Condition.LIMIT, for_s=0)
    assert moments(world, found) == [(0, "limit", "too_many_links")]
    assert "limits_once_an_hour" in found.basis


async def test_silence_is_what_lies_between_events(world: AlertWorld) -> None:
    for _ in range(3):
        await world.stored("loja-01", "messages.upsert", {})
        world.clock.turn(seconds=3_600)
    await world.stored("loja-01", "messages.upsert", {})
    found = await preview(world, Condition.SILENT, for_s=1_800, instances=("loja-01",))
    assert moments(world, found) == [(seconds, "instance", "loja-01") for seconds in (-9_000, -5_400, -1_800, 1_800)]
    assert (await preview(world, Condition.SILENT, for_s=1_800, instances=("loja-02",))).moments == ()
    now = world.clock()
    outage = Gap(LinkTarget(SERVER), GapKind.LINK_DOWN, now - timedelta(hours=1), now - timedelta(minutes=5))
    await GapLog(world.database).record(outage)
    found = await preview(world, Condition.SILENT, for_s=1_800, instances=("loja-01",))
    assert -1_800 not in [seconds for seconds, _, _ in moments(world, found)], "nobody can be silent who is not heard"


async def test_silence_counts_in_hours_alone(world: AlertWorld) -> None:
    world.clock.now = world.clock().replace(hour=12, minute=0, second=0, microsecond=0)
    await world.stored("loja-01", "messages.upsert", {})
    afternoon = Hours(frozenset({world.clock().weekday()}), 14 * 60, 16 * 60, "UTC")
    found = await preview(world, Condition.SILENT, for_s=1_800, hours=afternoon)
    assert moments(world, found) == [(2 * 3_600 + 1_800, "instance", "loja-01")]
    assert (await preview(world, Condition.SILENT, for_s=1_800, usual_hours=True)).moments == ()
    for week in (1, 2):
        world.process.talk.note(world.acme, "loja-01", world.clock() + timedelta(hours=3) - timedelta(weeks=week))
    usual = await preview(world, Condition.SILENT, for_s=1_800, usual_hours=True)
    assert moments(world, usual) == [(3 * 3_600 + 1_800, "instance", "loja-01")]
    assert "usual_hours_of_now" in usual.basis


async def test_events_that_match_often_enough(world: AlertWorld) -> None:
    for seconds in (0, 10, 10, 600, 30, 700):
        world.clock.turn(seconds=seconds)
        await world.stored("loja-01", "messages.upsert", {"message": {"conversation": "o boleto"}})
        await world.stored("loja-02", "messages.upsert", {"message": {"conversation": "bom dia"}})
    words = 'event:messages.* text:"boleto"'
    found = await preview(world, Condition.EVENT, for_s=60, count=2, filter=words, reopen_s=0)
    assert [kind for _, kind, _ in moments(world, found)] == [SubjectKind.EVENTS.value] * 2
    assert [seconds for seconds, _, _ in moments(world, found)] == [-1_340, -700]
    other = await preview(world, Condition.EVENT, for_s=60, count=2, filter=words, instances=("loja-02",))
    assert other.moments == ()


async def test_when_time_is_over_it_says_so(world: AlertWorld) -> None:
    await world.stored("loja-01", "connection.update", {"state": "close"})
    scope, now = world.post.directory.scope_of(world.acme), world.clock()
    for condition in (Condition.DOWN, Condition.SILENT, Condition.QR):
        found = await sources(world).troubles(
            scope, RuleTerms(condition), now - timedelta(days=7), now, time.monotonic() - 1
        )
        assert not found.is_complete
