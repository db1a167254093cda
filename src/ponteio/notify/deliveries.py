"""The queue of messages on their way: in the database, so that it survives us, and bounded, so that we survive it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.outcome import TOO_MANY_NOTIFICATIONS, RefusalError
from ponteio.notify.attempt import Attempt, Ending
from ponteio.notify.channel import Message, Urgency
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import channels, deliveries
from ponteio.tenancy.identifiers import new_id
from ponteio.tenancy.limit_notices import LimitNotices

KEPT = timedelta(days=7)
"""How long what became of a message is remembered."""
MAX_WAITING = 5_000
"""Of one organization. What is more is left out, counted and told."""
MAX_PAGE = 200
_HOUR = timedelta(hours=1)
_PRUNED_AT_ONCE = 500
_MAX_DETAIL = 300


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What became of one message on one way so far. `next_at` is None once it is finished."""

    delivery_id: str
    channel_id: str
    device_id: str | None
    created_at: datetime
    attempts: int
    tried_at: datetime | None
    finished_at: datetime | None
    next_at: datetime | None
    outcome: str | None
    status: int | None
    detail: str | None
    duration_ms: int | None


class DeliveryQueue:
    """Where messages are handed in, and where it is looked up what became of them. `limit_of` says how many an
    organization may send in an hour.
    """

    def __init__(
        self,
        database: Database,
        limit_of: Callable[[str], int],
        notices: LimitNotices,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._limit_of = limit_of
        self._notices = notices
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    async def send(self, organization_id: str, channel_ids: Collection[str], message: Message) -> int:
        """See `channel.Deliveries`."""
        async with self._database.write() as connection:
            count = await self.send_within(connection, organization_id, channel_ids, message)
        self.wake()
        return count

    async def send_within(
        self, connection: AsyncConnection, organization_id: str, channel_ids: Collection[str], message: Message
    ) -> int:
        """See `channel.Deliveries`."""
        now = self._clock()
        mine = channels.c.organization_id == organization_id
        usable = select(channels.c.channel_id).where(
            mine, channels.c.channel_id.in_(sorted(set(channel_ids))), channels.c.disabled_at.is_(None)
        )
        found = (await connection.execute(usable.order_by(channels.c.channel_id))).scalars().all()
        room = min(await self._left(connection, organization_id, now), await room_of(connection, organization_id))
        for _ in found[max(0, room) :]:
            self._notices.reached(organization_id, TOO_MANY_NOTIFICATIONS)
        text, expires_at = packed(message), now + timedelta(seconds=message.valid_s)
        rows = [
            new_row(organization_id, channel_id, channel_id, text, now, expires_at)
            for channel_id in found[: max(0, room)]
        ]
        if rows:
            await connection.execute(insert(deliveries), rows)
        return len(rows)

    def wake(self) -> None:
        """See `channel.Deliveries`."""
        for listener in self._listeners:
            listener()

    def on_wake(self, listener: Callable[[], None]) -> None:
        """`listener` is called whenever something may have been handed in. It must not raise."""
        self._listeners.append(listener)

    async def note_test(
        self, organization_id: str, channel_id: str, attempt: Attempt, began_at: datetime, duration_s: float
    ) -> None:
        """A message that was sent at once, to try the channel, is written down; it counts like any other."""
        now = self._clock()
        row = new_row(organization_id, channel_id, channel_id, "", began_at, now)
        row |= {"attempts": 1, "finished_at": now, **tried_values(attempt, began_at, duration_s)}
        async with self._database.write() as connection:
            await connection.execute(insert(deliveries).values(row))

    async def require_room(self, organization_id: str) -> None:
        """Raises `RefusalError` TOO_MANY_NOTIFICATIONS where the organization may send nothing more for now."""
        async with self._database.read() as connection:
            if await self._left(connection, organization_id, self._clock()) > 0:
                return
        self._notices.reached(organization_id, TOO_MANY_NOTIFICATIONS)
        raise RefusalError(TOO_MANY_NOTIFICATIONS)

    async def history(self, organization_id: str, channel_id: str, limit: int) -> list[DeliveryRecord]:
        """What became of the channel's messages, the newest first: at most `limit` (and 200)."""
        statement = (
            select(deliveries)
            .where(
                deliveries.c.organization_id == organization_id,
                deliveries.c.channel_id == channel_id,
                deliveries.c.outcome.is_distinct_from(Ending.SPREAD.value),
            )
            .order_by(deliveries.c.created_at.desc(), deliveries.c.delivery_id)
            .limit(max(0, min(limit, MAX_PAGE)))
        )
        async with self._database.read() as connection:
            return [_record(row) for row in (await connection.execute(statement)).all()]

    async def prune(self) -> int:
        """What was finished a week ago is forgotten; how many rows. In portions: whoever else writes comes between."""
        total = 0
        old = select(deliveries.c.delivery_id).where(deliveries.c.finished_at < self._clock() - KEPT)
        while True:
            async with self._database.write() as connection:
                some = (await connection.execute(old.limit(_PRUNED_AT_ONCE))).scalars().all()
                gone = delete(deliveries).where(
                    deliveries.c.delivery_id.in_(some), deliveries.c.finished_at < self._clock() - KEPT
                )
                total += (await connection.execute(gone)).rowcount
            if len(some) < _PRUNED_AT_ONCE:
                return total

    async def _left(self, connection: AsyncConnection, organization_id: str, now: datetime) -> int:
        """How many more the organization may send within this hour."""
        sent = (
            select(func.count())
            .select_from(deliveries)
            .where(
                deliveries.c.organization_id == organization_id,
                deliveries.c.created_at > now - _HOUR,
                deliveries.c.subscription_id.is_(None),
            )
        )
        return self._limit_of(organization_id) - int((await connection.execute(sent)).scalar_one())


async def room_of(connection: AsyncConnection, organization_id: str) -> int:
    """How many more deliveries of the organization may wait."""
    waiting = (
        select(deliveries.c.delivery_id)
        .where(deliveries.c.organization_id == organization_id, deliveries.c.finished_at.is_(None))
        .limit(MAX_WAITING)
    )
    counted = select(func.count()).select_from(waiting.subquery())
    return MAX_WAITING - int((await connection.execute(counted)).scalar_one())


def new_row(
    organization_id: str,
    channel_id: str,
    lane: str,
    message: str,
    now: datetime,
    expires_at: datetime,
) -> dict[str, Any]:
    """A delivery that may be tried at once."""
    return {
        "organization_id": organization_id,
        "delivery_id": new_id("msg"),
        "channel_id": channel_id,
        "subscription_id": None,
        "lane": lane,
        "attempts": 0,
        "due_at": now,
        "expires_at": expires_at,
        "created_at": now,
        "message": message,
    }


def tried_values(attempt: Attempt, tried_at: datetime, duration_s: float) -> dict[str, object]:
    """The columns that say how the last try ended."""
    return {
        "tried_at": tried_at,
        "outcome": attempt.ending.value,
        "status": attempt.status,
        "detail": attempt.detail[:_MAX_DETAIL] or None,
        "duration_ms": round(duration_s * 1000),
    }


def packed(message: Message) -> str:
    """The message as JSON. Half a character, which no receiver could read, becomes a question mark."""
    held = {each.name: getattr(message, each.name) for each in fields(message)} | {"data": dict(message.data)}
    text = json.dumps(held, ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace").decode()


def unpacked(text: str) -> Message:
    """The message that `packed` was given."""
    held: Mapping[str, Any] = json.loads(text)
    return Message(**{**held, "urgency": Urgency(held["urgency"])})


def _record(row: Row[Any]) -> DeliveryRecord:
    return DeliveryRecord(
        delivery_id=row.delivery_id,
        channel_id=row.channel_id,
        device_id=row.subscription_id,
        created_at=row.created_at,
        attempts=row.attempts,
        tried_at=row.tried_at,
        finished_at=row.finished_at,
        next_at=None if row.finished_at else row.due_at,
        outcome=row.outcome,
        status=row.status,
        detail=row.detail,
        duration_ms=row.duration_ms,
    )
