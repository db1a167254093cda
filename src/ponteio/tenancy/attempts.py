"""How often a password was tried, and when that was too often."""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ponteio.model.outcome import LOGIN_THROTTLED, RefusalError

WINDOW_MIN = 15
_PLACES = 2**14


@dataclass(frozen=True, slots=True)
class Count:
    """At most `limit` tries in a quarter of an hour of whatever `kind` and `key` name."""

    kind: str
    key: str
    limit: int


class Attempts:
    """Tries, counted in this process's memory by a moving window of 15 minutes.

    Keys fall into 16 384 places of each kind, by a hash that nobody outside can work out, and are not kept themselves:
    whatever strangers type, places take less than 30 MB, and a try takes some 150 bytes more until its window is over.
    Two keys in one place share its count: only a flood would notice.
    """

    def __init__(self) -> None:
        # The library's asynchronous store hops to a thread for each key that it looks through, and fails when one is
        # cleared meanwhile.
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._secret = secrets.token_bytes(16)

    def add(self, *counts: Count) -> None:
        """One more try of each. Raises `RefusalError` LOGIN_THROTTLED, with `retry_after_s`, at the first that is full:
        it and those after it are not counted.
        """
        for count in counts:
            limit, place = self._place(count)
            if not self._limiter.hit(limit, count.kind, place):
                reset_at = self._limiter.get_window_stats(limit, count.kind, place).reset_time
                wait_s = max(1, math.ceil(reset_at - time.time()))
                raise RefusalError(LOGIN_THROTTLED, extra={"retry_after_s": wait_s})

    def forget(self, count: Count) -> None:
        """As if it had never been tried."""
        limit, place = self._place(count)
        self._limiter.clear(limit, count.kind, place)

    def _place(self, count: Count) -> tuple[RateLimitItem, str]:
        digest = hashlib.blake2b(count.key.encode(errors="replace"), key=self._secret, digest_size=8).digest()
        return RateLimitItemPerMinute(count.limit, WINDOW_MIN), str(int.from_bytes(digest, "big") % _PLACES)
