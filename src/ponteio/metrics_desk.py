"""Metrics, put together: what is shown at this moment, what is kept over time, and the port for Prometheus."""

from __future__ import annotations

import structlog

from ponteio.api.metrics_page import metrics_app
from ponteio.eventlog.metric_rollups import MetricRollups
from ponteio.fleet import Fleet
from ponteio.foundation import Foundation
from ponteio.gauges import Gauges
from ponteio.indexing import Indexing
from ponteio.listener import Listener, bind
from ponteio.live.edge import LiveEdge
from ponteio.minute_book import MinuteBook
from ponteio.observe.counters import Counters
from ponteio.pipeline import FrameQueue

log = structlog.get_logger(__name__)


class MetricsDesk:
    """`run` it for as long as the house lives, `close` it while the database is still open."""

    def __init__(
        self, base: Foundation, counters: Counters, queue: FrameQueue, live: LiveEdge, fleet: Fleet, history: Indexing
    ) -> None:
        self.url = ""
        self.rollups = MetricRollups(base.database)
        self._gauges = Gauges(base=base, counters=counters, queue=queue, live=live, fleet=fleet, index_lag=history.lag)
        self._book = MinuteBook(counters, self.rollups, live, [self._gauges.look])
        self._listener: Listener | None = None

    async def run(self) -> None:
        """Keep the minutes, until cancelled."""
        await self._book.run()

    async def text(self) -> bytes:
        """The page for Prometheus."""
        return await self._gauges.text()

    async def open(self, host: str, port: int | None) -> None:
        """The page is at `url`, without a key; None: it has no port of its own. Raises `ListenerError`."""
        if port is None:
            return
        self._listener = Listener(metrics_app(self.text, host), bind(host, port))
        await self._listener.open()
        self.url = self._listener.url
        log.info("metrics on a port of their own", url=self.url)

    async def close(self) -> None:
        """The port is closed, and what was counted is written."""
        if self._listener is not None:
            await self._listener.close()
        await self._book.close()
