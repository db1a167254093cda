"""What is kept for so many days: events as their organizations chose, what belongs to nobody as the deployment says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from ponteio.eventlog.retention import Retention, remove_rows
from ponteio.foundation import Foundation
from ponteio.observe.clock import utc_now
from ponteio.storage.tables import gaps, quarantine

log = structlog.get_logger(__name__)


def expiries(
    base: Foundation, keep_days: int, clock: Callable[[], datetime] = utc_now
) -> Sequence[Callable[[], Awaitable[object]]]:
    """Work that is to be done again and again, in this order. The last may take long, and is easy on everybody else."""
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

    return (old_refusals, old_gaps, old_events)
