"""Events that are shown while they happen, and those that are stored and not pushed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.live.pipe import Pipe
from tests.live.stored import AT
from tests.support.gateway_edge import decoded_event, event_of, eventually

from ponteio.eventlog.log import EventLog
from ponteio.live.damper import Damping
from ponteio.live.handshake import Admission, Hello, start_at
from ponteio.live.options import LiveOptions
from ponteio.live.rooms import Rooms
from ponteio.model.event import AddressedEvent, PassingEvent
from ponteio.model.event_policy import EventChoices, EventPolicy
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import Limits, OrganizationScope, Principal
from ponteio.model.rights import CredentialKind
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices

OPTIONS = LiveOptions(buffer_bytes=2_000, ring_events=4, page_events=3, event_bytes=1_500, tip_pause_s=0.0)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def passing(
    organization_id: str, instance: str = "one", event: str = "presence.update", data: bytes = b'{"id":"a"}'
) -> PassingEvent:
    return PassingEvent(organization_id, instance, event, None, None, AT, AT, "live", data)


class World:
    """Rooms on a real log, whose organization's choices can be changed."""

    def __init__(self, log: EventLog, organization_id: str) -> None:
        self.log = log
        self.organization_id = organization_id
        self.counters = Counters()
        self.chosen = EventChoices()
        notices = LimitNotices(self.counters)
        self.rooms = Rooms(log, OPTIONS, self.counters, notices, OrganizationScope, lambda _: self.chosen)

    async def connect(
        self,
        wanted: EventFilter | Filter = EVERYTHING,
        *,
        allowed: EventFilter = EVERYTHING,
        sight: Sight = ALL_SEEN,
        damping: Damping | None = None,
        cursor: str | None = None,
        organization_id: str | None = None,
    ) -> Pipe:
        scope = OrganizationScope(organization_id or self.organization_id, allowed, sight)
        principal = Principal(CredentialKind.KEY, "key", frozenset(), scope)
        admission = Admission(principal, scope, "acme", Hello("token", cursor, wanted), damping)
        self.rooms.reserve(scope.organization_id, None, Limits())
        pipe = Pipe(low_water=500)
        self.rooms.enter(admission, start_at(cursor, await self.log.head(scope)), pipe)
        return pipe

    async def store(self, *events: tuple[str, str], data: bytes = b"{}") -> None:
        batch = [
            AddressedEvent(self.organization_id, "id", decoded_event(instance, event, data))
            for instance, event in events
        ]
        self.rooms.announce((await self.log.append(batch)).stored)

    def show(self, *events: PassingEvent) -> None:
        self.rooms.pass_on(events)

    def look(self, pipe: Pipe) -> None:
        member = next(one for one in self.rooms.members() if one.door is pipe)
        self.rooms.pump.look(member, asyncio.get_running_loop().time() + 1_000)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    directory = Directory(database)
    await directory.load()
    made = World(EventLog(database), (await directory.create_organization("acme")).organization_id)
    yield made
    await made.rooms.close()


async def heard(pipe: Pipe) -> list[tuple[str, dict[str, Any]]]:
    for _ in range(3):
        await asyncio.sleep(0)
    return [event_of(text) for text in pipe.read()]


async def names(pipe: Pipe) -> list[str]:
    return [f"{name} {body.get('event', '')}".strip() for name, body in await heard(pipe)]


async def test_it_is_said_to_be_live_only_and_has_no_place(world: World) -> None:
    """I1: what has a cursor is committed; what is not stored says so."""
    pipe = await world.connect()
    world.show(passing(world.organization_id))
    ((name, body),) = await heard(pipe)
    assert name == "live-event"
    assert "cursor" not in body
    assert "seq" not in body
    assert (body["organization"], body["instance"], body["event"]) == (
        world.organization_id,
        "one",
        "presence.update",
    )
    assert body["data"] == {"id": "a"}


async def test_only_who_may_and_wants_to_is_shown_it(world: World) -> None:
    pipes = {
        "all": await world.connect(),
        "wants it": await world.connect(EventFilter.of(["one"], ["presence.*"])),
        "wants another": await world.connect(EventFilter.of(None, ["messages.*"])),
        "may see another": await world.connect(allowed=EventFilter.of(["two"])),
        "asks for it": await world.connect(parse_filter("event:presence.* data.id:a", NOW)),
        "asks for more": await world.connect(parse_filter("data.id:b", NOW)),
        "is of another organization": await world.connect(organization_id=await _another(world)),
    }
    world.show(passing(world.organization_id))
    shown = {who for who, pipe in pipes.items() if await heard(pipe)}
    assert shown == {"all", "wants it", "asks for it"}
    assert world.counters.total("live_passing_deliveries") == 3
    assert world.counters.total("live_passing_dropped") == 0


async def _another(world: World) -> str:
    directory = Directory(world.log._database)
    await directory.load()
    return (await directory.create_organization("rival")).organization_id


async def test_who_may_not_see_content_is_shown_metadata_and_no_oracle(world: World) -> None:
    """I5: neither the text nor a filter tells it."""
    viewer = await world.connect(sight=Sight(content=False, pairing=False))
    guesser = await world.connect(parse_filter('text:"secret"', NOW), sight=Sight(content=False, pairing=False))
    secret = b'{"id":"a","message":{"conversation":"secret"}}'
    world.show(passing(world.organization_id, data=secret), passing(world.organization_id, event="qrcode.updated"))
    (_, body), (_, code) = await heard(viewer)
    assert (body["withheld"], body["data"]) == ("content", {"id": "a"})
    assert (code["withheld"], code["data"]) == ("pairing", None)
    assert await heard(guesser) == []


async def test_what_is_too_large_is_shown_without_its_data(world: World) -> None:
    pipe, viewer = await world.connect(), await world.connect(sight=Sight(content=False, pairing=False))
    world.show(passing(world.organization_id, data=b'{"id":"' + b"x" * 1_600 + b'"}'))
    for each in (pipe, viewer):
        ((_, body),) = await heard(each)
        assert (body["data"], body["data_bytes"]) == (None, 1_609)
        assert "data_href" not in body


async def test_it_comes_after_what_was_announced_before_it(world: World) -> None:
    pipe = await world.connect()
    await world.store(("one", "call"))
    world.show(passing(world.organization_id))
    await world.store(("one", "chats.update"))
    assert await names(pipe) == ["evolution-event call", "live-event presence.update", "evolution-event chats.update"]


async def test_it_is_over_for_a_socket_that_is_behind_or_full(world: World) -> None:
    """I7: it waits for nobody."""
    pipe = await world.connect()
    for _ in range(3):
        await world.store(("one", "call"), data=b'"%b"' % (b"x" * 900))
        await asyncio.sleep(0)
    world.show(passing(world.organization_id))
    assert {name for name, _ in await heard(pipe)} == {"evolution-event"}
    assert world.counters.total("live_passing_dropped") == 1
    await eventually(lambda: not pipe.read() and pipe.backlog == 0)
    world.show(passing(world.organization_id))
    assert await names(pipe) == ["live-event presence.update"]


async def test_it_is_over_for_a_socket_that_is_being_told_the_past(world: World) -> None:
    await world.store(("one", "call"), ("one", "call"))
    pipe = await world.connect(cursor=str((await world.log.head(OrganizationScope(world.organization_id))).at(0)))
    world.show(passing(world.organization_id))
    await eventually(lambda: world.counters.total("live_passing_dropped") == 1)
    await eventually(lambda: pipe.batches)
    assert await names(pipe) == ["evolution-event call"] * 2


async def test_it_counts_against_the_storm_damper_and_is_not_held(world: World) -> None:
    pipe = await world.connect(damping=Damping(2, 2))
    world.show(*(passing(world.organization_id) for _ in range(5)), passing(world.organization_id, "two"))
    assert await names(pipe) == ["live-event presence.update"] * 3
    assert world.counters.total("live_passing_dropped") == 3
    world.look(pipe)
    assert [name for name, _ in await heard(pipe)] == ["tip"]


async def test_it_is_not_counted_in_a_tip(world: World) -> None:
    pipe = await world.connect()
    await world.store(("one", "call"))
    world.show(passing(world.organization_id))
    await asyncio.sleep(0)
    await heard(pipe)
    world.look(pipe)
    ((name, body),) = await heard(pipe)
    assert (name, body["sent"]) == ("tip", 1)


@pytest.mark.parametrize("is_replayed", [False, True])
async def test_what_is_stored_and_not_pushed_is_passed_over(world: World, is_replayed: bool) -> None:
    """I3: the cursor goes past it, and `sent` counts what was sent; from the ring and from the log."""
    scope = OrganizationScope(world.organization_id)
    world.chosen = EventChoices([EventPolicy("presence.*", push=False)])
    pipe = await world.connect(cursor=str((await world.log.head(scope)).at(0)))
    events = [("one", "call"), ("one", "presence.update")] * (5 if is_replayed else 1)
    if is_replayed:
        world.rooms.part(next(world.rooms.members()))
        await world.store(*events)
        pipe = await world.connect(cursor=str((await world.log.head(scope)).at(0)))
        await eventually(lambda: next(world.rooms.members()).cursor.seq == len(events))
    else:
        await world.store(*events)
    assert await names(pipe) == ["evolution-event call"] * (len(events) // 2)
    world.look(pipe)
    ((name, body),) = await heard(pipe)
    assert (name, body["sent"]) == ("tip", len(events) // 2)
    assert body["cursor"].endswith(f"-{len(events)}")


async def test_another_choice_holds_for_the_next_event(world: World) -> None:
    pipe = await world.connect()
    await world.store(("one", "call"))
    await asyncio.sleep(0)
    world.chosen = EventChoices([EventPolicy("call", push=False)])
    await world.store(("one", "call"))
    await asyncio.sleep(0)
    world.chosen = EventChoices()
    await world.store(("one", "call"))
    assert [body["seq"] for _, body in await heard(pipe)] == [1, 3]


async def test_an_organization_without_sockets_costs_nothing(world: World) -> None:
    world.show(passing(world.organization_id))
    assert len(world.rooms) == 0
