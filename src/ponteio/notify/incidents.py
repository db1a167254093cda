"""Incidents and their timelines, as they are stored."""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.alert import Condition, EntryKind, Incident, IncidentEntry, Subject, SubjectKind
from ponteio.model.outcome import NOT_FOUND, RefusalError
from ponteio.observe.clock import utc_now
from ponteio.storage.column_types import storable
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import incident_entries, incidents

MAX_PAGE = 200
MAX_ENTRIES = 500
"""Lines of one timeline; what comes after them is only counted."""
KEPT = timedelta(days=90)
_PRUNED_AT_ONCE = 200


class Incidents:
    """What the watch found. `on_change` listeners hear of what people did to an incident by this object."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._listeners: list[Callable[[Incident], None]] = []

    def on_change(self, listener: Callable[[Incident], None]) -> None:
        """`listener` is called with an incident that somebody acknowledged or closed. It must not raise."""
        self._listeners.append(listener)

    async def list(
        self, organization_id: str, *, only_open: bool, limit: int, before: str | None = None
    ) -> builtins.list[Incident]:
        """At most `limit` (and 200) of the organization's incidents, the newest first, older than the one of the id
        `before`.
        """
        statement = (
            select(incidents)
            .where(incidents.c.organization_id == organization_id)
            .order_by(incidents.c.incident_id.desc())
            .limit(max(0, min(limit, MAX_PAGE)))
        )
        if only_open:
            statement = statement.where(incidents.c.resolved_at.is_(None))
        if before is not None:
            statement = statement.where(incidents.c.incident_id < storable(before))
        async with self._database.read() as connection:
            return [_incident(row) for row in (await connection.execute(statement)).all()]

    async def get(self, organization_id: str, incident_id: str) -> tuple[Incident, builtins.list[IncidentEntry]]:
        """The organization's incident of this id and its timeline, the oldest line first. Raises `RefusalError`
        NOT_FOUND.
        """
        lines = (
            select(incident_entries)
            .where(
                incident_entries.c.organization_id == organization_id,
                incident_entries.c.incident_id == storable(incident_id),
            )
            .order_by(incident_entries.c.entry_no)
        )
        async with self._database.read() as connection:
            found = await _find(connection, organization_id, incident_id)
            if found is None:
                raise RefusalError(NOT_FOUND)
            return found, [_entry(row) for row in (await connection.execute(lines)).all()]

    async def living(self, ended_after: datetime) -> builtins.list[Incident]:
        """Everybody's incidents that are open, dismissed, or have ended after `ended_after`; the oldest first."""
        column = incidents.c
        alive = or_(column.resolved_at.is_(None), column.resolved_at > ended_after, column.is_dismissed)
        statement = select(incidents).where(alive).order_by(column.incident_id)
        async with self._database.read() as connection:
            return [_incident(row) for row in (await connection.execute(statement)).all()]

    async def acknowledge(self, organization_id: str, incident_id: str, actor: str) -> Incident:
        """Somebody has seen the incident: no more reminders. One that was seen before, or has ended, stays as it is.
        Raises `RefusalError` NOT_FOUND.
        """

        def seen(incident: Incident, now: datetime) -> tuple[Incident, EntryKind] | None:
            if incident.acknowledged_at is not None or incident.resolved_at is not None:
                return None
            return replace(incident, acknowledged_at=now, acknowledged_by=actor, updated_at=now), EntryKind.ACKNOWLEDGED

        return await self._changed(organization_id, incident_id, actor, seen)

    async def resolve(self, organization_id: str, incident_id: str, actor: str) -> Incident:
        """The incident is closed by hand: while its trouble lasts there is no other. One that has ended stays as it is.
        Raises `RefusalError` NOT_FOUND.
        """

        def closed(incident: Incident, now: datetime) -> tuple[Incident, EntryKind] | None:
            if incident.resolved_at is not None:
                return None
            ended = replace(incident, resolved_at=now, resolved_by=actor, is_dismissed=True, updated_at=now)
            return ended, EntryKind.RESOLVED

        return await self._changed(organization_id, incident_id, actor, closed)

    async def prune(self) -> None:
        """Incidents that ended long ago are gone, with their timelines. Raises `StorageError`."""
        old = incidents.c.resolved_at < self._clock() - KEPT
        some = select(incidents.c.organization_id, incidents.c.incident_id).where(old).limit(_PRUNED_AT_ONCE)
        while True:
            async with self._database.write() as connection:
                rows = (await connection.execute(some)).all()
                for row in rows:
                    for table in (incident_entries, incidents):
                        mine = (table.c.organization_id == row[0], table.c.incident_id == row[1])
                        await connection.execute(delete(table).where(*mine))
            if len(rows) < _PRUNED_AT_ONCE:
                return

    async def _changed(
        self,
        organization_id: str,
        incident_id: str,
        actor: str,
        change: Callable[[Incident, datetime], tuple[Incident, EntryKind] | None],
    ) -> Incident:
        now = self._clock()
        async with self._database.write() as connection:
            found = await _find(connection, organization_id, incident_id)
            if found is None:
                raise RefusalError(NOT_FOUND)
            changed = change(found, now)
            if changed is None:
                return found
            incident, kind = changed
            if not await save(connection, incident):
                return found
            await add_entry(connection, incident, IncidentEntry(now, kind, actor))
        for listener in self._listeners:
            listener(incident)
        return incident


def new_incident_id(now: datetime) -> str:
    """An id that nobody has, and that is greater than those made at earlier moments."""
    return f"inc_{int(now.timestamp() * 1000):012x}{secrets.token_hex(6)}"


async def add(connection: AsyncConnection, incident: Incident) -> None:
    """The incident is stored."""
    key = {"organization_id": incident.organization_id, "incident_id": incident.incident_id}
    await connection.execute(insert(incidents).values({**key, **_columns(incident)}))


async def save(connection: AsyncConnection, incident: Incident, *, was_ended: bool = False) -> bool:
    """The incident is stored as it is now, unless it has ended meanwhile; whether it was. `was_ended` for one that had
    ended, and continues or is forgotten.
    """
    mine = [incidents.c.organization_id == incident.organization_id, incidents.c.incident_id == incident.incident_id]
    if not was_ended:
        mine.append(incidents.c.resolved_at.is_(None))
    values = _columns(incident)
    if incident.acknowledged_at is None and not was_ended:
        # Somebody may have acknowledged it elsewhere.
        del values["acknowledged_at"], values["acknowledged_by"]
    return (await connection.execute(update(incidents).where(*mine).values(values))).rowcount == 1


async def find(connection: AsyncConnection, organization_id: str, incident_id: str) -> Incident | None:
    """The incident as this transaction sees it."""
    return await _find(connection, organization_id, incident_id)


async def add_entry(
    connection: AsyncConnection, incident: Incident, *entries: IncidentEntry, is_new: bool = False
) -> None:
    """The timeline has these lines at its end, as far as there is room. `is_new`: it has none yet."""
    key = {"organization_id": incident.organization_id, "incident_id": incident.incident_id}
    last = 0
    if not is_new:
        mine = (incident_entries.c[name] == value for name, value in key.items())
        last = (await connection.execute(select(func.max(incident_entries.c.entry_no)).where(*mine))).scalar_one() or 0
    rows = [
        {
            **key,
            "entry_no": number,
            "at": entry.at,
            "kind": entry.kind.value,
            "actor": entry.actor,
            "detail": orjson.dumps(dict(entry.detail)).decode(),
        }
        for number, entry in enumerate(entries, last + 1)
        if number <= MAX_ENTRIES
    ]
    if rows:
        await connection.execute(insert(incident_entries), rows)


async def _find(connection: AsyncConnection, organization_id: str, incident_id: str) -> Incident | None:
    statement = select(incidents).where(
        incidents.c.organization_id == organization_id, incidents.c.incident_id == storable(incident_id)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else _incident(row)


def _columns(incident: Incident) -> dict[str, Any]:
    return {
        "rule_id": incident.rule_id,
        "rule_name": incident.rule_name,
        "condition": incident.condition.value,
        "subject_kind": incident.subject.kind.value,
        "subject": incident.subject.name,
        "since_at": incident.since,
        "instances": orjson.dumps(incident.instances).decode(),
        **{name: getattr(incident, name) for name in _SAME},
    }


def _incident(row: Row[Any]) -> Incident:
    same: Mapping[str, Any] = {name: getattr(row, name) for name in _SAME}
    return Incident(
        organization_id=row.organization_id,
        incident_id=row.incident_id,
        rule_id=row.rule_id,
        rule_name=row.rule_name,
        condition=Condition(row.condition),
        subject=Subject(SubjectKind(row.subject_kind), row.subject),
        since=row.since_at,
        instances=tuple(orjson.loads(row.instances)),
        **same,
    )


def _entry(row: Row[Any]) -> IncidentEntry:
    return IncidentEntry(row.at, EntryKind(row.kind), row.actor, orjson.loads(row.detail))


_SAME = (
    *("opened_at", "updated_at", "reason", "instance_count", "event_count", "flaps", "acknowledged_at"),
    *("acknowledged_by", "resolved_at", "resolved_by", "is_dismissed"),
)
