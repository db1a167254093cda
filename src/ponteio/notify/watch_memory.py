"""What the watch asks the log: when instances last sent something, and events that were announced elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import structlog
from sqlalchemy import select

from ponteio.eventlog.log import EventLog
from ponteio.model.outcome import RefusalError
from ponteio.notify.watch_board import Board
from ponteio.storage.database import Database
from ponteio.storage.tables import events
from ponteio.tenancy.directory import Directory

log = structlog.get_logger(__name__)

PAGE = 500
MAX_PAGES = 20
"""What is read at once of events that were not announced here; beyond it they are passed over, and that is told."""


class WatchMemory:
    """Brings the board to where the log is."""

    def __init__(self, database: Database, event_log: EventLog, directory: Directory, board: Board) -> None:
        self._database = database
        self._log = event_log
        self._directory = directory
        self._board = board

    async def last_heard(self, organization_id: str, names: Collection[str]) -> None:
        """The board knows when these instances last sent something, as far as it or the log knows. Raises
        `StorageError`.
        """
        found: dict[str, datetime] = {}
        async with self._database.read() as connection:
            for name in names:
                newest = (
                    select(events.c.received_at)
                    .where(events.c.organization_id == organization_id, events.c.instance == name)
                    .order_by(events.c.seq.desc())
                    .limit(1)
                )
                moment = (await connection.execute(newest)).scalar_one_or_none()
                if moment is not None:
                    found[name] = moment
        for name, moment in found.items():
            place = (organization_id, name)
            self._board.heard_at[place] = max(moment, self._board.heard_at.get(place, moment))

    async def start_at_heads(self, organization_ids: Collection[str]) -> None:
        """What is committed from now on counts. Raises `StorageError`."""
        for organization_id, head in (await self._log.heads(organization_ids)).items():
            seen = self._board.seen.get(organization_id)
            if seen is None or seen.epoch != head.epoch or seen.seq < head.seq:
                self._board.seen[organization_id] = head

    async def catch_up(self, organization_ids: Collection[str]) -> None:
        """Events of these organizations that were committed and never announced here are known. Raises
        `StorageError`.
        """
        board = self._board
        board.missed.intersection_update(organization_ids)
        for organization_id, head in (await self._log.heads(organization_ids)).items():
            seen = board.seen.setdefault(organization_id, head)
            if seen.epoch != head.epoch:
                board.seen[organization_id] = head
            elif seen.seq < head.seq or organization_id in board.missed:
                await self._read_missed(organization_id)

    async def _read_missed(self, organization_id: str) -> None:
        board = self._board
        scope = self._directory.scope_of(organization_id)
        board.missed.discard(organization_id)
        try:
            for _ in range(MAX_PAGES):
                page = await self._log.read_after(scope, board.seen[organization_id], limit=PAGE)
                for event in page.events:
                    if event.seq == board.seen[organization_id].seq + 1:
                        board.take(event)
                if not page.more:
                    return
                if organization_id in board.missed:  # no room: the next turn goes on from here
                    return
        except RefusalError:
            log.warning("alerts begin anew at the end of a log", organization=organization_id)
        else:
            log.warning("alerts passed over events", organization=organization_id)
        board.seen[organization_id] = await self._log.head(scope)
        await self.last_heard(organization_id, [one.name for one in self._directory.instances(scope)])
