"""When something that was not delivered is tried again. Pure."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 14_400.0)
"""Between the first try and the second, and so on: eight tries in less than six hours."""
MAX_TRIES = len(DELAYS_S) + 1
_JITTER = 0.2
MAX_RETRY_AFTER_S = 3_600.0
"""Nobody may ask for more patience than this."""


def next_try(
    attempts: int, now: datetime, expires_at: datetime, rng: random.Random, retry_after_s: float | None = None
) -> datetime | None:
    """When to try again after `attempts` (≥ 1) tries in vain; None: never, because there were enough or because the
    message would be worth nothing by then.

    A fifth of each delay is chance, so that what failed together does not come back together.
    """
    if attempts >= MAX_TRIES:
        return None
    delay_s = DELAYS_S[attempts - 1] * (1 - _JITTER * rng.random())
    if retry_after_s is not None:
        delay_s = max(delay_s, min(retry_after_s, MAX_RETRY_AFTER_S))
    due_at = now + timedelta(seconds=delay_s)
    return due_at if due_at < expires_at else None


def retry_after_s(header: str, now: datetime) -> float | None:
    """The seconds that a `Retry-After` header (RFC 9110, section 10.2.3) asks for: a number, or a date."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
