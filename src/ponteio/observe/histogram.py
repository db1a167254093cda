"""Counts by size: what a distribution looks like, in a bounded number of integers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
DURATION_S = (
    *(round(step * 10.0**decade, 6) for decade in range(-3, 2) for step in _STEPS),
    *(100.0, 150.0, 200.0, 300.0, 500.0, 700.0, 900.0),
)
"""Upper bounds in seconds, from 1 ms to 15 min. Two neighbours differ by a factor of at most 5/3."""
REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Coarser: there is one histogram for each route."""
BATCH = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Histogram:
    """How many values fell into each bucket, and their sum. A bucket holds what is at most its bound; the last one,
    without a bound, holds the rest.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = DURATION_S) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def observe(self, value: float, times: int = 1) -> None:
        """Take in `value`, so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times

    def observe_all(self, values: Sequence[float]) -> None:
        """Take in all of `values`, each once."""
        bounds, counts = self.bounds, self.counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.sum += sum(values)

    def add(self, other: Histogram) -> None:
        """Take in all that `other`, with the same bounds, has."""
        for place, count in enumerate(other.counts):
            if count:
                self.counts[place] += count
        self.sum += other.sum

    def quantile(self, share: float) -> float | None:
        """The value below which about `share` (0 to 1) of all lie; None without any.

        The true quantile is in the same bucket as the answer, which is interpolated between its bounds. With
        `DURATION_S` the two differ by a factor of at most 5/3, below 1 ms by at most 1 ms; beyond the last bound the
        answer is that bound.
        """
        rank, below, lower = share * self.count, 0, 0.0
        for upper, count in zip(self.bounds, self.counts, strict=False):
            if count and below + count >= rank:
                return lower + (upper - lower) * max(rank - below, 0.0) / count
            below, lower = below + count, upper
        return lower if self.counts[-1] else None

    def spelled(self) -> dict[str, object]:
        """What JSON keeps of it: the buckets that are not empty, by place, and the sum."""
        return {"counts": {str(place): count for place, count in enumerate(self.counts) if count}, "sum": self.sum}

    def add_spelled(self, spelled: Mapping[str, object]) -> None:
        """Take in what `spelled` of a histogram with the same bounds gave. What is not understood is passed over: it
        was written by another version.
        """
        counts, total = spelled.get("counts"), spelled.get("sum")
        if not isinstance(counts, Mapping) or not isinstance(total, int | float):
            return
        for place, count in counts.items():
            if place.isdecimal() and int(place) < len(self.counts) and isinstance(count, int):
                self.counts[int(place)] += count
        self.sum += total
