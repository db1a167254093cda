"""From moments to numbers: which part of a log can hold what was received in a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ponteio.model.filter_tree import AllOf, Filter, Since, Until
from ponteio.storage.column_types import restored
from ponteio.storage.script import Query, Script

MINUTE_S = 60

_COUNTED = "SELECT seq FROM counted_logs WHERE organization_id = ?"
_LOW = "SELECT low_seq FROM event_minutes WHERE organization_id = ? AND minute >= ? ORDER BY minute LIMIT 1"
_HIGH = "SELECT high_seq FROM event_minutes WHERE organization_id = ? AND minute <= ? ORDER BY minute DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Span:
    """Nothing below `low` fits, and nothing above `high` up to `counted`, behind which no moments are known."""

    low: int
    high: int
    counted: int

    def skips(self, seq: int) -> bool:
        """Whether there is no need to look at this number."""
        return self.high < seq <= self.counted

    def beyond(self, step: int) -> int:
        """Where the numbers that are skipped end, in the direction of `step`."""
        return self.high if step < 0 else self.counted + 1


def bounds(wanted: Filter) -> tuple[datetime | None, datetime | None]:
    """The earliest `since` and the latest `until` that every event which passes must keep, None for none."""
    parts = wanted.root.parts if isinstance(wanted.root, AllOf) else (wanted.root,)
    since = [part.moment for part in parts if isinstance(part, Since)]
    until = [part.moment for part in parts if isinstance(part, Until)]
    return max(since, default=None), min(until, default=None)


def known_instances(organization_id: str) -> Script[tuple[int, list[str]]]:
    """How far the log is counted, and the names of all instances of which there are events up to there."""
    counted = yield Query(_COUNTED, (organization_id,))
    rows = yield Query("SELECT instance FROM counted_instances WHERE organization_id = ?", (organization_id,))
    return (counted[0][0] if counted else 0), [restored(name) for (name,) in rows]


def minute_of(moment: datetime) -> int:
    """The minute that `moment` is in, counted from 1970."""
    return int(moment.timestamp() // MINUTE_S)


def span_of(organization_id: str, wanted: Filter, head: int) -> Script[Span]:
    """Where events that pass can be in a log that ends at `head`."""
    return (yield from span_between(organization_id, *bounds(wanted), head))


def span_between(organization_id: str, since: datetime | None, until: datetime | None, head: int) -> Script[Span]:
    """Where events can be that were received in this time, in a log that ends at `head`."""
    if since is None and until is None:
        return Span(1, head, head)
    rows = yield Query(_COUNTED, (organization_id,))
    counted = min(rows[0][0], head) if rows else 0
    low, high = 1, counted
    if since is not None:
        rows = yield Query(_LOW, (organization_id, minute_of(since)))
        low = min(rows[0][0], counted + 1) if rows else counted + 1
    if until is not None:
        rows = yield Query(_HIGH, (organization_id, minute_of(until)))
        high = rows[0][0] if rows else 0
    return Span(low, high, counted)
