"""Limits that were reached, written into the audit log: once an hour for each, not once for each refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ponteio.observe.clock import utc_now
from ponteio.tenancy.audit import Action, Actor, AuditLog
from ponteio.tenancy.limit_notices import LimitNotice

WRITTEN_EVERY = timedelta(hours=1)
_HOUSE = Actor(kind="gateway")


class LimitScribe:
    """`note` is told in the loop and returns at once; `write` is called again and again."""

    def __init__(self, audit: AuditLog, clock: Callable[[], datetime] = utc_now) -> None:
        self._audit = audit
        self._clock = clock
        self._written_at: dict[tuple[str, str], datetime] = {}
        self._waiting: dict[tuple[str, str], LimitNotice] = {}

    def note(self, organization_id: str, notice: LimitNotice) -> None:
        """The organization has reached a limit."""
        place = (organization_id, notice.code)
        written_at = self._written_at.get(place)
        if written_at is None or abs(self._clock() - written_at) >= WRITTEN_EVERY:
            self._waiting[place] = notice

    async def write(self) -> None:
        """What waits is in the audit log. Raises `StorageError`; then it still waits."""
        for place, notice in list(self._waiting.items()):
            organization_id, code = place
            detail = {"count": notice.count}
            await self._audit.record(
                Action.LIMIT_REACHED, _HOUSE, organization_id=organization_id, target=code, detail=detail
            )
            self._written_at[place] = self._clock()
            del self._waiting[place]
