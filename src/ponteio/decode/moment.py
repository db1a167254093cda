"""When an event happened, in spite of Evolution's clock.

Evolution 2.3.7 writes `date_time` as the local wall clock of its process with a false Z (its Docker image runs in
America/Sao_Paulo, three hours behind). What it is off by is learned from the events themselves.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

_QUARTER = timedelta(minutes=15)
"""Every time zone in use is a multiple of this."""
_FARTHEST = timedelta(hours=14)
_UNSURE = timedelta(minutes=5)
"""A sample farther than this from a quarter of an hour says more about a delay or a wrong clock than about a zone."""
_CHANGES_AFTER = 3

_AHEAD = timedelta(seconds=2)
"""What two clocks may differ by without one of them being wrong."""
_BEHIND = timedelta(minutes=15)
"""An event "later" than this more likely shows that the zone has just changed than that it took so long."""

_EARLIEST_S = 1_230_768_000
"""2009-01-01: WhatsApp is not older."""
_DAY_S = 86_400

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,6})?", re.ASCII)

# Not messages.delete: it carries the timestamp of the message that was deleted. Nor messages.set: it holds many.
_TIMESTAMPED = frozenset({"messages.upsert", "send.message"})


class OffsetLearner:
    """How far the wall clock of one server is from UTC, learned from live events.

    The first sample is believed; another offset only after three in a row that agree (daylight saving time), so that
    one stray `date_time` changes nothing.
    """

    def __init__(self) -> None:
        self.offset: timedelta | None = None
        self._rival: timedelta | None = None
        self._rival_seen = 0

    def observe(self, wall: datetime, received_at: datetime) -> None:
        """Take note of one event's `date_time`, read as UTC. Samples that fit no time zone are ignored."""
        sample = wall - received_at
        offset = round(sample / _QUARTER) * _QUARTER
        if abs(offset) > _FARTHEST or abs(sample - offset) > _UNSURE:
            return
        if self.offset is None or offset == self.offset:
            self._adopt(offset)
            return
        self._rival_seen = self._rival_seen + 1 if offset == self._rival else 1
        self._rival = offset
        if self._rival_seen >= _CHANGES_AFTER:
            self._adopt(offset)

    def _adopt(self, offset: timedelta) -> None:
        self.offset, self._rival, self._rival_seen = offset, None, 0


def wall_clock(date_time: object) -> datetime | None:
    """The moment that Evolution's `date_time` spells, its Z taken at its word; None for anything else."""
    if not isinstance(date_time, str) or _DATE_TIME.fullmatch(date_time) is None:
        return None
    try:
        return datetime.fromisoformat(date_time)
    except ValueError:
        return None


def message_time(event: str, data: object, received_at: datetime) -> datetime | None:
    """WhatsApp's own time of a message, in whole seconds; None where there is none that can be true.

    `messageTimestamp` comes as a number, as digits, or as a Long `{low, high, unsigned}`. True are times from 2009 to
    one day after `received_at`.
    """
    if event not in _TIMESTAMPED or not isinstance(data, dict):
        return None
    seconds = _seconds(data.get("messageTimestamp"))
    if seconds is None or not _EARLIEST_S <= seconds <= received_at.timestamp() + _DAY_S:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(value: object) -> float | None:
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high")
        return (high << 32) + (low & 0xFFFFFFFF) if _is_word(low) and _is_word(high) else None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return value if isinstance(value, int | float) else None


def _is_word(value: object) -> TypeGuard[int]:
    return type(value) is int and -(2**31) <= value < 2**32


def repaired(wall: datetime | None, offset: timedelta | None, received_at: datetime) -> datetime | None:
    """`wall` in UTC where it and the server's offset can be trusted, else None. At most 2 s after `received_at`."""
    if wall is None or offset is None:
        return None
    lag = received_at - wall + offset
    return received_at - lag if -_AHEAD <= lag <= _BEHIND else None
