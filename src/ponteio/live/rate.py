"""How much may come: from a client, to one, or from the door."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """A token bucket: `burst` at once, `per_s` more each second. `now` is of a clock that only goes forward."""

    per_s: float
    burst: int
    left: float
    at: float

    @classmethod
    def full(cls, per_s: float, burst: int, now: float) -> Allowance:
        """Nothing has been spent yet."""
        return cls(per_s, burst, float(burst), now)

    def spend(self, now: float) -> bool:
        """Whether one more is allowed; it is counted if it is."""
        self.left = min(float(self.burst), self.left + (now - self.at) * self.per_s)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def is_full(self, now: float) -> bool:
        """Whether nothing that was spent is still missing."""
        return self.left + (now - self.at) * self.per_s >= self.burst
