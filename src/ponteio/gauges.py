"""What the house looks like at this moment, for Prometheus: read when it is asked, so that nobody pays before."""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select

import ponteio
from ponteio.fleet import Fleet
from ponteio.foundation import Foundation
from ponteio.live.edge import LiveEdge
from ponteio.model.link import GapKind
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.observe.metrics import MetricsPage
from ponteio.pipeline import FrameQueue
from ponteio.storage.notify_tables import deliveries
from ponteio.storage.tables import event_logs

_TOTALS = {
    "ponteio_link_dials_total": "upstream_dials",
    "ponteio_link_pauses_total": "upstream_pauses",
    "ponteio_frames_received_total": "frames_received",
    "ponteio_events_duplicate_total": "events_duplicate",
    "ponteio_events_undated_total": "events_undated",
    "ponteio_storage_retries_total": "storage_retries",
    "ponteio_deliveries_total": "live_deliveries",
    "ponteio_held_total": "live_held",
    "ponteio_rollup_failures_total": "rollup_failures",
}
"""Metrics that are one counter, by the counter's name."""


class Gauges:
    """Reads rooms, and changes nothing in them. No label names an organization, an instance or a person."""

    def __init__(
        self,
        *,
        base: Foundation,
        counters: Counters,
        queue: FrameQueue,
        live: LiveEdge,
        fleet: Fleet,
        index_lag: Callable[[], int],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._base = base
        self._counters = counters
        self._queue = queue
        self._live = live
        self._fleet = fleet
        self._index_lag = index_lag
        self._clock = clock
        self._gaps: dict[GapKind, tuple[int, int]] = {}
        self._kept = self._waiting = 0

    async def look(self) -> None:
        """What only the database knows is known as of now. Raises `StorageError`."""
        self._gaps = await self._base.gaps.counts()
        kept = select(func.coalesce(func.sum(event_logs.c.head - event_logs.c.floor), 0))
        waiting = select(func.count()).select_from(deliveries).where(deliveries.c.finished_at.is_(None))
        async with self._base.database.read() as connection:
            self._kept = int((await connection.execute(kept)).scalar_one())
            self._waiting = int((await connection.execute(waiting)).scalar_one())

    async def text(self) -> bytes:
        """The page for Prometheus. It asks no database, and answers when that is away."""
        page = self.page()
        return await asyncio.to_thread(page.text)

    def page(self) -> MetricsPage:
        """Every metric, as of now."""
        page = MetricsPage()
        for name, total in _TOTALS.items():
            page.put(name, self._counters.total(total))
        self._put_house(page)
        self._put_links(page)
        self._put_events(page)
        self._put_corridor(page)
        self._put_doors(page)
        self._put_notifications(page)
        return page

    def _put_house(self, page: MetricsPage) -> None:
        directory = self._base.directory
        build = (ponteio.__version__, platform.python_version(), self._base.database.dialect)
        there = (it for it in directory.all_instances() if it.removed_at is None)
        page.put("ponteio_build_info", {build: 1})
        page.put("ponteio_organizations", len(directory.organizations()))
        page.put("ponteio_instances", Counter((it.server_id, it.state.value) for it in there))
        page.put("ponteio_database_transactions", self._base.database.busy)
        page.put_histograms("ponteio_loop_lag_seconds", {(): self._counters.loop_lag_s})

    def _put_links(self, page: MetricsPage) -> None:
        links = (status for station in self._fleet.stations() for status in station.links.statuses())
        back = {(server_id,): count for server_id, count in self._counters.under("reconnects.").items()}
        page.put("ponteio_links", Counter((it.target.server_id, it.state.value) for it in links))
        page.put("ponteio_link_reconnects_total", back)
        page.put("ponteio_gaps", {(kind.value,): total for kind, (total, _) in self._gaps.items()})
        page.put("ponteio_gaps_open", {(kind.value,): lasting for kind, (_, lasting) in self._gaps.items()})

    def _put_events(self, page: MetricsPage) -> None:
        total = self._counters.tallies.total()
        page.put("ponteio_events_total", self._counters.events_by_origin)
        unstored = {
            (name, fate): count
            for fate in ("live_only", "dropped")
            for name, count in self._counters.under(f"events_{fate}.").items()
        }
        page.put("ponteio_events_unstored_total", unstored)
        page.put("ponteio_log_events", self._kept)
        page.put("ponteio_index_lag_events", self._index_lag())
        page.put("ponteio_events_early_total", total.early)
        page.put("ponteio_refused_total", {(code,): count for code, count in self._counters.refused.items()})
        latency = {(hop.value,): histogram for hop, histogram in total.latency.items()}
        page.put_histograms("ponteio_event_latency_seconds", latency)

    def _put_corridor(self, page: MetricsPage) -> None:
        oldest_at = self._queue.oldest_at
        waited_s = 0.0 if oldest_at is None else max((self._clock() - oldest_at).total_seconds(), 0.0)
        page.put("ponteio_queue_frames", len(self._queue))
        page.put("ponteio_queue_bytes", self._queue.size)
        page.put("ponteio_queue_oldest_seconds", waited_s)
        page.put_histograms("ponteio_commit_seconds", {(): self._counters.commit_s})
        page.put_histograms("ponteio_commit_events", {(): self._counters.batch_events})

    def _put_doors(self, page: MetricsPage) -> None:
        lags = sorted(self._live.socket_lags()) or [0]
        behind = {("p95",): lags[int(0.95 * (len(lags) - 1))], ("max",): lags[-1]}
        refused = self._counters.under("requests_refused.")
        page.put("ponteio_sockets", self._live.socket_count(None))
        page.put("ponteio_socket_lag_events", behind)
        page.put("ponteio_requests_refused_total", {(code,): count for code, count in refused.items()})
        page.put_histograms("ponteio_http_request_seconds", self._counters.requests)

    def _put_notifications(self, page: MetricsPage) -> None:
        tried = {(ending,): count for ending, count in self._counters.under("deliveries_").items()}
        page.put("ponteio_notifications_total", tried)
        page.put("ponteio_notifications_waiting", self._waiting)
