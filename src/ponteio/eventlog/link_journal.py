"""The link journal: what happened to links and instances, for whoever looks for the reason at three in the morning."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.eventlog.journal_buffer import Draft
from ponteio.model.identity import OrganizationScope
from ponteio.model.journal import JournalEntry, JournalKind, JournalNote
from ponteio.storage.database import Database
from ponteio.storage.journal_tables import link_journal
from ponteio.storage.script import Insert, Query, Script

MAX_OF_PLACE = 1_000
"""Entries of one link or instance that are kept."""
PORTION = 500
"""Rows of one removal: the corridor waits behind it."""

_c = link_journal.c
_OF_EVERYBODY = tuple(kind.value for kind in JournalKind if kind.value.startswith(("link.", "gap.")))
"""What a global link's entries may say to whoever has an instance on its server."""
_RAISE = (
    update(link_journal)
    .where(_c.entry_id == bindparam("the_entry"))
    .values({column.name: bindparam(column.name) for column in link_journal.columns if column.name != "entry_id"})
)


@dataclass(frozen=True, slots=True)
class JournalQuery:
    """Which entries are wanted. `kinds` are kinds or families (`link.*`); `since` takes what still happened then or
    later, `until` what began before; `before` is an entry's id.
    """

    instance: str | None = None
    server_id: str | None = None
    kinds: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


class LinkJournal:
    """Entries are added, counted up and, when they are old or too many, forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, drafts: Sequence[Draft]) -> builtins.list[int]:
        """The drafts are entries, each with the count that is answered; their `entry_id` is set. Raises
        `StorageError`; then write them again.
        """
        counts = [draft.count for draft in drafts]
        new = [draft for draft in drafts if draft.entry_id is None]
        raised = [{"the_entry": draft.entry_id, **_row(draft)} for draft in drafts if draft.entry_id is not None]
        if new:
            first = await self._database.run(_insertion([tuple(_row(draft).values()) for draft in new]))
            for draft, entry_id in zip(new, itertools.count(first), strict=False):
                draft.entry_id = entry_id
        if raised:
            async with self._database.write() as connection:
                await connection.execute(_RAISE, raised)
        return counts

    async def list(self, query: JournalQuery, limit: int) -> builtins.list[JournalEntry]:
        """The newest `limit` entries of the deployment, newest first: for the operator."""
        async with self._database.read() as connection:
            return await _select(connection, _conditions(query), limit)

    async def list_of(
        self, scope: OrganizationScope, servers: Collection[str], query: JournalQuery, limit: int
    ) -> builtins.list[JournalEntry]:
        """The newest `limit` entries that an organization may see, newest first: those that are its own and the scope
        covers, and those of the global links of `servers`, without what tells of others.
        """
        asked = _conditions(query)
        shared = () if query.instance is not None else sorted(servers)
        async with self._database.read() as connection:
            found = await _select(connection, [*_own(scope), *asked], limit)
            for server_id in shared:
                found += await _select(connection, [*_global(server_id), *asked], limit)
        return sorted(found, key=lambda entry: entry.entry_id, reverse=True)[:limit]

    async def prune(self, older_than: datetime) -> int:
        """What last happened before `older_than` is gone, and of each place what is more than `MAX_OF_PLACE`, oldest
        first; returns how many.
        """
        gone = await self._remove(_c.last_at < older_than)
        for place in await self._crowded():
            oldest_kept = (
                select(_c.entry_id).where(*place).order_by(_c.entry_id.desc()).offset(MAX_OF_PLACE - 1).limit(1)
            )
            gone += await self._remove(and_(*place, _c.entry_id < oldest_kept.scalar_subquery()))
        return gone

    async def _remove(self, condition: ColumnElement[bool]) -> int:
        """All of it, in transactions of a bounded size."""
        gone = 0
        some = select(_c.entry_id).where(condition).order_by(_c.entry_id).limit(PORTION)
        while True:
            async with self._database.read() as connection:
                ids = (await connection.execute(some)).scalars().all()
            if not ids:
                return gone
            async with self._database.write() as connection:
                gone += (await connection.execute(delete(link_journal).where(_c.entry_id.in_(ids)))).rowcount

    async def _crowded(self) -> builtins.list[Sequence[ColumnElement[bool]]]:
        places = (_c.server_id, _c.instance, _c.organization_id)
        statement = select(*places).group_by(*places).having(func.count() > MAX_OF_PLACE)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [[_is(column, value) for column, value in zip(places, row, strict=True)] for row in rows]


def _insertion(rows: Sequence[tuple[Any, ...]]) -> Script[int]:
    """The id of the first of the new rows, which follow each other. One process writes; a second one would be refused
    an id that is taken, and try again.
    """
    top = yield Query("SELECT coalesce(max(entry_id), 0) FROM link_journal", ())
    first: int = top[0][0] + 1
    yield Insert(link_journal, [(entry_id, *row) for entry_id, row in zip(itertools.count(first), rows, strict=False)])
    return first


def kinds_of(names: Iterable[str]) -> tuple[str, ...]:
    """The kinds that these kinds and families mean. Raises ValueError for a name that is neither."""
    found: list[str] = []
    for name in names:
        family = name.removesuffix(".*")
        fitting = [kind.value for kind in JournalKind if name == kind or family == kind.partition(".")[0]]
        if not fitting:
            raise ValueError(name)
        found += fitting
    return tuple(dict.fromkeys(found))


async def _select(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]], limit: int
) -> list[JournalEntry]:
    statement = select(link_journal).where(*conditions).order_by(_c.entry_id.desc()).limit(limit)
    return [_entry(row) for row in (await connection.execute(statement)).all()]


def _conditions(query: JournalQuery) -> list[ColumnElement[bool]]:
    asked: list[tuple[object, Callable[[Any], ColumnElement[bool]]]] = [
        (query.instance, lambda name: _c.instance == name),
        (query.server_id, lambda server_id: _c.server_id == server_id),
        (query.kinds or None, _c.kind.in_),
        (query.since, lambda since: _c.last_at >= since),
        (query.until, lambda until: _c.at < until),
        (query.before, lambda before: _c.entry_id < before),
    ]
    return [condition(value) for value, condition in asked if value is not None]


def _own(scope: OrganizationScope) -> list[ColumnElement[bool]]:
    mine: list[ColumnElement[bool]] = [_c.organization_id == scope.organization_id]
    names = scope.allowed.instances
    return mine if names is None else [*mine, _c.instance.in_(sorted(names))]


def _global(server_id: str) -> list[ColumnElement[bool]]:
    # What was too large on a global link may have been anybody's.
    told = and_(_c.kind.in_(_OF_EVERYBODY), or_(_c.reason.is_(None), _c.reason != "oversize"))
    return [_c.server_id == server_id, _c.instance.is_(None), _c.organization_id.is_(None), told]


def _is(column: Any, value: object) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = column.is_(None) if value is None else column == value
    return condition


def _row(draft: Draft) -> dict[str, Any]:
    note = draft.note
    return {
        "organization_id": note.organization_id,
        "server_id": note.server_id,
        "instance": note.instance,
        "kind": note.kind.value,
        "state": note.state,
        "reason": note.reason,
        "detail": note.detail,
        "attempts": note.attempts,
        "reconnects": note.reconnects,
        "duration_s": note.duration_s,
        "gap_id": note.gap_id,
        "count": draft.count,
        "at": note.at,
        "last_at": draft.last_at,
    }


def _entry(row: Row[Any]) -> JournalEntry:
    note = JournalNote(
        kind=JournalKind(row.kind),
        at=row.at,
        organization_id=row.organization_id,
        server_id=row.server_id,
        instance=row.instance,
        state=row.state,
        reason=row.reason,
        detail=row.detail,
        attempts=row.attempts,
        reconnects=row.reconnects,
        duration_s=row.duration_s,
        gap_id=row.gap_id,
    )
    return JournalEntry(row.entry_id, note, row._mapping["count"], row.last_at)
