"""Taking messages out of the queue, one process at a time each, and writing down what became of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.outcome import TOO_MANY_NOTIFICATIONS
from ponteio.notify.attempt import Attempt, Ending
from ponteio.notify.channel import Message
from ponteio.notify.deliveries import new_row, packed, room_of, tried_values, unpacked
from ponteio.notify.push_subscriptions import forget, note_push
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import channels, deliveries
from ponteio.storage.statements import insert_new
from ponteio.tenancy.limit_notices import LimitNotices

LEASE = timedelta(seconds=120)
"""How long whoever claimed a message has it alone: longer than any try takes. After a crash it is due again then."""
FAILING_DAYS = timedelta(days=5)
FAILING_TRIES = 10
"""A channel that failed for so long, so often, and never worked in between is switched off."""
CANDIDATES = 200
SPREAD_AT_ONCE = 100
_HEALTHY = frozenset({Ending.DELIVERED})
_ILL = frozenset(
    {Ending.REJECTED, Ending.UNREACHABLE, Ending.TIMEOUT, Ending.BAD_ANSWER, Ending.ADDRESS_REFUSED, Ending.GONE}
    | {Ending.TOO_LARGE, Ending.NOT_INSTALLED}
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that is due. `lane` is what waits behind the same slow server."""

    organization_id: str
    delivery_id: str
    lane: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours for `LEASE`. `attempts` counts this try: who claims it later has a higher number."""

    organization_id: str
    delivery_id: str
    channel_id: str
    subscription_id: str | None
    lane: str
    attempts: int
    created_at: datetime
    expires_at: datetime
    message: Message = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claim: to be tried again at `retry_at`, or finished. `devices` (ids and push services) are those
    that a message to web push becomes one delivery each for.
    """

    claim: Claim
    attempt: Attempt
    tried_at: datetime
    duration_s: float
    retry_at: datetime | None = None
    devices: Sequence[tuple[str, str]] = ()


class DeliveryClaims:
    """The queue, as those see it who empty it."""

    def __init__(self, database: Database, notices: LimitNotices, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._notices = notices
        self._clock = clock

    async def due(self, without: Collection[str], without_lanes: Collection[str]) -> list[Candidate]:
        """Messages that may be tried now, the longest due first, at most `CANDIDATES`: none of these organizations and
        none of these lanes.
        """
        statement = (
            select(deliveries.c.organization_id, deliveries.c.delivery_id, deliveries.c.lane)
            .where(
                deliveries.c.finished_at.is_(None),
                deliveries.c.due_at <= self._clock(),
                deliveries.c.organization_id.not_in(sorted(without)),
                deliveries.c.lane.not_in(sorted(without_lanes)),
            )
            .order_by(deliveries.c.due_at, deliveries.c.delivery_id)
            .limit(CANDIDATES)
        )
        async with self._database.read() as connection:
            return [Candidate(*row) for row in (await connection.execute(statement)).all()]

    async def next_due_at(self) -> datetime | None:
        """When the next message may be tried."""
        waiting = select(deliveries.c.due_at).where(deliveries.c.finished_at.is_(None))
        async with self._database.read() as connection:
            return (await connection.execute(waiting.order_by(deliveries.c.due_at).limit(1))).scalar_one_or_none()

    async def claim(self, wanted: Sequence[Candidate]) -> list[Claim]:
        """Those of `wanted` that are still due, now ours."""
        now = self._clock()
        statement = (
            update(deliveries)
            .where(
                deliveries.c.finished_at.is_(None),
                deliveries.c.due_at <= now,
                deliveries.c.delivery_id.in_([one.delivery_id for one in wanted]),
            )
            .values(due_at=now + LEASE, attempts=deliveries.c.attempts + 1)
            .returning(deliveries)
        )
        async with self._database.write() as connection:
            rows = (await connection.execute(statement)).all()
        order = {one.delivery_id: number for number, one in enumerate(wanted)}
        return [_claim(row) for row in sorted(rows, key=lambda row: order[row.delivery_id])]

    async def settle(self, done: Sequence[Settlement]) -> list[tuple[str, str]]:
        """What became of them is written down, once: a claim that somebody else has meanwhile is left alone. The
        channels that were switched off by it: organization and id.
        """
        for one in done:
            await self._spread(one)
        now, stopped = self._clock(), list[tuple[str, str]]()
        async with self._database.write() as connection:
            # In one order, so that processes that settle at once do not wait for each other in a circle.
            for one in sorted(done, key=lambda it: (it.claim.organization_id, it.claim.channel_id)):
                if await _finish(connection, one, now):
                    stopped += await _note_health(connection, one, now)
        return stopped

    async def release(self, claims: Iterable[Claim]) -> None:
        """They are due at once: we end before we know what became of them."""
        async with self._database.write() as connection:
            for one in claims:
                await connection.execute(update(deliveries).where(_held(one)).values(due_at=self._clock()))

    async def _spread(self, one: Settlement) -> None:
        """A delivery for each device waits. Done again after a crash, it adds none that is there."""
        claim, text, now = one.claim, packed(one.claim.message), self._clock()
        for start in range(0, len(one.devices), SPREAD_AT_ONCE):
            rows = [_row_of(claim, device, text, now) for device in one.devices[start : start + SPREAD_AT_ONCE]]
            async with self._database.write() as connection:
                room = max(0, await room_of(connection, claim.organization_id))
                if rows[:room]:
                    await connection.execute(insert_new(deliveries, self._database.dialect), rows[:room])
            for _ in rows[room:]:
                self._notices.reached(claim.organization_id, TOO_MANY_NOTIFICATIONS)


def _row_of(claim: Claim, device: tuple[str, str], text: str, now: datetime) -> dict[str, Any]:
    subscription_id, host = device
    lane = f"{claim.organization_id} {host}"
    row = new_row(claim.organization_id, claim.channel_id, lane, text, now, claim.expires_at)
    mark = hashlib.sha256(f"{claim.delivery_id} {subscription_id}".encode()).hexdigest()[:24]
    return row | {"subscription_id": subscription_id, "delivery_id": f"msg_{mark}"}


async def _finish(connection: AsyncConnection, one: Settlement, now: datetime) -> bool:
    """Whether the claim was still ours."""
    values = tried_values(one.attempt, one.tried_at, one.duration_s)
    if one.retry_at is not None:
        values["due_at"] = one.retry_at
    else:
        values |= {"finished_at": now, "message": ""}
    return bool((await connection.execute(update(deliveries).where(_held(one.claim)).values(values))).rowcount)


async def _note_health(connection: AsyncConnection, one: Settlement, now: datetime) -> list[tuple[str, str]]:
    claim, ending = one.claim, one.attempt.ending
    if claim.subscription_id is not None:
        if ending is Ending.GONE:
            await forget(connection, claim.subscription_id)
        elif ending in _HEALTHY | _ILL:
            await note_push(connection, claim.subscription_id, now, delivered=ending in _HEALTHY)
        # One device that is lost says nothing about the others.
        return []
    this = and_(channels.c.organization_id == claim.organization_id, channels.c.channel_id == claim.channel_id)
    if ending in _HEALTHY:
        well = {"delivered_at": now, "failures": 0, "failing_since": None}
        await connection.execute(update(channels).where(this).values(well))
        return []
    if ending not in _ILL:
        return []
    since = func.coalesce(channels.c.failing_since, bindparam("now", now, channels.c.failing_since.type))
    await connection.execute(update(channels).where(this).values(failures=channels.c.failures + 1, failing_since=since))
    hopeless = and_(channels.c.failing_since <= now - FAILING_DAYS, channels.c.failures >= FAILING_TRIES)
    is_gone = ending is Ending.GONE
    off = (
        update(channels)
        .where(this, channels.c.disabled_at.is_(None), *(() if is_gone else (hopeless,)))
        .values(disabled_at=now, disabled_reason="gone" if is_gone else "failing")
    )
    if not (await connection.execute(off)).rowcount:
        return []
    await _stop_waiting(connection, claim, now)
    return [(claim.organization_id, claim.channel_id)]


async def _stop_waiting(connection: AsyncConnection, claim: Claim, now: datetime) -> None:
    mine = and_(
        deliveries.c.organization_id == claim.organization_id,
        deliveries.c.channel_id == claim.channel_id,
        deliveries.c.finished_at.is_(None),
    )
    end = {
        "finished_at": now,
        "message": "",
        "outcome": Ending.STOPPED.value,
        "detail": "The channel was switched off.",
    }
    await connection.execute(update(deliveries).where(mine).values(end))


def _held(claim: Claim) -> Any:
    return and_(
        deliveries.c.organization_id == claim.organization_id,
        deliveries.c.delivery_id == claim.delivery_id,
        deliveries.c.attempts == claim.attempts,
        deliveries.c.finished_at.is_(None),
    )


def _claim(row: Row[Any]) -> Claim:
    return Claim(
        organization_id=row.organization_id,
        delivery_id=row.delivery_id,
        channel_id=row.channel_id,
        subscription_id=row.subscription_id,
        lane=row.lane,
        attempts=row.attempts,
        created_at=row.created_at,
        expires_at=row.expires_at,
        message=unpacked(row.message),
    )
