"""Who may come in, and where they begin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ponteio.eventlog.log import EventLog
from ponteio.live.door import Door
from ponteio.live.handshake import Admission, Hello, Start, start_at
from ponteio.live.options import LiveOptions
from ponteio.live.packets import notice
from ponteio.live.room import Member
from ponteio.live.rooms import Rooms
from ponteio.model.event import utc_text
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import ORGANIZATION_NOT_FOUND, RefusalError
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.permissions import require_organization


class Reception:
    """A client that was admitted has a place in its room, which is to be entered or released, exactly once."""

    def __init__(
        self,
        log: EventLog,
        keys: KeyRing,
        directory: Directory,
        rooms: Rooms,
        options: LiveOptions,
        clock: Callable[[], datetime],
    ) -> None:
        self._log = log
        self._keys = keys
        self._directory = directory
        self._rooms = rooms
        self._options = options
        self._clock = clock

    async def admit(self, auth: object) -> Admission:
        """Who the client is, by the `auth` of its CONNECT packet. Raises `RefusalError`; then no place was taken."""
        hello = Hello.parse(auth)
        principal = await self._keys.authenticate(hello.token)
        scope = require_organization(principal)
        name = await self._name(scope)
        self._rooms.reserve(scope)
        return Admission(principal.credential_id, scope, name, hello)

    async def locate(self, admission: Admission) -> Start:
        """Where in the log the client begins."""
        return start_at(admission.hello.cursor, await self._log.head(admission.scope))

    def enter(self, admission: Admission, start: Start, door: Door) -> Member:
        """The client was told `ready` and is a member: what follows `start` is sent to it."""
        ready: dict[str, object] = {
            "organization": admission.scope.organization_id,
            "organization_name": admission.organization_name,
            "cursor": str(start.cursor),
            "resumed": start.resumed,
        }
        if start.reason is not None:
            ready["reason"] = start.reason.code
        ready["at"] = utc_text(self._clock())
        ready["limits"] = {
            "event_bytes": self._options.event_bytes,
            "packet_bytes": self._options.inbound_bytes,
            "packets_per_s": self._options.inbound_per_s,
            "tip_every_s": self._options.tip_every_s,
        }
        door.say(notice("ready", ready))
        return self._rooms.enter(admission, start, door)

    def release(self, admission: Admission) -> None:
        """The client went away before it was entered: its place is free."""
        self._rooms.release(admission.scope)

    def part(self, member: Member) -> None:
        """The member's connection is gone."""
        self._rooms.part(member)

    async def _name(self, scope: OrganizationScope) -> str:
        organization = self._directory.organization(scope.organization_id)
        if organization is None:  # made by another process a moment ago
            await self._directory.refresh()
            organization = self._directory.organization(scope.organization_id)
        if organization is None:
            raise RefusalError(ORGANIZATION_NOT_FOUND)
        return organization.name
