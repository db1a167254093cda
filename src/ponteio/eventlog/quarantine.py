"""What was kept out of every log, for the operator to see."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.eventlog import link_places
from ponteio.model.event import Refusal
from ponteio.model.link import LinkTarget
from ponteio.storage.database import Database
from ponteio.storage.statements import insert_new
from ponteio.storage.tables import quarantine

KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refusal as kept. `quarantine_id` grows with time; `outcome` is the code of the catalogue of refusals."""

    quarantine_id: int
    outcome: str
    target: LinkTarget
    instance: str | None
    event: str | None
    received_at: datetime
    detail: str
    size: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class QuarantineCount:
    """How many refusals of one outcome are kept for one instance of a server, and when the last one came."""

    outcome: str
    server_id: str
    instance: str | None
    count: int
    last_received_at: datetime


class Quarantine:
    """The newest refusals, bounded. Only the operator may read them: they belong to no organization."""

    def __init__(self, database: Database, kept: int = KEPT) -> None:
        self._database = database
        self._kept = kept

    async def put(self, refusals: Sequence[Refusal]) -> int:
        """The refusals are kept, an event that came over two links once; the oldest make room. Returns how many are
        new.
        """
        if not refusals:
            return 0
        statement = insert_new(quarantine, self._database.dialect).returning(quarantine.c.quarantine_id)
        rows = [_columns(refusal) for refusal in refusals]
        async with self._database.write() as connection:
            if self._database.dialect == "postgresql":
                # Two processes with the same refusals in different orders would wait for each other for ever.
                await connection.execute(text("LOCK TABLE quarantine IN SHARE ROW EXCLUSIVE MODE"))
            added = len((await connection.execute(statement, rows)).all())
            await self._make_room(connection)
        return added

    async def list(self, limit: int, before: int | None = None) -> list[Quarantined]:
        """The newest `limit` refusals with an id below `before`, newest first."""
        statement = select(quarantine).order_by(quarantine.c.quarantine_id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(quarantine.c.quarantine_id < before)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [
            Quarantined(
                quarantine_id=row.quarantine_id,
                outcome=row.outcome,
                target=link_places.target_of(row),
                instance=row.instance,
                event=row.event,
                received_at=row.received_at,
                detail=row.detail,
                size=row.size,
                excerpt=row.excerpt,
            )
            for row in rows
        ]

    async def summary(self) -> builtins.list[QuarantineCount]:
        """Counts by outcome, server and instance, the largest first."""
        count, last = func.count().label("count"), func.max(quarantine.c.received_at).label("last_received_at")
        whose = (quarantine.c.outcome, quarantine.c.server_id, quarantine.c.instance)
        statement = select(*whose, count, last).group_by(*whose).order_by(count.desc(), *whose)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [QuarantineCount(*row) for row in rows]

    async def _make_room(self, connection: AsyncConnection) -> None:
        oldest_kept = (
            select(quarantine.c.quarantine_id)
            .order_by(quarantine.c.quarantine_id.desc())
            .offset(self._kept - 1)
            .limit(1)
            .scalar_subquery()
        )
        await connection.execute(delete(quarantine).where(quarantine.c.quarantine_id < oldest_kept))


def _columns(refusal: Refusal) -> dict[str, object]:
    decoded = refusal.decoded
    return {
        **link_places.columns(refusal.frame_target),
        "fingerprint": None if decoded is None else decoded.fingerprint,
        "outcome": refusal.outcome.code,
        "instance": refusal.instance,
        "event": refusal.event,
        "received_at": refusal.received_at,
        "detail": refusal.detail,
        "size": refusal.size,
        "excerpt": refusal.excerpt,
    }
