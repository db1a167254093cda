"""What was not told in quiet hours, until they end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.alert import Incident, Language
from ponteio.notify import incidents
from ponteio.storage.database import Database, Dialect
from ponteio.storage.notify_tables import held_notices
from ponteio.storage.statements import insert_new

DEFAULT_LANGUAGE = Language.EN
"""Of a summary of incidents whose rules are gone."""
MAX_SUMMED_UP = 500
"""Incidents that one summary counts; what is above waits for the next."""


@dataclass(frozen=True, slots=True)
class Held:
    """An incident that a channel has not been told of."""

    incident_id: str
    rule_id: str


async def hold(
    connection: AsyncConnection, dialect: Dialect, incident: Incident, channel_ids: Collection[str], now: datetime
) -> None:
    """These channels are told of the incident when it is not quiet any more, once."""
    rows = [
        {
            "organization_id": incident.organization_id,
            "channel_id": channel_id,
            "incident_id": incident.incident_id,
            "rule_id": incident.rule_id,
            "held_at": now,
        }
        for channel_id in channel_ids
    ]
    await connection.execute(insert_new(held_notices, dialect).values(rows))


async def waiting(database: Database) -> dict[tuple[str, str], list[Held]]:
    """What is held, by organization and channel, the oldest incident first. Raises `StorageError`."""
    statement = select(held_notices).order_by(held_notices.c.incident_id)
    found: dict[tuple[str, str], list[Held]] = {}
    async with database.read() as connection:
        for row in await connection.execute(statement):
            place = (row.organization_id, row.channel_id)
            found.setdefault(place, []).append(Held(row.incident_id, row.rule_id))
    return found


async def take(
    connection: AsyncConnection, organization_id: str, channel_id: str, notices: Sequence[Held]
) -> list[Incident]:
    """The incidents of these notices as they stand now; they are held no more if the transaction commits."""
    taken = []
    for notice in notices[:MAX_SUMMED_UP]:
        incident = await incidents.find(connection, organization_id, notice.incident_id)
        if incident is not None:
            taken.append(incident)
        mine = (
            held_notices.c.organization_id == organization_id,
            held_notices.c.channel_id == channel_id,
            held_notices.c.incident_id == notice.incident_id,
        )
        await connection.execute(delete(held_notices).where(*mine))
    return taken
