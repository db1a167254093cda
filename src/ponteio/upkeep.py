"""What the house does for itself, again and again: notice what other processes changed, and forget what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from ponteio.eventlog.log import EventLog
from ponteio.observe.clock import utc_now
from ponteio.storage.errors import StorageError

log = structlog.get_logger(__name__)

WATCH_S = 1.0
"""Between two looks at what other processes changed: half of what a revocation may take."""
PRUNE_S = 3600.0
FINGERPRINTS_KEPT = timedelta(hours=48)
"""Twice the day for which a repeated event is recognised."""


class Upkeep:
    """Two loops. A database that is away makes them wait, never end."""

    def __init__(
        self,
        looks: Sequence[Callable[[], Awaitable[object]]],
        events: EventLog,
        prunes: Sequence[Callable[[], Awaitable[object]]] = (),
    ) -> None:
        self._looks = looks
        self._events = events
        self._prunes = prunes

    async def watch(self) -> None:
        """Take every look once a second, in order, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            for look in self._looks:
                await _without_database(look, "database could not be asked for changes")

    async def prune(self) -> None:
        """Forget old fingerprints, and what else is over, once an hour, until cancelled."""
        while True:
            for prune in (self._forget, *self._prunes):
                await _without_database(prune, "what is over could not be removed")
            await asyncio.sleep(PRUNE_S)

    async def _forget(self) -> None:
        await self._events.prune_fingerprints(utc_now() - FINGERPRINTS_KEPT)


async def _without_database(work: Callable[[], Awaitable[object]], complaint: str) -> None:
    try:
        await work()
    except StorageError as error:
        log.warning(complaint, error=type(error).__name__)
