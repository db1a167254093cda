"""Hours of the week by the clocks of a place: whether a moment is within them, and when they begin and end. Pure.

What counts is what a clock on the wall shows: an hour that a change of the clocks skips does not exist, one that it
repeats is within the hours both times.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ponteio.model.alert import Hours
from ponteio.model.outcome import INVALID_RULE, RefusalError

MINUTES = 24 * 60
_LONGEST_NAME = 64


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The clocks of this IANA zone. Raises `RefusalError` INVALID_RULE for a name that is none."""
    try:
        if len(name) > _LONGEST_NAME:
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RefusalError(INVALID_RULE, "`zone` is no IANA time zone, such as America/Sao_Paulo.") from None


def within(hours: Hours, moment: datetime) -> bool:
    """Whether the clocks of the place show a time within the hours at `moment`."""
    local = moment.astimezone(zone_of(hours.zone))
    minute, today = local.hour * 60 + local.minute, local.weekday()
    begins, ends = hours.from_minute, hours.to_minute
    if begins < ends:
        return today in hours.days and begins <= minute < ends
    return (today in hours.days and minute >= begins) or ((today - 1) % 7 in hours.days and minute < ends)


def edges(hours: Hours, since: datetime, until: datetime) -> Iterator[datetime]:
    """Moments between `since` and `until`, in order, among which are all at which the hours begin or end."""
    zone = zone_of(hours.zone)
    day, last = since.astimezone(zone).date() - timedelta(days=1), until.astimezone(zone).date()
    found: set[datetime] = set()
    while day <= last:
        for minute in (hours.from_minute, hours.to_minute):
            found.update(_moments(zone, day, minute % MINUTES))
        found.update(_clock_changes(zone, day))
        day += timedelta(days=1)
    yield from (moment for moment in sorted(found) if since < moment < until)


def _moments(zone: ZoneInfo, day: date, minute: int) -> Iterator[datetime]:
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    yield local.replace(fold=0).astimezone(UTC)
    yield local.replace(fold=1).astimezone(UTC)


def _clock_changes(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """The moment of this day at which the clocks change, to the minute, if there is one."""
    low = datetime.combine(day, time(0), zone).astimezone(UTC)
    high = datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    if before == high.astimezone(zone).utcoffset():
        return
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    yield high.replace(second=0, microsecond=0)
