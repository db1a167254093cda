"""What is kept for a time and no longer: events as their organizations chose, the rest by rules of the house."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from ponteio.eventlog.retention import Retention, remove_rows
from ponteio.foundation import Foundation
from ponteio.observe.clock import utc_now
from ponteio.storage.tables import gaps, quarantine

log = structlog.get_logger(__name__)

AUDIT_KEPT = timedelta(days=400)
"""A year, and the month in which somebody asks about it."""
Work = Callable[[], Awaitable[object]]


def expiries(
    base: Foundation, keep_days: int, *others: Work, clock: Callable[[], datetime] = utc_now
) -> Sequence[Work]:
    """Work that is to be done again and again, in this order, `others` among it. `keep_days` is for what belongs to no
    organization. The last may take long, and is easy on everybody else.
    """
    retention = Retention(base.database, base.directory.choices, clock)

    def kept_since() -> datetime:
        return clock() - timedelta(days=keep_days)

    async def old_refusals() -> None:
        await remove_rows(base.database, quarantine.c.quarantine_id, quarantine.c.received_at, kept_since())

    async def old_gaps() -> None:
        await remove_rows(base.database, gaps.c.gap_id, gaps.c.to_at, kept_since())

    async def old_events() -> None:
        done = await retention.remove_old([one.organization_id for one in base.directory.organizations()])
        if done.events:
            log.info("old events were removed", count=done.events)

    return (
        base.sessions.prune,
        base.invitations.prune,
        lambda: base.tickets.prune(clock()),
        lambda: base.audit.prune(clock() - AUDIT_KEPT),
        old_refusals,
        old_gaps,
        *others,
        old_events,
    )
