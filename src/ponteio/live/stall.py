"""The judge of slow sockets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stall:
    """Since when a socket that is over its limit has taken nothing. Being slow is allowed; standing still is not."""

    since: float | None = None
    taken: int = 0

    def judge(self, *, over_limit: bool, taken: int, now: float, patience_s: float) -> bool:
        """Whether the socket has stood still for `patience_s`. `taken` is the number of bytes it ever took."""
        if not over_limit:
            self.since = None
            return False
        if self.since is None or taken > self.taken:
            self.since, self.taken = now, taken
            return False
        return now - self.since >= patience_s
