from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.alert_world import AlertWorld, alert_world, process_of

from ponteio.model.alert import Condition, Hours, IncidentState, Language, QuietHours, SubjectKind
from ponteio.model.identity import InstanceState
from ponteio.model.link import LinkState
from ponteio.model.outcome import TOO_MANY_LINKS
from ponteio.model.rights import Role
from ponteio.notify.watch_survey import RECOVERY
from ponteio.storage.database import Database

MANY = [f"loja-{number:02d}" for number in range(30)]
FIVE_MINUTES = 300


@pytest.fixture
async def world(database: Database) -> AsyncIterator[AlertWorld]:
    async with alert_world(database, "loja-01", "loja-02") as made:
        yield made


@pytest.fixture
async def shops(database: Database) -> AsyncIterator[AlertWorld]:
    async with alert_world(database, *MANY) as made:
        yield made


async def test_an_instance_that_is_down_for_long_enough_is_told_once_and_ends_by_itself(world: AlertWorld) -> None:
    await world.rule(name="Shops")
    await world.turns(5)
    await world.state(InstanceState.CLOSE, "loja-01", reason=401)
    await world.turns(FIVE_MINUTES - 30)
    assert await world.incidents() == []
    await world.turns(90)
    (incident,) = await world.incidents()
    assert (incident.subject.kind, incident.subject.name) == (SubjectKind.INSTANCE, "loja-01")
    assert (incident.reason, incident.rule_name, incident.instances) == ("state_close", "Shops", ("loja-01",))
    (told,) = await world.told()
    assert told.title == "loja-01 is down"
    assert "the WhatsApp connection is closed" in told.body
    assert told.url == f"https://ponteio.example/incidents/{incident.incident_id}"
    assert (told.tag, told.incident_id, told.content) == (incident.incident_id, incident.incident_id, "")
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(29)
    assert await world.kinds() == ["alert.firing"]
    await world.turns(3)
    (incident,) = await world.incidents()
    assert (incident.state, incident.resolved_by) == (IncidentState.RESOLVED, None)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]
    assert await world.timeline(incident) == ["opened", "told", "resolved", "told"]
    assert [one.state for one in world.process.told_live] == [IncidentState.OPEN, IncidentState.RESOLVED]


async def test_a_server_that_goes_down_with_thirty_instances_is_one_incident(shops: AlertWorld) -> None:
    await shops.rule()
    await shops.turns(5)
    shops.link(LinkState.UNREACHABLE, *MANY)
    await shops.turns(FIVE_MINUTES + 60, step_s=5)
    (incident,) = await shops.incidents()
    assert (incident.subject.kind, incident.subject.name) == (SubjectKind.SERVER, "main")
    assert (incident.instance_count, incident.reason) == (30, "server_unreachable")
    (told,) = await shops.told()
    assert told.title == "Server Main does not answer: 30 instances are not heard"
    assert "loja-00, loja-01, loja-02, loja-03, loja-04 and 25 more" in told.body
    shops.link(LinkState.CONNECTED, *MANY)
    await shops.turns(60)
    assert await shops.kinds() == ["alert.firing", "alert.resolved"]
    assert len(await shops.incidents()) == 1


async def test_what_stays_down_after_its_server_is_back_gets_an_incident_of_its_own(shops: AlertWorld) -> None:
    await shops.rule()
    await shops.turns(5)
    shops.link(LinkState.UNREACHABLE, *MANY)
    await shops.turns(FIVE_MINUTES + 60, step_s=5)
    shops.link(LinkState.CONNECTED, *MANY[:28])
    await shops.turns(FIVE_MINUTES - 10, step_s=5)
    assert len(await shops.incidents()) == 1
    shops.link(LinkState.CONNECTED, MANY[28])
    await shops.turns(20, step_s=5)
    server, own = await shops.incidents()
    assert server.state is IncidentState.RESOLVED
    assert (own.subject.name, own.reason) == (MANY[29], "link_unreachable")


async def test_a_server_that_is_back_gives_its_instances_time(shops: AlertWorld) -> None:
    await shops.rule(for_s=0)
    await shops.turns(5)
    shops.link(LinkState.UNREACHABLE, *MANY)
    await shops.turns(60, step_s=5)
    shops.link(LinkState.CONNECTED, MANY[0])
    await shops.turns(RECOVERY.total_seconds() - 5, step_s=5)
    assert len(await shops.incidents()) == 1
    shops.link(LinkState.CONNECTED, *MANY[2:])
    await shops.turns(10, step_s=5)
    assert [one.subject.name for one in await shops.incidents()] == ["main", MANY[1]]


async def test_links_that_notice_late_join_the_incident_of_their_server(shops: AlertWorld) -> None:
    await shops.rule(for_s=0)
    await shops.turns(5)
    shops.link(LinkState.UNREACHABLE, *MANY[:3])
    await shops.turns(2)
    assert len(await shops.incidents()) == 3
    shops.link(LinkState.UNREACHABLE, *MANY[3:])
    await shops.turns(2)
    *own, server = await shops.incidents()
    assert server.subject.kind is SubjectKind.SERVER
    assert [one.state for one in own] == [IncidentState.RESOLVED] * 3
    assert await shops.timeline(own[0]) == ["opened", "told", "joined"]
    assert await shops.kinds() == ["alert.firing"] * 4, "nobody is told that these were resolved: they were not"


async def test_a_global_link_that_is_down_takes_all_instances_with_it(database: Database) -> None:
    async with alert_world(database) as world:
        await world.own(world.acme, *MANY)
        world.link(LinkState.CONNECTED, None)
        await world.rule(for_s=10)
        await world.turns(5)
        world.link(LinkState.UNREACHABLE, None)
        await world.turns(30)
        (incident,) = await world.incidents()
        assert (incident.subject.kind, incident.instance_count) == (SubjectKind.SERVER, 30)


async def test_each_organization_hears_of_its_own_alone(world: AlertWorld) -> None:
    """I4: of the same server each is told with its own instances, and never with a name of another's."""
    await world.own(world.rival, "secret-shop")
    world.link(LinkState.CONNECTED, "secret-shop")
    hook, _ = await world.post.webhook("https://hooks.example/rival", organization_id=world.rival)
    await world.rule(for_s=10)
    await world.rule(for_s=10, owner=world.rival, channels=(hook.channel_id,))
    await world.turns(5)
    world.link(LinkState.UNREACHABLE, "loja-01", "loja-02", "secret-shop")
    await world.turns(30)
    (mine,), (theirs,) = await world.incidents(), await world.incidents(world.rival)
    assert mine.instances == ("loja-01", "loja-02")
    assert theirs.instances == ("secret-shop",)
    assert "secret-shop" not in repr(await world.told())
    assert "loja" not in repr(await world.told(world.rival))


async def test_flapping_is_one_incident_that_counts(world: AlertWorld) -> None:
    await world.rule(for_s=0)
    await world.turns(2)
    for _ in range(10):
        await world.state(InstanceState.CONNECTING, "loja-01")
        await world.turns(10)
        await world.state(InstanceState.OPEN, "loja-01")
        await world.turns(10)
    (incident,) = await world.incidents()
    assert incident.flaps == 9
    assert await world.kinds() == ["alert.firing"]
    await world.turns(700, step_s=10)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]
    assert "It came back 9 times" in (await world.told())[-1].body


async def test_what_is_back_soon_continues_its_incident(world: AlertWorld) -> None:
    await world.rule(for_s=0)
    await world.turns(2)
    for _ in range(2):
        await world.state(InstanceState.CLOSE, "loja-01")
        await world.turns(5)
        await world.state(InstanceState.OPEN, "loja-01")
        await world.turns(120)
    (incident,) = await world.incidents()
    assert await world.timeline(incident) == [
        *("opened", "told", "resolved", "told", "reopened", "told", "resolved", "told"),
    ]
    assert (await world.told())[2].title == "Again: loja-01 is down"


async def test_a_restart_in_the_middle_loses_nothing_and_tells_nothing_twice(world: AlertWorld) -> None:
    await world.rule(for_s=10)
    await world.turns(5)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(30)
    before = await world.incidents()
    await world.restart()
    world.process.is_settled = False
    world.link(LinkState.CONNECTING, "loja-01", "loja-02")
    await world.turns(30)
    assert await world.kinds() == ["alert.firing"], "the start itself is no trouble"
    world.link(LinkState.CONNECTED, "loja-01", "loja-02")
    world.process.is_settled = True
    await world.turns(60)
    assert await world.incidents() == before
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(60)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]


async def test_trouble_that_is_over_after_a_restart_ends(world: AlertWorld) -> None:
    await world.rule(for_s=10)
    await world.turns(5)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(30)
    await world.restart(orderly=False)
    world.link(LinkState.CONNECTED, "loja-01", "loja-02")
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(31 + 60)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]


async def test_only_one_process_watches(world: AlertWorld) -> None:
    await world.rule(for_s=0)
    await world.turns(2)
    other = process_of(world.post, world.options)
    world.link(LinkState.UNREACHABLE, "loja-01", "loja-02")
    await other.watch.turn()
    await world.turns(5)
    await other.watch.turn()
    assert len(await world.incidents()) == 1
    await world.process.watch.close()
    world.process = other
    world.link(LinkState.UNREACHABLE, "loja-01", "loja-02")
    await world.turns(70)
    assert len(await world.incidents()) == 1
    assert await world.kinds() == ["alert.firing"]


async def test_a_grace_ends_though_not_all_was_learned(world: AlertWorld) -> None:
    world.process.is_settled = False
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.rule(for_s=0)
    await world.turns(58)
    assert await world.incidents() == []
    await world.turns(4)
    assert len(await world.incidents()) == 1


async def test_quiet_hours_are_summed_up_at_their_end(world: AlertWorld) -> None:
    begins = world.clock().hour * 60 + world.clock().minute
    quiet = QuietHours(hours_at(begins, begins + 60), is_held=True)
    await world.rule(for_s=0, quiet=quiet, language=Language.PT_BR)
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01", "loja-02")
    await world.turns(10)
    await world.state(InstanceState.OPEN, "loja-02")
    await world.turns(60)
    await world.restart()
    world.link(LinkState.CONNECTED, "loja-01", "loja-02")
    await world.turns(50 * 60, step_s=60)
    assert await world.told() == []
    await world.turns(15 * 60, step_s=60)
    (summary,) = await world.told()
    assert summary.kind == "alert.summary"
    assert summary.title == "No horário de silêncio: 2 incidentes, 1 em aberto"
    assert "loja-01 está fora do ar: em aberto" in summary.body
    assert "loja-02 está fora do ar: encerrado, durou menos de um minuto" in summary.body
    (still,) = [one for one in await world.incidents() if one.resolved_at is None]
    assert await world.timeline(still) == ["opened", "held"]


async def test_quiet_hours_of_a_channel_may_drop_what_happens(world: AlertWorld) -> None:
    begins = world.clock().hour * 60 + world.clock().minute
    quiet = QuietHours(hours_at(begins, begins + 60), is_held=False)
    await world.process.rules.set_channel_quiet(world.acme, world.channel.channel_id, quiet)
    other, _ = await world.post.webhook("https://hooks.example/other")
    await world.rule(for_s=0, channels=(world.channel.channel_id, other.channel_id))
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(90 * 60, step_s=60)
    (incident,) = await world.incidents()
    assert await world.timeline(incident) == ["opened", "told", "dropped"]
    assert len(await world.told()) == 1


async def test_reminders_come_until_somebody_acknowledges(world: AlertWorld) -> None:
    await world.rule(for_s=0, remind_every_s=3600)
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(2 * 3600 + 60, step_s=60)
    assert await world.kinds() == ["alert.firing", "alert.reminder", "alert.reminder"]
    (incident,) = await world.incidents()
    elsewhere = process_of(world.post, world.options)
    await elsewhere.incidents.acknowledge(world.acme, incident.incident_id, "ana@example.com")
    await world.turns(3 * 3600, step_s=60)
    assert (await world.kinds()).count("alert.reminder") == 2
    (incident,) = await world.incidents()
    assert (incident.state, incident.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "ana@example.com")
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(60)
    (incident,) = await world.incidents()
    assert incident.acknowledged_by == "ana@example.com"


@pytest.mark.parametrize("is_elsewhere", [False, True])
async def test_what_is_closed_by_hand_stays_closed_while_its_trouble_lasts(
    world: AlertWorld, is_elsewhere: bool
) -> None:
    await world.rule(for_s=0)
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(5)
    (incident,) = await world.incidents()
    hand = process_of(world.post, world.options).incidents if is_elsewhere else world.process.incidents
    closed = await hand.resolve(world.acme, incident.incident_id, "ana@example.com")
    assert (closed.state, closed.resolved_by) == (IncidentState.RESOLVED, "ana@example.com")
    await world.turns(60)
    await world.restart()
    world.link(LinkState.CONNECTED, "loja-01", "loja-02")
    await world.turns(120, step_s=5)
    assert len(await world.incidents()) == 1
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(60)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(10)
    first, second = await world.incidents()
    assert not first.is_dismissed
    assert second.state is IncidentState.OPEN
    assert await world.kinds() == ["alert.firing", "alert.firing"]


async def test_what_somebody_closed_elsewhere_is_not_told_as_over(world: AlertWorld) -> None:
    await world.rule(for_s=0)
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(5)
    (incident,) = await world.incidents()
    elsewhere = process_of(world.post, world.options)
    closed = await elsewhere.incidents.resolve(world.acme, incident.incident_id, "ana@example.com")
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(120, step_s=5)
    (ended,) = await world.incidents()
    assert (ended.resolved_at, ended.resolved_by) == (closed.resolved_at, "ana@example.com")
    assert not ended.is_dismissed
    assert await world.kinds() == ["alert.firing"]


async def test_a_rule_that_is_removed_or_switched_off_takes_its_incidents_along(world: AlertWorld) -> None:
    first, second = await world.rule(for_s=0), await world.rule(for_s=0, instances=("loja-01",))
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(5)
    assert len(await world.incidents()) == 2
    await world.process.rules.remove(world.acme, first.rule_id)
    await world.turns(2)
    await world.restart()
    await process_of(world.post, world.options).rules.remove(world.acme, second.rule_id)
    world.link(LinkState.CONNECTED, "loja-01", "loja-02")
    await world.turns(100, step_s=5)
    assert {one.state for one in await world.incidents()} == {IncidentState.RESOLVED}
    assert await world.kinds() == ["alert.firing", "alert.firing"]


async def test_a_rule_that_is_changed_keeps_its_incidents(world: AlertWorld) -> None:
    rule = await world.rule(for_s=0)
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(5)
    terms = rule.terms
    changed = type(terms)(terms.condition, terms.channels, for_s=10, language=Language.PT_BR)
    await world.process.rules.change(world.acme, rule.rule_id, changed, world.maker, may_read_content=True)
    await world.turns(60)
    assert await world.kinds() == ["alert.firing"]
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(60)
    assert (await world.told())[-1].title == "Resolvido: loja-01 está fora do ar"


async def test_a_disabled_organization_is_told_nothing(world: AlertWorld) -> None:
    await world.rule(for_s=0)
    await world.post.directory.set_disabled(world.acme, True)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(60)
    assert await world.incidents() == []


async def test_an_instance_that_waits_for_its_qr_code(world: AlertWorld) -> None:
    await world.rule(Condition.QR, for_s=120)
    await world.turns(2)
    await world.state(InstanceState.CONNECTING, "loja-01", "loja-02")
    for _ in range(4):
        await world.event("loja-01", "qrcode.updated", {"qrcode": {"code": "2@secret"}})
        await world.turns(45)
    (incident,) = await world.incidents()
    assert incident.subject.name == "loja-01"
    (told,) = await world.told()
    assert told.title == "loja-01 waits for its QR code"
    assert "2@secret" not in repr(told)
    await world.state(InstanceState.OPEN, "loja-01")
    await world.turns(60)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]


async def test_a_silent_instance(world: AlertWorld) -> None:
    await world.rule(Condition.SILENT, for_s=600, instances=("loja-01",))
    await world.turns(2)
    await world.event("loja-01", "messages.upsert", {})
    await world.turns(590, step_s=10)
    await world.event("loja-01", "messages.upsert", {})
    await world.turns(590, step_s=10)
    assert await world.incidents() == []
    await world.turns(20)
    (incident,) = await world.incidents()
    assert (incident.reason, (await world.told())[0].title) == ("silent", "loja-01 is silent")
    await world.restart()
    world.link(LinkState.CONNECTED, "loja-01", "loja-02")
    await world.turns(120, step_s=5)
    assert await world.kinds() == ["alert.firing"], "the log knows since when it is silent"
    await world.event("loja-01", "messages.upsert", {})
    await world.turns(60)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]


async def test_an_instance_that_cannot_be_heard_is_not_silent(world: AlertWorld) -> None:
    await world.rule(Condition.SILENT, for_s=60)
    await world.turns(2)
    world.link(LinkState.UNREACHABLE, "loja-01")
    await world.state(InstanceState.CLOSE, "loja-02")
    await world.turns(300, step_s=5)
    assert await world.incidents() == []


async def test_a_limit_that_is_reached(world: AlertWorld) -> None:
    world.post.notices.on_notice(world.process.board.note_limit)
    await world.rule(Condition.LIMIT, for_s=0)
    await world.turns(2)
    world.post.notices.reached(world.acme, TOO_MANY_LINKS)
    world.post.notices.reached(world.rival, TOO_MANY_LINKS)
    await world.turns(2)
    (incident,) = await world.incidents()
    assert (incident.subject.kind, incident.subject.name) == (SubjectKind.LIMIT, "too_many_links")
    await world.turns(6 * 60, step_s=10)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]


async def test_events_that_match_often_enough(world: AlertWorld) -> None:
    text = 'event:messages.upsert text:"boleto"'
    await world.rule(Condition.EVENT, for_s=60, count=3, filter=text, include_content=True, name="Boletos")
    await world.turns(2)
    for number in range(3):
        await world.event("loja-01", "messages.upsert", {"message": {"conversation": f"o boleto {number}"}})
        await world.event("loja-02", "messages.upsert", {"message": {"conversation": "bom dia"}})
        await world.turns(10)
    (incident,) = await world.incidents()
    assert (incident.event_count, incident.instances) == (3, ("loja-01",))
    (told,) = await world.told()
    assert told.title == "3 events match a rule (Boletos)"
    assert told.content == "o boleto 2"
    assert "boleto 2" not in told.title + told.body + repr(dict(told.data))
    await world.turns(120, step_s=5)
    assert await world.kinds() == ["alert.firing", "alert.resolved"]
    assert (await world.told())[-1].content == ""


async def test_whoever_may_read_content_no_more_is_told_none(world: AlertWorld) -> None:
    """I5: what a rule tells hangs on what its maker may see now."""
    second = await world.post.person("bia", Role.ADMIN)
    await world.rule(Condition.EVENT, for_s=60, filter="event:messages.upsert", include_content=True)
    await world.rule(Condition.EVENT, for_s=60, filter='text:"boleto"')
    await world.turns(2)
    await world.post.memberships.set_role(world.acme, world.maker.maker_id, Role.VIEWER)
    assert second
    await world.turns(40)
    await world.event("loja-01", "messages.upsert", {"message": {"conversation": "o boleto"}})
    await world.turns(5)
    (told,) = await world.told()
    assert "boleto" not in repr(told)


async def test_events_that_were_announced_elsewhere_are_found_in_the_log(world: AlertWorld) -> None:
    await world.rule(Condition.EVENT, for_s=600, count=4, filter="event:call")
    await world.turns(2)
    await world.event("loja-01", "call", {})
    await world.stored("loja-01", "call", {})
    await world.event("loja-01", "call", {})
    await world.stored("loja-01", "call", {})
    await world.turns(5)
    (incident,) = await world.incidents()
    assert incident.event_count == 4


async def test_a_rule_has_hours(world: AlertWorld) -> None:
    begins = world.clock().hour * 60 + world.clock().minute + 60
    await world.rule(for_s=60, hours=hours_at(begins, begins + 60))
    await world.turns(2)
    await world.state(InstanceState.CLOSE, "loja-01")
    await world.turns(50 * 60, step_s=60)
    assert await world.incidents() == []
    await world.turns(15 * 60, step_s=60)
    assert len(await world.incidents()) == 1


async def test_three_hundred_instances_and_twenty_rules_cost_little(sqlite_database: Database) -> None:
    names = [f"shop-{number:03d}" for number in range(300)]
    async with alert_world(sqlite_database, *names) as world:
        for number in range(20):
            condition = (Condition.DOWN, Condition.SILENT, Condition.QR)[number % 3]
            await world.rule(condition, for_s=600 + number, usual_hours=condition is Condition.SILENT)
        await world.turns(3)
        needed = await cpu_of_turns(world, 10)
        assert needed < timedelta(milliseconds=20), f"all is well: {needed}"
        await world.state(InstanceState.CLOSE, *names)
        await world.turns(3)
        needed = await cpu_of_turns(world, 10)
        assert needed < timedelta(milliseconds=20), f"all are down: {needed}"


async def cpu_of_turns(world: AlertWorld, times: int) -> timedelta:
    """The least that a turn of the watch took of a CPU."""
    found = []
    for _ in range(times):
        world.clock.turn(seconds=1)
        started = time.process_time()
        await world.process.watch.turn()
        found.append(time.process_time() - started)
    return timedelta(seconds=min(found))


def hours_at(begins: int, ends: int) -> Hours:
    """Every day from one minute of the day to another, which may be past midnight."""
    return Hours(frozenset(range(7)), begins % 1440, ends % 1440, "UTC")
