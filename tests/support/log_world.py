"""Events, organizations and logs for tests of the log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ponteio.eventlog.log import EventLog
from ponteio.model.event import AddressedEvent, DecodedEvent, Origin, StoredEvent
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import InstanceChange, OrganizationScope
from ponteio.model.link import LinkTarget
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory

SERVER = "main"
NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def decoded(
    instance: str = "alpha",
    number: int = 0,
    event: str = "messages.upsert",
    *,
    data: bytes | None = None,
    extra: bytes | None = None,
    sender: str | None = None,
    date_time: str | None = "2026-11-23T09:00:00.000Z",
    over: str | None = None,
    origin: Origin = Origin.LIVE,
    change: InstanceChange | None = None,
) -> DecodedEvent:
    """An event that is the same for the same instance, event and number, whichever link (`over`) it came on."""
    return DecodedEvent(
        target=LinkTarget(SERVER, over),
        instance=instance,
        event=event,
        data=b'{"n":%d}' % number if data is None else data,
        extra=extra,
        sender=sender,
        date_time=date_time,
        occurred_at=NOON + timedelta(seconds=number),
        received_at=NOON + timedelta(seconds=number, milliseconds=5),
        fingerprint=hashlib.sha256(f"{instance}\0{event}\0{number}".encode("utf-8", "surrogatepass")).digest(),
        origin=origin,
        change=change,
    )


@dataclass(frozen=True, slots=True)
class LogWorld:
    """A database with a server, organizations that own the instance of their own name, and the log."""

    database: Database
    directory: Directory
    log: EventLog

    def scope(self, name: str) -> OrganizationScope:
        organization = self.directory.organization(name)
        assert organization is not None
        return self.directory.scope_of(organization.organization_id)

    def addressed(self, event: DecodedEvent) -> AddressedEvent:
        answer = self.directory.address(event)
        assert isinstance(answer, AddressedEvent), answer
        return answer

    def batch(self, instance: str, numbers: Sequence[int], event: str = "messages.upsert") -> list[AddressedEvent]:
        return [self.addressed(decoded(instance, number, event)) for number in numbers]

    async def everything(self, name: str, wanted: EventFilter = EVERYTHING, limit: int = 200) -> list[StoredEvent]:
        """What a reader of the whole log sees, page by page."""
        found: list[StoredEvent] = []
        cursor = None
        while True:
            page = await self.log.read_after(self.scope(name), cursor, limit=limit, filter=wanted)
            found += page.events
            cursor = page.next
            if not page.more:
                return found


async def log_world(database: Database, *organizations: str) -> LogWorld:
    """Each of `organizations` owns an instance of the same name."""
    directory = Directory(database)
    await directory.load()
    await directory.ensure_server(SERVER, "http://evolution.test")
    for name in organizations:
        organization = await directory.create_organization(name)
        await directory.assign(name, organization.organization_id)
    return LogWorld(database, directory, EventLog(database))
