"""Spans of time: joined, cut out of each other, and what several have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class TroubleSpan:
    """From `from_at` up to, but not at, `to_at`."""

    from_at: datetime
    to_at: datetime


def merged(spans: Iterable[TroubleSpan]) -> list[TroubleSpan]:
    """The same time in spans that neither touch nor overlap, in order. Empty spans are left out."""
    found: list[TroubleSpan] = []
    for span in sorted(spans):
        if span.from_at >= span.to_at:
            continue
        if found and span.from_at <= found[-1].to_at:
            found[-1] = TroubleSpan(found[-1].from_at, max(found[-1].to_at, span.to_at))
        else:
            found.append(span)
    return found


def without(spans: Iterable[TroubleSpan], others: Iterable[TroubleSpan]) -> list[TroubleSpan]:
    """What of `spans` is not in `others`, in order; spans that touch stay two."""
    rest = sorted(span for span in spans if span.from_at < span.to_at)
    for other in merged(others):
        cut = []
        for span in rest:
            if other.to_at <= span.from_at or span.to_at <= other.from_at:
                cut.append(span)
                continue
            if span.from_at < other.from_at:
                cut.append(TroubleSpan(span.from_at, other.from_at))
            if other.to_at < span.to_at:
                cut.append(TroubleSpan(other.to_at, span.to_at))
        rest = cut
    return rest


def common(several: Sequence[Sequence[TroubleSpan]]) -> list[TroubleSpan]:
    """The time that is in every one of `several`; none for none."""
    if not several:
        return []
    shared = merged(several[0])
    for spans in several[1:]:
        shared = merged(
            TroubleSpan(max(one.from_at, other.from_at), min(one.to_at, other.to_at))
            for one in shared
            for other in merged(spans)
            if one.from_at < other.to_at and other.from_at < one.to_at
        )
    return shared
