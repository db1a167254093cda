"""From figures to what `/api/metrics` shows: pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ponteio.api.metrics_schemas import EventCount, GapFigures, InstanceFigures, Latency, Point, SocketFigures, Window
from ponteio.decode.catalogue import counted
from ponteio.eventlog.counts import Facets
from ponteio.model.link import Gap, GapKind, LinkState
from ponteio.observe.figures import Figures, Hop
from ponteio.observe.histogram import Histogram

MOST_COMMON = 10
TOP_SHOWN = 20
_SPANS = {
    Window.HOUR: (timedelta(hours=1), 60),
    Window.DAY: (timedelta(hours=24), 900),
    Window.WEEK: (timedelta(days=7), 3600),
}


def span_of(window: Window, now: datetime) -> tuple[datetime, int]:
    """When the window begins, at the beginning of a step, and the length of a step in seconds: a minute, a quarter of
    an hour, an hour.
    """
    length, step_s = _SPANS[window]
    return datetime.fromtimestamp((now - length).timestamp() // step_s * step_s, UTC), step_s


def totals(parts: Mapping[int, Figures], sockets: int, since: datetime, until: datetime, step_s: int) -> dict[str, Any]:
    """The members of `MetricsFigures` that are made of figures; `sockets` is how many there are now."""
    total = Figures.total(parts.values())
    hours = (until - since).total_seconds() / 3600
    return {
        "sockets": SocketFigures(now=sockets, most=max(total.sockets, sockets)),
        "reconnects": total.reconnects,
        "reconnects_per_hour": round(total.reconnects / hours, 3),
        "events": total.events,
        "events_per_minute": round(total.events / hours / 60, 3),
        "early": total.early,
        "latency": {hop: latency(histogram) for hop, histogram in total.latency.items()},
        "most_common": [EventCount(event=name, count=n) for name, n in total.names.most_common(MOST_COMMON)],
        "held": total.held,
        "refused": dict(total.refused.most_common()),
        "series": series(parts, since, until, step_s),
    }


def latency(histogram: Histogram) -> Latency:
    """Its quantiles in milliseconds."""
    p50, p95, p99 = (_ms(histogram, share) for share in (0.5, 0.95, 0.99))
    return Latency(count=histogram.count, p50_ms=p50, p95_ms=p95, p99_ms=p99)


def series(parts: Mapping[int, Figures], since: datetime, until: datetime, step_s: int) -> list[Point]:
    """A point for each step of the window, also where nothing happened."""
    nothing = Figures()
    places = range(int(since.timestamp()), int(until.timestamp()) + 1, step_s)
    return [_point(place, parts.get(place, nothing)) for place in places]


def gaps_in(found: Iterable[Gap], since: datetime, until: datetime) -> dict[GapKind, GapFigures]:
    """Those that reach into the window, by kind."""
    counted = {kind: GapFigures(count=0, lasting=0, seconds=0.0) for kind in GapKind}
    for gap in found:
        to_at = gap.to_at or until
        if to_at < since:
            continue
        figures = counted[gap.kind]
        figures.count += 1
        figures.lasting += gap.to_at is None
        figures.seconds += max((min(to_at, until) - max(gap.from_at, since)).total_seconds(), 0.0)
    return counted


def narrowed(found: Facets, since: datetime, until: datetime) -> dict[str, Any]:
    """What there is to say to whoever may not see the organization as a whole; nothing of events where there was no
    time to count them all.
    """
    if not found.complete:
        return {}
    names: Counter[str] = Counter()
    for name, count in found.events.items():
        names[counted(name)] += count
    minutes = (until - since).total_seconds() / 60
    return {
        "events": found.count,
        "events_per_minute": round(found.count / minutes, 3),
        "most_common": [EventCount(event=name, count=n) for name, n in names.most_common(MOST_COMMON)],
    }


def top_instances(
    links: Mapping[str, LinkState], events: Mapping[str, int] | None, reconnects: Mapping[str, int]
) -> Sequence[InstanceFigures]:
    """The caller's instances with most events, then most reconnects, then by name. `links` has all that the caller may
    see, by name; the others may have more than those.
    """
    counts = events or {}
    shown = sorted(links, key=lambda name: (-counts.get(name, 0), -reconnects.get(name, 0), name))
    return [
        InstanceFigures(
            name=name,
            link=links[name],
            events=None if events is None else events.get(name, 0),
            reconnects=reconnects.get(name, 0),
        )
        for name in shown[:TOP_SHOWN]
    ]


def _point(place: int, figures: Figures) -> Point:
    return Point(
        at=datetime.fromtimestamp(place, UTC),
        events=figures.events,
        reconnects=figures.reconnects,
        held=figures.held,
        refused=figures.refused.total(),
        sockets=figures.sockets,
        p95_ms={hop: _ms(figures.latency[hop], 0.95) for hop in Hop},
    )


def _ms(histogram: Histogram, share: float) -> float | None:
    seconds = histogram.quantile(share)
    return None if seconds is None else round(seconds * 1000, 3)
