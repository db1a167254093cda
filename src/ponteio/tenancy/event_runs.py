"""Runs: one choice of events that is being applied to many instances, with what became of each."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.instance_events import EventChoice, EventRun, ItemState, RunItem, RunState
from ponteio.observe.clock import utc_now
from ponteio.storage.choice_tables import event_run_items, event_runs
from ponteio.storage.database import Database
from ponteio.tenancy.identifiers import new_id
from ponteio.tenancy.instance_events import PORTION, choice_in

KEPT = 50
"""Runs of one organization that are kept; older ones that have ended are forgotten."""
MAX_INSTANCES = 5_000

_items, _runs = event_run_items.c, event_runs.c


class EventRuns:
    """Each run outlives the process: whoever works on runs takes the next pending instance from here."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._listeners: builtins.list[Callable[[], None]] = []

    def on_new(self, listener: Callable[[], None]) -> None:
        """`listener` is called after this process made a run."""
        self._listeners.append(listener)

    async def create(self, organization_id: str, instances: Sequence[Instance], choice: EventChoice) -> str:
        """The id of a new run over these instances, each of them pending. It counts once all of it is there."""
        run_id = new_id("run")
        rows = [_new_item(organization_id, run_id, instance) for instance in instances]
        for start in range(0, len(rows), PORTION):
            async with self._database.write() as connection:
                await connection.execute(insert(event_run_items), rows[start : start + PORTION])
        row = {
            "organization_id": organization_id,
            "run_id": run_id,
            "preset": choice.preset,
            "events": " ".join(choice.events),
            "keep": choice.keep,
            "state": RunState.RUNNING.value,
            "created_at": self._clock(),
        }
        async with self._database.write() as connection:
            await connection.execute(insert(event_runs).values(row))
            await _forget_old(connection, organization_id)
        for listener in self._listeners:
            listener()
        return run_id

    async def list(self, scope: OrganizationScope, limit: int) -> list[EventRun]:
        """The newest runs with an instance that the scope covers, newest first; only such instances are counted."""
        newest = (
            select(event_runs)
            .where(_runs.organization_id == scope.organization_id)
            .order_by(_runs.created_at.desc(), _runs.run_id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(newest)).all()
            counts = await _counts(connection, scope, [row.run_id for row in rows])
        return [_run(row, counts[row.run_id]) for row in rows if row.run_id in counts]

    async def get(self, scope: OrganizationScope, run_id: str) -> EventRun | None:
        """The run, counted as in `list`; None when there is none, it is another organization's, or it has no instance
        that the scope covers.
        """
        here = and_(_runs.organization_id == scope.organization_id, _runs.run_id == run_id)
        async with self._database.read() as connection:
            row = (await connection.execute(select(event_runs).where(here))).one_or_none()
            counts = {} if row is None else await _counts(connection, scope, [run_id])
        return None if row is None or run_id not in counts else _run(row, counts[run_id])

    async def items(self, scope: OrganizationScope, run_id: str, limit: int, after: str = "") -> builtins.list[RunItem]:
        """The run's instances that the scope covers and whose names come after `after`, by name."""
        statement = (
            select(event_run_items)
            .where(_visible(scope), _items.run_id == run_id, _items.name > after)
            .order_by(_items.name)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [_item(row) for row in (await connection.execute(statement)).all()]

    async def cancel(self, organization_id: str, run_id: str) -> bool:
        """What is still pending of the run is left alone from now on; whether the run was running."""
        here = and_(_runs.organization_id == organization_id, _runs.run_id == run_id)
        running = and_(here, _runs.state == RunState.RUNNING.value)
        ended = {"state": RunState.CANCELLED.value, "finished_at": self._clock()}
        async with self._database.write() as connection:
            if not (await connection.execute(update(event_runs).where(running).values(ended))).rowcount:
                return False
            pending = and_(_of_run(organization_id, run_id), _items.state == ItemState.PENDING.value)
            await connection.execute(update(event_run_items).where(pending).values(ended))
        return True

    async def pending(self, limit: int) -> builtins.list[tuple[EventRun, RunItem]]:
        """The next pending instances of running runs, the oldest run first, at most `limit` of each server. A run that
        has none left is done.
        """
        statement = select(event_runs).where(_runs.state == RunState.RUNNING.value).order_by(_runs.created_at)
        async with self._database.read() as connection:
            running = [_run(row, {}) for row in (await connection.execute(statement)).all()]
            found = {run.run_id: await _pending(connection, run, limit) for run in running}
        for run in running:
            if not found[run.run_id]:
                await self._finish(run)
        return [(run, item) for run in running for item in found[run.run_id]]

    async def is_pending(self, run: EventRun, item: RunItem) -> bool:
        """Whether the instance still waits: nobody cancelled its run."""
        here = and_(_of_run(run.organization_id, run.run_id), _items.instance_id == item.instance_id)
        async with self._database.read() as connection:
            state = (await connection.execute(select(_items.state).where(here))).scalar_one_or_none()
        return bool(state == ItemState.PENDING.value)

    async def settle(self, run: EventRun, item: RunItem) -> None:
        """It is written down what became of the instance, unless the run was cancelled meanwhile."""
        values = {"state": item.state.value, "code": item.code, "detail": item.detail, "finished_at": self._clock()}
        here = and_(_of_run(run.organization_id, run.run_id), _items.instance_id == item.instance_id)
        pending = and_(here, _items.state == ItemState.PENDING.value)
        async with self._database.write() as connection:
            await connection.execute(update(event_run_items).where(pending).values(values))

    async def _finish(self, run: EventRun) -> None:
        here = and_(_runs.organization_id == run.organization_id, _runs.run_id == run.run_id)
        running = and_(here, _runs.state == RunState.RUNNING.value)
        done = {"state": RunState.DONE.value, "finished_at": self._clock()}
        async with self._database.write() as connection:
            await connection.execute(update(event_runs).where(running).values(done))


async def _pending(connection: AsyncConnection, run: EventRun, limit: int) -> list[RunItem]:
    here = and_(_of_run(run.organization_id, run.run_id), _items.state == ItemState.PENDING.value)
    servers = (await connection.execute(select(_items.server_id).where(here).distinct())).scalars().all()
    found: list[RunItem] = []
    for server_id in sorted(servers):
        statement = select(event_run_items).where(here, _items.server_id == server_id).order_by(_items.name)
        found += [_item(row) for row in (await connection.execute(statement.limit(limit))).all()]
    return found


async def _counts(
    connection: AsyncConnection, scope: OrganizationScope, run_ids: Sequence[str]
) -> dict[str, dict[ItemState, int]]:
    statement = (
        select(_items.run_id, _items.state, func.count())
        .where(_visible(scope), _items.run_id.in_(run_ids))
        .group_by(_items.run_id, _items.state)
    )
    found: dict[str, dict[ItemState, int]] = {}
    for run_id, state, count in await connection.execute(statement):
        found.setdefault(run_id, {})[ItemState(state)] = count
    return found


async def _forget_old(connection: AsyncConnection, organization_id: str) -> None:
    newest = (
        select(_runs.run_id)
        .where(_runs.organization_id == organization_id)
        .order_by(_runs.created_at.desc())
        .offset(KEPT)
    )
    old = (await connection.execute(newest)).scalars().all()
    over = and_(_runs.organization_id == organization_id, _runs.run_id.in_(old), _runs.state != RunState.RUNNING.value)
    gone = (await connection.execute(delete(event_runs).where(over).returning(_runs.run_id))).scalars().all()
    mine = and_(_items.organization_id == organization_id, _items.run_id.in_(gone))
    await connection.execute(delete(event_run_items).where(mine))


def _of_run(organization_id: str, run_id: str) -> ColumnElement[bool]:
    return and_(_items.organization_id == organization_id, _items.run_id == run_id)


def _visible(scope: OrganizationScope) -> ColumnElement[bool]:
    mine = _items.organization_id == scope.organization_id
    names = scope.allowed.instances
    return mine if names is None else and_(mine, _items.name.in_(sorted(names)))


def _new_item(organization_id: str, run_id: str, instance: Instance) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "run_id": run_id,
        "instance_id": instance.instance_id,
        "server_id": instance.server_id,
        "name": instance.name,
        "state": ItemState.PENDING.value,
    }


def _run(row: Row[Any], counts: dict[ItemState, int]) -> EventRun:
    return EventRun(
        organization_id=row.organization_id,
        run_id=row.run_id,
        choice=choice_in(row),
        state=RunState(row.state),
        created_at=row.created_at,
        finished_at=row.finished_at,
        counts=counts,
    )


def _item(row: Row[Any]) -> RunItem:
    return RunItem(
        instance_id=row.instance_id,
        name=row.name,
        server_id=row.server_id,
        state=ItemState(row.state),
        code=row.code,
        detail=row.detail,
        finished_at=row.finished_at,
    )
