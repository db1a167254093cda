"""Limits that were reached: counted, kept for the asking, told to whoever listens. Nothing is refused in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ponteio.model.outcome import Outcome
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters

TOLD_EVERY = timedelta(seconds=10)
"""At most one word for each organization and code in this time: a limit is often reached many times at once."""


@dataclass(frozen=True, slots=True)
class LimitNotice:
    """A limit that an organization has reached `count` times since this process started. `code` is the outcome's."""

    code: str
    count: int
    first_at: datetime
    last_at: datetime


class LimitNotices:
    """The limits that each organization has reached, one entry for each code."""

    def __init__(self, counters: Counters, clock: Callable[[], datetime] = utc_now) -> None:
        self._counters = counters
        self._clock = clock
        self._found: dict[str, dict[str, LimitNotice]] = {}
        self._told_at: dict[tuple[str, str], datetime] = {}
        self._listeners: list[Callable[[str, LimitNotice], None]] = []

    @property
    def counters(self) -> Counters:
        """Where refusals are counted."""
        return self._counters

    def reached(self, organization_id: str, outcome: Outcome) -> None:
        """The organization has reached the limit behind `outcome`, once more: counted as refused, and told."""
        now = self._clock()
        self._counters.refuse(outcome.code, organization_id=organization_id)
        mine = self._found.setdefault(organization_id, {})
        former = mine.get(outcome.code) or LimitNotice(outcome.code, 0, now, now)
        notice = mine[outcome.code] = replace(former, count=former.count + 1, last_at=now)
        told_at = self._told_at.get((organization_id, outcome.code))
        if told_at is None or abs(now - told_at) >= TOLD_EVERY:
            self._told_at[organization_id, outcome.code] = now
            for listener in self._listeners:
                listener(organization_id, notice)

    def of(self, organization_id: str) -> list[LimitNotice]:
        """What the organization has reached, by code."""
        return sorted(self._found.get(organization_id, {}).values(), key=lambda one: one.code)

    def on_notice(self, listener: Callable[[str, LimitNotice], None]) -> None:
        """`listener` is called with the organization's id, at once the first time a limit is reached, and then at most
        every ten seconds while it is being reached. It must not raise.
        """
        self._listeners.append(listener)
