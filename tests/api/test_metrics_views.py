"""From figures to answers: spans, points, quantiles, gaps, the caller's own instances."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.api.metrics_schemas import Window
from ponteio.api.metrics_views import TOP_SHOWN, gaps_in, latency, narrowed, series, span_of, top_instances, totals
from ponteio.eventlog.counts import Facets
from ponteio.model.link import Gap, GapKind, LinkState, LinkTarget
from ponteio.observe.figures import OTHERS, Figures, Hop
from ponteio.observe.histogram import Histogram

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("window", "points"), [(Window.HOUR, 60), (Window.DAY, 96), (Window.WEEK, 168)])
@given(st.integers(1_577_836_800_000, 2_208_988_800_000))
def test_a_span_begins_with_a_step_and_has_a_handful_of_points(window: Window, points: int, now_ms: int) -> None:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    since, step_s = span_of(window, now)
    shown = series({}, since, now, step_s)
    assert since.timestamp() % step_s == 0
    assert now - timedelta(seconds=step_s) < shown[-1].at <= now
    assert shown[0].at == since
    assert len(shown) == points + 1


def test_points_hold_their_figures_and_the_rest_is_zero() -> None:
    here = Figures()
    here.events, here.reconnects, here.held, here.sockets = 4, 1, 2, 3
    here.refused["too_deep"] = 5
    here.latency[Hop.RECEIVED_TO_COMMITTED].observe(0.0011, 4)
    first, second, third = series({NOON_S + 60: here}, NOON, NOON + 2 * MINUTE, 60)
    assert (first.events, first.sockets, third.events) == (0, 0, 0)
    assert (second.at, second.events, second.reconnects, second.held) == (NOON + MINUTE, 4, 1, 2)
    assert (second.refused, second.sockets) == (5, 3)
    assert second.p95_ms[Hop.RECEIVED_TO_COMMITTED] == pytest.approx(1.475)
    assert second.p95_ms[Hop.COMMITTED_TO_DELIVERED] is None


def test_totals_are_rates_and_the_most_common() -> None:
    parts = {}
    for minute in range(60):
        one = parts[NOON_S + 60 * minute] = Figures()
        one.events, one.reconnects, one.sockets = 2, minute % 30 == 0, 3
        one.names.update({f"event {number}": number for number in range(1, 15)})
        one.refused.update({"rate_limited": 1})
    found = totals(parts, 9, NOON, NOON + timedelta(hours=1), 60)
    assert (found["events"], found["events_per_minute"], found["reconnects"]) == (120, 2.0, 2)
    assert found["reconnects_per_hour"] == 2.0
    assert (found["sockets"].now, found["sockets"].most) == (9, 9)
    assert [one.event for one in found["most_common"]] == [f"event {number}" for number in range(14, 4, -1)]
    assert found["refused"] == {"rate_limited": 60}
    assert len(found["series"]) == 61


def test_quantiles_are_in_milliseconds() -> None:
    histogram = Histogram()
    assert latency(histogram).p50_ms is None
    histogram.observe(0.0004, 1_000)
    shown = latency(histogram)
    assert (shown.count, shown.p50_ms, shown.p99_ms) == (1_000, 0.5, 0.99)


def test_gaps_count_as_far_as_they_reach_into_the_window() -> None:
    target = LinkTarget("main", "loja")

    def gap(kind: GapKind, begins: int, ends: int | None) -> Gap:
        to_at = None if ends is None else NOON + ends * MINUTE
        return Gap(target, kind, NOON + begins * MINUTE, to_at)

    found = gaps_in(
        [
            gap(GapKind.LINK_DOWN, -20, -10),  # over before the window
            gap(GapKind.LINK_DOWN, -20, 10),
            gap(GapKind.LINK_DOWN, 50, None),
            gap(GapKind.OVERSIZE, 5, 5),
        ],
        NOON,
        NOON + 60 * MINUTE,
    )
    down = found[GapKind.LINK_DOWN]
    assert (down.count, down.lasting, down.seconds) == (2, 1, 1_200.0)
    assert (found[GapKind.OVERSIZE].count, found[GapKind.OVERSIZE].seconds) == (1, 0.0)
    assert found[GapKind.NAMESPACE_PENDING].count == 0


def test_only_the_callers_instances_are_shown_the_busiest_first() -> None:
    events, reconnects = {"a": 1, "b": 5, "secret": 99, OTHERS: 50}, {"c": 2}
    links = dict.fromkeys("abcd", LinkState.CONNECTED)
    assert [one.name for one in top_instances(links, events, reconnects)] == ["b", "a", "c", "d"]
    shown = top_instances(links, None, reconnects)
    assert [(one.name, one.events, one.reconnects) for one in shown][:2] == [("c", None, 2), ("a", None, 0)]
    many = {f"instance {number:03}": LinkState.OFF for number in range(100)}
    assert len(top_instances(many, events, reconnects)) == TOP_SHOWN


def test_what_is_counted_for_one_caller_is_told_whole_or_not_at_all() -> None:
    found = Facets(
        instances={"loja": 120},
        events={"messages.upsert": 100, "UNHEARD": 15, "of.this": 5},
        origins={"live": 120},
        count=120,
        bytes=1,
        since=NOON,
        until=NOON,
        complete=True,
        known_from=NOON,
    )
    shown = narrowed(found, NOON, NOON + timedelta(hours=1))
    assert (shown["events"], shown["events_per_minute"]) == (120, 2.0)
    assert [(one.event, one.count) for one in shown["most_common"]] == [("messages.upsert", 100), ("other", 20)]
    assert narrowed(replace(found, complete=False), NOON, NOON + timedelta(hours=1)) == {}
