"""What follows the event log so that its history can be searched and counted."""

from __future__ import annotations

import asyncio

import structlog

from ponteio.eventlog.counting import EventCounter
from ponteio.eventlog.indexer import Indexer
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.postgres_terms import PostgresTermIndex
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.eventlog.term_index import TermIndex
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError
from ponteio.storage.search_file import SearchFile

log = structlog.get_logger(__name__)

TROUBLE_S = 30.0


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
        async with asyncio.TaskGroup() as group:
            group.create_task(EventCounter(self._database).run())
            group.create_task(self._index())

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
