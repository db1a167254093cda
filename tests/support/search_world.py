"""An index of terms for tests on either database, with blocks and parts so small that a few events fill them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import orjson
from tests.support.log_world import NOON, decoded

from ponteio.eventlog.indexer import Indexer
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.postgres_terms import PostgresTermIndex
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.eventlog.term_index import TermIndex
from ponteio.model.event import AddressedEvent, DecodedEvent, Origin, StoredEvent
from ponteio.model.identity import OrganizationScope
from ponteio.storage.database import Database
from ponteio.storage.search_file import SearchFile
from ponteio.tenancy.directory import Directory

PART = 5


@asynccontextmanager
async def term_index(database: Database, url: str) -> AsyncIterator[TermIndex]:
    """The index of the database at `url`; it is closed afterwards."""
    index: TermIndex = PostgresTermIndex(database, block_bits=2)
    if database.dialect == "sqlite":
        index = SqliteTermIndex(await SearchFile.beside(url), part=PART)
    try:
        yield index
    finally:
        await index.close()


class SearchWorld:
    """A log with an index, and what keeps it up to date."""

    def __init__(self, database: Database, index: TermIndex) -> None:
        self.database = database
        self.index = index
        self.log = EventLog(database, index=index)
        self.indexer = Indexer(database, index)
        self.directory = Directory(database)
        self._number = 0

    async def organization(self, name: str) -> OrganizationScope:
        """The scope of a new organization."""
        organization = await self.directory.create_organization(name)
        return self.directory.scope_of(organization.organization_id)

    async def put(
        self,
        scope: OrganizationScope,
        data: Any = None,
        event: str = "messages.upsert",
        instance: str = "alpha",
        age_s: int = 0,
        origin: Origin = Origin.LIVE,
    ) -> StoredEvent:
        """A new event of this log; `data` is JSON in bytes, or what becomes it."""
        return (await self.put_all(scope, [(data, event, instance, age_s, origin)]))[0]

    async def put_all(
        self, scope: OrganizationScope, occurrences: Sequence[tuple[Any, str, str, int, Origin]]
    ) -> list[StoredEvent]:
        """New events of this log, each from what `put` takes."""
        events = [AddressedEvent(scope.organization_id, "any", self._event(scope, *one)) for one in occurrences]
        return (await self.log.append(events)).stored

    def _event(
        self, scope: OrganizationScope, data: Any, event: str, instance: str, age_s: int, origin: Origin
    ) -> DecodedEvent:
        self._number += 1
        raw = data if isinstance(data, bytes) else orjson.dumps(data)
        one = decoded(instance, self._number, event, data=raw, over=scope.organization_id, origin=origin)
        fingerprint = sha256(f"{scope.organization_id} {self._number}".encode()).digest()
        return replace(one, received_at=NOON - timedelta(seconds=age_s), fingerprint=fingerprint)


@asynccontextmanager
async def search_world(database: Database, url: str) -> AsyncIterator[SearchWorld]:
    """A world on the database at `url`."""
    async with term_index(database, url) as index:
        world = SearchWorld(database, index)
        await world.directory.load()
        yield world
