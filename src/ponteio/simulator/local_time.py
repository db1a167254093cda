"""Evolution's `date_time`: the wall clock of the process with a `Z` that is not true.

Source: channel.service.ts of 2.3.7 computes `new Date(Date.now() - getTimezoneOffset()).toISOString()`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


def parse_tz(text: str) -> tzinfo:
    """The zone of an IANA name or of an offset like `-03:00`; ValueError when it is neither."""
    if text.upper() in {"UTC", "Z"}:
        return UTC
    if match := _OFFSET.fullmatch(text):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        # The default must work on a machine without a time zone database; Brazil has had no summer time since 2019.
        if text == "America/Sao_Paulo":
            return timezone(timedelta(hours=-3))
        raise ValueError(f"unknown time zone {text!r}") from None


def fake_utc(moment: datetime, zone: tzinfo) -> str:
    """`moment` as Evolution writes it: local wall clock, milliseconds, and a false `Z`."""
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def true_utc(moment: datetime) -> str:
    """`moment` as JavaScript's `toISOString` writes it: UTC, milliseconds, `Z`."""
    return fake_utc(moment, UTC)
