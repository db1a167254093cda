"""When we were deaf: the spans in which events may have been lost."""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.eventlog import link_places
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.storage.database import Database
from ponteio.storage.statements import portions
from ponteio.storage.tables import gaps, servers


class GapLog:
    """Gap rows: opened when hearing stops, closed when it is back.

    A process that dies leaves its gaps open, and its links stay deaf until somebody dials again: so the next process
    continues an open gap (`open` returns it with its first `from_at`) instead of beginning another, and
    `close_stale` ends those that nobody continued.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ours: set[int] = set()
        self._listeners: builtins.list[Callable[[int, Gap], None]] = []

    def on_gap(self, listener: Callable[[int, Gap], None]) -> None:
        """`listener` is called with a gap and its id after it was written: with `to_at` None when it opened. It must
        not raise. Of gaps that end without anybody listening (`close_stale`, `close_all`) it hears nothing.
        """
        self._listeners.append(listener)

    async def open(self, target: LinkTarget, kind: GapKind, from_at: datetime, detail: str | None = None) -> int:
        """The id of the open gap of this target and kind, which begins at `from_at` unless it was open already."""
        already = (
            select(gaps.c.gap_id)
            .where(_is_open(target.server_id), gaps.c.namespace == target.namespace, gaps.c.kind == kind.value)
            .order_by(gaps.c.gap_id)
            .limit(1)
        )
        opened: Gap | None = None
        async with self._database.write() as connection:
            gap_id: int | None = (await connection.execute(already)).scalar_one_or_none()
            if gap_id is None:
                opened = Gap(target, kind, from_at, None, detail)
                gap_id = await _insert(connection, opened)
        self._ours.add(gap_id)
        if opened is not None:
            self._tell(gap_id, opened)
        return gap_id

    async def close(self, gap_id: int, to_at: datetime) -> None:
        """The gap ends at `to_at`; one that had ended already keeps its end."""
        here = and_(gaps.c.gap_id == gap_id, gaps.c.to_at.is_(None))
        async with self._database.write() as connection:
            ended = await connection.execute(update(gaps).where(here).values(to_at=to_at).returning(gaps))
            rows = ended.all()
        self._ours.discard(gap_id)
        for row in rows:
            self._tell(gap_id, _gap(row))

    async def record(self, gap: Gap) -> int:
        """The id of a row for a gap whose whole story is known, such as one oversize frame."""
        async with self._database.write() as connection:
            gap_id = await _insert(connection, gap)
        self._tell(gap_id, gap)
        return gap_id

    async def list(self, server_id: str, limit: int) -> list[Gap]:
        """The newest `limit` gaps of this server, newest first."""
        statement = select(gaps).where(gaps.c.server_id == server_id).order_by(gaps.c.gap_id.desc()).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [_gap(row) for row in rows]

    async def counts(self) -> dict[GapKind, tuple[int, int]]:
        """How many gaps of each kind are recorded, and how many of them last."""
        lasting = func.sum(case((gaps.c.to_at.is_(None), 1), else_=0))
        async with self._database.read() as connection:
            rows = (await connection.execute(select(gaps.c.kind, func.count(), lasting).group_by(gaps.c.kind))).all()
        return {GapKind(kind): (total, lasting) for kind, total, lasting in rows}

    async def between(
        self, targets: Collection[LinkTarget], since: datetime, until: datetime, limit: int
    ) -> builtins.list[Gap]:
        """The newest `limit` gaps of these targets that were open at some time from `since` to `until`."""
        by_server: defaultdict[str, builtins.list[str]] = defaultdict(builtins.list)
        for target in targets:
            by_server[target.server_id].append(target.namespace)
        lasted = and_(gaps.c.from_at < until, or_(gaps.c.to_at.is_(None), gaps.c.to_at > since))
        found: builtins.list[Gap] = []
        async with self._database.read() as connection:
            for server_id, names in by_server.items():
                for some in portions(names):
                    whose = and_(gaps.c.server_id == server_id, gaps.c.namespace.in_(some))
                    newest = select(gaps).where(whose, lasted).order_by(gaps.c.gap_id.desc()).limit(limit)
                    found += map(_gap, (await connection.execute(newest)).all())
        return sorted(found, key=lambda gap: gap.from_at, reverse=True)[:limit]

    async def put_alive(self, server_id: str, at: datetime | None) -> None:
        """This server's links are watched over at `at`; None: nobody watches from now on, in good order."""
        async with self._database.write() as connection:
            await connection.execute(update(servers).where(servers.c.server_id == server_id).values(alive_at=at))

    async def last_alive(self, server_id: str) -> datetime | None:
        """When an earlier process, which did not end in good order, last watched over this server's links."""
        statement = select(servers.c.alive_at).where(servers.c.server_id == server_id)
        async with self._database.read() as connection:
            moment: datetime | None = (await connection.execute(statement)).scalar_one_or_none()
        return moment

    async def close_stale(self, server_id: str, at: datetime) -> int:
        """Gaps of this server that an earlier process left open, and that `open` has not continued in this one, end
        at `at`; returns how many. Call it once the links that are wanted have been dialled.
        """
        stale = and_(_is_open(server_id), gaps.c.gap_id.not_in(sorted(self._ours)))
        async with self._database.write() as connection:
            return (await connection.execute(update(gaps).where(stale).values(to_at=at))).rowcount

    async def close_all(self, server_id: str, at: datetime) -> int:
        """Every open gap of this server ends at `at`, or where it begins if that is later; returns how many. For a
        server that was removed: nobody wants to hear it any more.
        """
        to_at = case((gaps.c.from_at > at, gaps.c.from_at), else_=at)
        async with self._database.write() as connection:
            return (await connection.execute(update(gaps).where(_is_open(server_id)).values(to_at=to_at))).rowcount

    def _tell(self, gap_id: int, gap: Gap) -> None:
        for listener in self._listeners:
            listener(gap_id, gap)


def _gap(row: Row[Any]) -> Gap:
    return Gap(link_places.target_of(row), GapKind(row.kind), row.from_at, row.to_at, row.detail)


def _is_open(server_id: str) -> ColumnElement[bool]:
    return and_(gaps.c.server_id == server_id, gaps.c.to_at.is_(None))


async def _insert(connection: AsyncConnection, gap: Gap) -> int:
    statement = insert(gaps).values(_columns(gap)).returning(gaps.c.gap_id)
    gap_id: int = (await connection.execute(statement)).scalar_one()
    return gap_id


def _columns(gap: Gap) -> dict[str, object]:
    return {
        **link_places.columns(gap.target),
        "kind": gap.kind.value,
        "from_at": gap.from_at,
        "to_at": gap.to_at,
        "detail": gap.detail,
    }
