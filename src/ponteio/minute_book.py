"""The minutes of the house: once a minute what was counted goes into the database, small and in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from ponteio.eventlog.metric_rollups import DEPLOYMENT, HOUR_S, MINUTE_S, MetricRollups
from ponteio.live.edge import LiveEdge
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.storage.errors import StorageError

log = structlog.get_logger(__name__)

LOOK_S = 1.0


class MinuteBook:
    """`run` it in the loop of the house; `close` it last, while the database is still open. Each of `looks` is taken
    once a minute too.
    """

    def __init__(
        self,
        counters: Counters,
        rollups: MetricRollups,
        live: LiveEdge,
        looks: Sequence[Callable[[], Awaitable[None]]] = (),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._counters = counters
        self._rollups = rollups
        self._live = live
        self._looks = looks
        self._clock = clock
        self._began_at = clock()
        self._folded_hour = 0

    async def run(self) -> None:
        """Look at the loop and the sockets once a second, and turn the page when the minute is over."""
        loop = asyncio.get_running_loop()
        for look in self._looks:
            await self._without_database(look())
        while True:
            due = loop.time() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._counters.loop_lag_s.observe(max(loop.time() - due, 0.0))
            self.look()
            if _minute(self._clock()) != _minute(self._began_at):
                await self.turn()

    def look(self) -> None:
        """The most sockets at once are known."""
        counts = self._live.socket_counts()
        for organization_id, count in counts.items():
            figures = self._counters.tallies.of(organization_id)
            figures.sockets = max(figures.sockets, count)
        shared = self._counters.tallies.shared
        shared.sockets = max(shared.sockets, sum(counts.values()))

    async def turn(self) -> None:
        """What was counted since the last turn is written. A database that is away is tried again at the next turn."""
        whole = self._counters.tallies.deployment()
        self._rollups.note(self._began_at, {**self._counters.tallies.take(), DEPLOYMENT: whole})
        self._began_at = now = self._clock()
        for work in (self._rollups.flush, *self._looks):
            await self._without_database(work())
        hour = int(now.timestamp()) // HOUR_S
        if hour != self._folded_hour:
            self._folded_hour = hour
            await self._without_database(self._rollups.fold(now))

    async def close(self) -> None:
        """The minute that had begun is written too."""
        await self.turn()

    async def _without_database(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StorageError as error:
            self._counters.add("rollup_failures")
            log.warning("figures could not be written", error=type(error).__name__)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // MINUTE_S
