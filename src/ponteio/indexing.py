"""What follows the event log so that its history can be searched and counted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.indexer import Indexer
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.postgres_terms import PostgresTermIndex
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.eventlog.term_index import TermIndex
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError
from ponteio.storage.search_file import SearchFile

log = structlog.get_logger(__name__)

TROUBLE_S = 30.0
PRUNE_S = 3600.0
COUNTS_KEPT = timedelta(days=400)
"""By hours and minutes; by days they are kept for ever."""


class Indexing:
    """Two followers of one database's logs. While they are behind, or cannot work, searches read what is not indexed:
    slower, and never wrong.
    """

    def __init__(self, database: Database, database_url: str, events: EventLog) -> None:
        self._database = database
        self._database_url = database_url
        self._events = events
        self._indexer: Indexer | None = None

    def lag(self) -> int:
        """Events that were not indexed at the last look; 0 before the first one."""
        return 0 if self._indexer is None else self._indexer.lag()

    async def run(self) -> None:
        """Follow the logs until cancelled, and let searches use the index."""
        counter = EventCounter(self._database)
        async with asyncio.TaskGroup() as group:
            group.create_task(counter.run())
            group.create_task(self._prune(counter))
            group.create_task(self._index())

    async def _prune(self, counter: EventCounter) -> None:
        while True:
            try:
                await counter.prune(utc_now() - COUNTS_KEPT)
            except StorageError as error:
                log.warning("old counts could not be removed", error=type(error).__name__)
            await asyncio.sleep(PRUNE_S)

    async def _index(self) -> None:
        index = await self._opened()
        try:
            self._indexer = Indexer(self._database, index)
            self._events.use(index)
            await self._indexer.run()
        finally:
            await index.close()

    async def _opened(self) -> TermIndex:
        """The index; one that cannot be opened is tried again."""
        if self._database.dialect != "sqlite":
            return PostgresTermIndex(self._database)
        while True:
            try:
                return SqliteTermIndex(await SearchFile.beside(self._database_url))
            except StorageError as error:
                log.warning("search index cannot be opened", error=type(error).__name__)
            await asyncio.sleep(TROUBLE_S)
