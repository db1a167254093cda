"""All rooms: what is announced reaches their rings, what is not announced is found in the log."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import structlog

from ponteio.eventlog.log import EventLog
from ponteio.live.damper import Damper
from ponteio.live.door import Door
from ponteio.live.handshake import Admission, Start
from ponteio.live.options import LiveOptions
from ponteio.live.packets import Packet
from ponteio.live.passing import Passing
from ponteio.live.pump import Pump
from ponteio.live.question import Questions
from ponteio.live.room import Member, Room
from ponteio.live.view import View
from ponteio.model.event import PassingEvent, StoredEvent
from ponteio.model.event_policy import ALL_CHOSEN, EventChoices
from ponteio.model.identity import Limits, OrganizationScope
from ponteio.model.outcome import SLOW_CONSUMER, Outcome, RefusalError
from ponteio.model.rights import Right
from ponteio.observe.counters import Counters
from ponteio.tenancy.limit_notices import LimitNotices

logger = structlog.get_logger(__name__)

_GOLDEN = 0.618033988749895
"""Multiples of it, modulo 1, spread evenly however many there are: the phases of tips."""


class Rooms:
    """The rooms of organizations that have sockets here. All methods but `heal` and `close` return at once.

    `scope_of` gives the whole scope of an organization, or raises `RefusalError`: what is read for a room is read for
    everybody in it, whoever came first. `choices_of` says what it chose about its events.
    """

    def __init__(
        self,
        log: EventLog,
        options: LiveOptions,
        counters: Counters,
        notices: LimitNotices,
        scope_of: Callable[[str], OrganizationScope],
        choices_of: Callable[[str], EventChoices] = lambda _: ALL_CHOSEN,
    ) -> None:
        self.pump = Pump(log, options, counters, notices, self.dismiss)
        self._log = log
        self._scope_of = scope_of
        self._choices_of = choices_of
        self._passing = Passing(options, counters)
        self._options = options
        self._counters = counters
        self._rooms: dict[str, Room] = {}
        self._awake: set[Room] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._entered = 0
        self._questions = Questions()

    def __len__(self) -> int:
        return len(self._rooms)

    def members(self) -> Iterator[Member]:
        """Every socket that has been let in; safe while they leave."""
        for room in list(self._rooms.values()):
            yield from list(room.members)

    def count(self, scope: OrganizationScope | None) -> int:
        """Sockets of one organization, or of all."""
        if scope is None:
            return sum(len(room.members) for room in self._rooms.values())
        room = self._rooms.get(scope.organization_id)
        return 0 if room is None else len(room.members)

    def counts(self) -> dict[str, int]:
        """Sockets of each organization that has some."""
        return {organization_id: len(room.members) for organization_id, room in self._rooms.items() if room.members}

    def lags(self) -> list[int]:
        """For each socket, how many events it is behind the newest one of its organization that was announced."""
        rings = [(room.ring.last, room.members) for room in self._rooms.values() if room.ring is not None]
        return [last.seq - it.cursor.seq for last, members in rings for it in members if it.cursor.epoch == last.epoch]

    def reserve(self, organization_id: str, person: str | None, limits: Limits) -> None:
        """A place is kept until `enter` or `release`. Raises `LimitError` when the organization, or the person in it,
        has no place left, and `RefusalError` when there is no such organization.
        """
        room = self._rooms.get(organization_id)
        if room is None:
            choices = partial(self._choices_of, organization_id)
            room = self._rooms[organization_id] = Room(self._scope_of(organization_id), self._options, choices)
        try:
            room.reserve(person, limits)
        finally:
            self._forget_if_empty(room)

    def release(self, organization_id: str, person: str | None) -> None:
        """The place that was reserved is free again."""
        room = self._rooms[organization_id]
        room.arriving -= 1
        room.forget(person)
        self._forget_if_empty(room)

    def enter(self, admission: Admission, start: Start, door: Door) -> Member:
        """Who reserved a place is a member, and is sent what follows `start` from now on."""
        room = self._rooms[admission.scope.organization_id]
        room.settle(start.head)
        self._entered += 1
        now = asyncio.get_running_loop().time()
        damping = admission.damping
        member = Member(
            door=door,
            room=room,
            principal=admission.principal,
            scope=admission.scope,
            view=View.of(admission.scope, admission.hello.filter, self._questions),
            cursor=start.cursor,
            next_tip_at=now + self._options.tip_every_s * (self._entered * _GOLDEN % 1),
            damper=None if damping is None else Damper(damping, self._options.damped_instances, now),
            person=admission.person,
        )
        room.arriving -= 1
        room.members.add(member)
        door.on_drained = lambda: self.pump.wake(member)
        self.pump.wake(member)
        return member

    def part(self, member: Member) -> None:
        """The member is gone: nothing is sent to it any more. Harmless when repeated."""
        if not member.has_left:
            member.has_left = True
            member.door.on_drained = None
            member.room.members.discard(member)
            member.room.forget(member.person)
            self._forget_if_empty(member.room)

    def dismiss(self, member: Member, outcome: Outcome) -> None:
        """The member is gone, and is told why while its transport closes."""
        if not member.has_left:
            self.part(member)
            self._counters.refuse(outcome.code)
            if outcome is SLOW_CONSUMER:
                logger.info("a socket did not keep up", organization=member.scope.organization_id)
            member.door.leave(self.pump.farewell(member, outcome), outcome)

    def announce(self, stored: Iterable[StoredEvent]) -> None:
        """Committed events, in order; their rooms are woken once the current step of the loop is done, so that several
        announcements go out in one write.
        """
        by_organization: defaultdict[str, list[StoredEvent]] = defaultdict(list)
        for event in stored:
            if event.organization_id in self._rooms:
                by_organization[event.organization_id].append(event)
        for organization_id, events in by_organization.items():
            room = self._rooms[organization_id]
            room.announced += len(events)
            room.announced_on = room.announced_on or self._counters.committed_on
            if not room.offer(events):
                self._catch_up_soon(room)
            self._wake_soon(room)

    def pass_on(self, passing: Iterable[PassingEvent]) -> None:
        """Events that are stored nowhere, in order; they are shown once what was announced before them has gone out."""
        by_organization: defaultdict[str, list[PassingEvent]] = defaultdict(list)
        for event in passing:
            if event.organization_id in self._rooms:
                by_organization[event.organization_id].append(event)
        for organization_id, events in by_organization.items():
            asyncio.get_running_loop().call_soon(self._show, self._rooms[organization_id], events)

    def tell(
        self,
        organizations: Iterable[str],
        about: str,
        packet: Packet,
        instance: str | None,
        right: Right | None = None,
    ) -> None:
        """A notice for the members of `organizations`; one about `instance` only for those who may and want to hear of
        it, one that needs a `right` only for those who have it.
        """
        for organization_id in organizations:
            room = self._rooms.get(organization_id)
            for member in () if room is None else list(room.members):
                if right is not None and not member.principal.may(right):
                    continue
                if instance is None or member.view.covers(instance):
                    self.pump.say(member, about, packet)

    def organizations(self) -> Sequence[str]:
        """Those that have sockets here."""
        return list(self._rooms)

    async def heal(self) -> None:
        """Rooms whose log has moved on without an announcement (another process appended) read what they missed."""
        if not self._rooms:
            return
        heads = await self._log.heads(self.organizations())
        for organization_id, head in heads.items():
            room = self._rooms.get(organization_id)
            if room is not None and room.is_behind(head):
                self._catch_up_soon(room)

    async def close(self) -> None:
        """No reading of the log is under way any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pump.close()

    def _forget_if_empty(self, room: Room) -> None:
        if not room.occupants:
            self._rooms.pop(room.scope.organization_id, None)

    def _wake_soon(self, room: Room) -> None:
        if room not in self._awake:
            self._awake.add(room)
            asyncio.get_running_loop().call_soon(self._wake, room)

    def _wake(self, room: Room) -> None:
        self._awake.discard(room)
        for member in list(room.members):
            self.pump.wake(member)
        if room.announced_on and room.members:
            self._counters.delivered(room.scope.organization_id, room.announced, room.announced_on)
        room.announced, room.announced_on = 0, 0.0

    def _show(self, room: Room, events: Sequence[PassingEvent]) -> None:
        self._passing.show(room.members, events, asyncio.get_running_loop().time())

    def _catch_up_soon(self, room: Room) -> None:
        room.has_missed = True
        if not room.is_catching_up:
            room.is_catching_up = True
            task = asyncio.create_task(self._catch_up(room), name="live catch-up")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _catch_up(self, room: Room) -> None:
        try:
            while room.has_missed and room.occupants:
                room.has_missed = False
                await self._read_missed(room)
        except Exception as error:  # noqa: BLE001 - whatever the log does, the next `heal` tries again
            self._counters.add("live_replay_errors")
            logger.warning("events could not be read for a room", error=type(error).__name__)
        finally:
            room.is_catching_up = False

    async def _read_missed(self, room: Room) -> None:
        """The ring has what the log has; too much for the ring, and each member reads for itself."""
        while (ring := room.ring) is not None:
            try:
                page = await self._log.read_after(room.scope, ring.last, limit=self._options.page_events)
            except RefusalError:
                ring.restart(await self._log.head(room.scope))
                self._wake_soon(room)
                return
            is_too_much = page.head.seq - ring.last.seq > self._options.ring_events
            if is_too_much or not room.offer(page.events):  # what was removed meanwhile leaves a hole
                ring.restart(page.head)
            self._wake_soon(room)
            if not page.more or ring.last.seq >= page.head.seq:
                return
