"""Who may come in, and where they begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ponteio.eventlog.log import EventLog
from ponteio.live.damper import Damping
from ponteio.live.door import Door
from ponteio.live.handshake import Admission, Hello, Start, start_at
from ponteio.live.options import LiveOptions
from ponteio.live.packets import Packet, notice
from ponteio.live.room import Member
from ponteio.live.rooms import Rooms
from ponteio.model.event import utc_text
from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import ORGANIZATION_NOT_FOUND, Outcome, RefusalError
from ponteio.model.rights import Right
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.permissions import require, require_organization


class Reception:
    """A client that was admitted has a place in its room, which is to be entered or released, exactly once."""

    def __init__(
        self,
        log: EventLog,
        authenticator: Authenticator,
        directory: Directory,
        rooms: Rooms,
        options: LiveOptions,
        clock: Callable[[], datetime],
    ) -> None:
        self._log = log
        self._authenticator = authenticator
        self._directory = directory
        self._rooms = rooms
        self._options = options
        self._clock = clock
        self._arriving: set[Admission] = set()

    def __len__(self) -> int:
        """Those who were admitted and are not members yet."""
        return len(self._arriving)

    async def admit(self, auth: object, cookie: str | None = None) -> Admission:
        """Who the client is, by the `auth` of its CONNECT packet, or by the session cookie if that has no token. Raises
        `RefusalError`; then no place was taken.
        """
        hello = Hello.parse(auth, self._clock())
        if hello.token is None and cookie is not None:
            principal = await self._authenticator.cookie(cookie)
        else:
            principal = await self._authenticator.handshake(hello.token)
        return await self.welcome(principal, hello)

    async def welcome(self, principal: Principal, hello: Hello) -> Admission:
        """A client that has authenticated and says `hello`. Raises `RefusalError`; then no place was taken."""
        scope = require_organization(principal)
        require(principal, Right.EVENTS_READ)
        name = await self._name(scope)
        limits = self._directory.limits(scope.organization_id)
        admission = Admission(principal, scope, name, hello, Damping.of(principal, limits))
        self._rooms.reserve(scope.organization_id, admission.person, limits)
        self._arriving.add(admission)
        return admission

    async def locate(self, admission: Admission) -> Start:
        """Where in the log the client begins."""
        log = await self._log.bounds(admission.scope)
        return start_at(admission.hello.cursor, log.head, log.floor.seq)

    def enter(self, admission: Admission, start: Start, door: Door) -> Member:
        """The client was told `ready` and is a member: what follows `start` is sent to it."""
        self._arriving.discard(admission)
        door.say(self._ready(admission, start))
        return self._rooms.enter(admission, start, door)

    def release(self, admission: Admission) -> None:
        """The client went away before it was entered: its place is free."""
        self._arriving.discard(admission)
        self._rooms.release(admission.scope.organization_id, admission.person)

    def part(self, member: Member) -> None:
        """The member's connection is gone."""
        self._rooms.part(member)

    def farewell(self, member: Member, outcome: Outcome) -> Sequence[Packet]:
        """The last packets of a member that is closed because of `outcome`."""
        return self._rooms.pump.farewell(member, outcome)

    def principals(self) -> set[Principal]:
        """Everybody who was let in: members, and those who are about to be."""
        found = {member.principal for member in self._rooms.members()}
        return found | {admission.principal for admission in self._arriving}

    def end(self, ended: Mapping[Principal, Outcome]) -> None:
        """The right of these was taken away: their members are dismissed, and who is about to be one will not be."""
        for member in self._rooms.members():
            if member.principal in ended:
                self._rooms.dismiss(member, ended[member.principal])
        for admission in self._arriving:
            admission.ended = ended.get(admission.principal, admission.ended)

    def retune(self, now: float) -> None:
        """The storm dampers of members follow the limits of their organizations."""
        for member in self._rooms.members():
            if member.damper is not None:
                damping = Damping.of(member.principal, self._directory.limits(member.scope.organization_id))
                if damping is not None:
                    member.damper.tune(damping, now)

    def _ready(self, admission: Admission, start: Start) -> Packet:
        principal, sight, damping = admission.principal, admission.scope.sight, admission.damping
        body: dict[str, object] = {
            "organization": admission.scope.organization_id,
            "organization_name": admission.organization_name,
            "user": principal.user,
            "rights": sorted(principal.rights),
            "sight": {"content": sight.content, "pairing": sight.pairing},
            "cursor": str(start.cursor),
            "resumed": start.resumed,
        }
        if start.reason is not None:
            body["reason"] = start.reason.code
        body["at"] = utc_text(self._clock())
        body["limits"] = {
            "event_bytes": self._options.event_bytes,
            "packet_bytes": self._options.inbound_bytes,
            "packets_per_s": self._options.inbound_per_s,
            "tip_every_s": self._options.tip_every_s,
            "live_per_minute": None if damping is None else damping.per_minute,
            "live_burst": None if damping is None else damping.burst,
        }
        return notice("ready", body, start.cursor)

    async def _name(self, scope: OrganizationScope) -> str:
        organization = self._directory.organization(scope.organization_id)
        if organization is None:  # made by another process a moment ago
            await self._directory.refresh()
            organization = self._directory.organization(scope.organization_id)
        if organization is None:
            raise RefusalError(ORGANIZATION_NOT_FOUND)
        return organization.name
