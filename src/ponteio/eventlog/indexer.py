"""Follows the logs and puts what is new into the index of terms, a little at a time: what lies behind it is read by
whoever searches, so it may come late, but it must never come in the way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from ponteio.eventlog import search_reading
from ponteio.eventlog.column_conditions import ALWAYS
from ponteio.eventlog.document_terms import document
from ponteio.eventlog.search_reading import Stretch
from ponteio.eventlog.term_index import Document, TermIndex, TermIndexDamagedError
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError
from ponteio.storage.script import Query, Script

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IndexerOptions:
    """`pause_s` lies between two looks at logs that did not grow. While the indexer is behind it works for no more than
    `share` of the time, or `far_share` once more than `far` events are not indexed. It sweeps every `sweep_s`, and
    after trouble it waits `trouble_s`.
    """

    pause_s: float = 1.0
    share: float = 0.1
    far_share: float = 0.25
    far: int = 50_000
    sweep_s: float = 3600.0
    trouble_s: float = 5.0


class Indexer:
    """Keeps one index up to date. After every step the index is sound, whenever the process is killed."""

    def __init__(
        self,
        database: Database,
        index: TermIndex,
        options: IndexerOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._index = index
        self._options = options or IndexerOptions()
        self._clock = clock
        self._sleep = sleep
        self._lag = 0
        self._checked = False
        self._swept_at: float | None = None

    def lag(self) -> int:
        """Events that were not indexed at the last look."""
        return self._lag

    async def run(self) -> None:
        """Follow the logs until cancelled. Trouble with the database or the index is waited out."""
        while True:
            began = self._clock()
            try:
                is_behind = await self.step()
                await self._sweep_if_due()
            except StorageError as error:
                log.warning("search index cannot be kept up to date", error=type(error).__name__)
                await self._recover(error)
                await self._sleep(self._options.trouble_s)
                continue
            share = self._options.share if self._lag <= self._options.far else self._options.far_share
            await self._sleep((self._clock() - began) * (1 - share) / share if is_behind else self._options.pause_s)

    async def catch_up(self) -> None:
        """Everything stored before the call is indexed. Raises `StorageError`."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """Each log that grew is indexed a little further; whether any is still behind. Raises `StorageError`."""
        heads = await self._database.run_reading(_heads())
        progress = dict(await self._index.progress())
        if not self._checked:
            progress = await self._check(heads, progress)
        lag = 0
        for organization_id, head in heads.items():
            place = progress.get(organization_id)
            if place is not None and place.epoch != head.epoch:
                await self._index.forget(organization_id)
                place = None
            done = 0 if place is None else place.seq
            if done < head.seq:
                done = await self._advance(organization_id, place, head)
            lag += head.seq - done
        self._lag = lag
        return lag > 0

    async def _advance(self, organization_id: str, place: Cursor | None, head: Cursor) -> int:
        first = 1 if place is None else place.seq + 1
        stretch = Stretch(organization_id, head.epoch, first, head.seq)
        found = await self._database.run_reading(search_reading.window(stretch, ALWAYS, newest_first=False))
        documents = await asyncio.to_thread(self._documents, found.events)
        # Another process may have been quicker: then there is nothing left to do here.
        await self._index.add(organization_id, place, head.at(found.reached), documents)
        return found.reached

    def _documents(self, events: list[StoredEvent]) -> list[Document]:
        seeds = self._index.seeds
        return [Document(event.seq, document(event, seeds(event.organization_id, event.seq))) for event in events]

    async def _check(self, heads: Mapping[str, Cursor], progress: dict[str, Cursor]) -> dict[str, Cursor]:
        """What the index knows of logs that are shorter than that, or are gone, is forgotten: the database is an older
        copy of itself.
        """
        for organization_id, place in list(progress.items()):
            head = heads.get(organization_id)
            if head is None or place.epoch != head.epoch or place.seq > head.seq:
                await self._index.forget(organization_id)
                del progress[organization_id]
        self._checked = True
        return progress

    async def _sweep_if_due(self) -> None:
        now = self._clock()
        if self._swept_at is not None and now - self._swept_at < self._options.sweep_s:
            return
        heads = await self._database.run_reading(_heads())
        await self._index.sweep(await self._database.run_reading(_oldest(heads)))
        self._swept_at = now

    async def _recover(self, error: StorageError) -> None:
        """An index that is damaged is begun anew."""
        if not isinstance(error, TermIndexDamagedError):
            return
        try:
            await self._index.remake()
        except StorageError:
            return
        log.warning("search index is made anew", error=type(error).__name__)


def _heads() -> Script[dict[str, Cursor]]:
    rows = yield Query("SELECT organization_id, epoch, head FROM event_logs ORDER BY organization_id", ())
    return {organization_id: Cursor(epoch, head) for organization_id, epoch, head in rows}


def _oldest(heads: Mapping[str, Cursor]) -> Script[dict[str, int]]:
    """The number of each log's oldest event, or of its next one."""
    oldest: dict[str, int] = {}
    for organization_id, head in heads.items():
        rows = yield Query("SELECT min(seq) FROM events WHERE organization_id = ?", (organization_id,))
        oldest[organization_id] = rows[0][0] or head.seq + 1
    return oldest
