"""Which events each instance is to send on its own namespace, and what became of that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, select, update

from ponteio.model.identity import Instance
from ponteio.model.instance_events import EventChoice, EventWish, SentEvents
from ponteio.model.outcome import UNASSIGNED, RefusalError
from ponteio.observe.clock import utc_now
from ponteio.storage.choice_tables import instance_events as _table
from ponteio.storage.database import Database
from ponteio.storage.statements import put_rows

_FATE = ("accepted", "applied_at", "found_enabled", "found_events", "found_at")
"""What a new choice does not touch: it is about what Evolution has."""
PORTION = 100
"""Rows of one transaction: the corridor waits behind it."""
MENDS_MAX = 3
MENDS_WITHIN = timedelta(hours=24)
"""Two that set the same list to different things would fight for ever."""


class InstanceEvents:
    """One wish for each instance at most. It belongs to the instance's owner: another owner, and another life of the
    same name, begin without.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def get(self, instance: Instance) -> EventWish | None:
        """What the instance's owner wishes; None: nothing, or nobody owns it."""
        if instance.organization_id is None:
            return None
        statement = select(_table).where(_key(instance.organization_id, instance.instance_id))
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else _wish(row)

    async def of_server(self, server_id: str) -> dict[str, EventWish]:
        """Every wish about instances of this server, by instance id."""
        statement = select(_table).where(_table.c.server_id == server_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {row.instance_id: _wish(row) for row in rows}

    async def put(self, instances: Sequence[Instance], choice: EventChoice) -> None:
        """The choice is what the owners of these instances wish; how often they were set back is forgotten. Raises
        `RefusalError` UNASSIGNED when nobody owns one of them; then nothing has changed.
        """
        rows = [self._row(instance, choice) for instance in instances]
        for start in range(0, len(rows), PORTION):
            async with self._database.write() as connection:
                statement = put_rows(_table, self._database.dialect, keep=_FATE)
                await connection.execute(statement, rows[start : start + PORTION])

    async def forget(self, instance: Instance) -> bool:
        """Nothing is wished for the instance; whether something was."""
        if instance.organization_id is None:
            return False
        statement = delete(_table).where(_key(instance.organization_id, instance.instance_id))
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def note(self, wishes: Iterable[EventWish]) -> None:
        """What became of these wishes is written down, unless they were changed or withdrawn meanwhile."""
        kept = list(wishes)
        for start in range(0, len(kept), PORTION):
            async with self._database.write() as connection:
                await connection.execute(_NOTE, [_fate(wish) for wish in kept[start : start + PORTION]])

    def _row(self, instance: Instance, choice: EventChoice) -> dict[str, Any]:
        if instance.organization_id is None:
            raise RefusalError(UNASSIGNED, "Nobody owns this instance: assign it first.")
        return {
            "organization_id": instance.organization_id,
            "instance_id": instance.instance_id,
            "server_id": instance.server_id,
            "preset": choice.preset,
            "events": " ".join(choice.events),
            "keep": choice.keep,
            "changed_at": self._clock(),
            "drift_since": None,
            "mends": 0,
            "mends_since": None,
            **dict.fromkeys(_FATE),
        }


def choice_in(row: Row[Any]) -> EventChoice:
    """The choice in the columns `preset`, `events` and `keep`."""
    return EventChoice(tuple(row.events.split()), row.preset, row.keep)


def _fate(wish: EventWish) -> dict[str, Any]:
    found = wish.found
    return {
        "the_organization": wish.organization_id,
        "the_instance": wish.instance_id,
        "the_change": wish.changed_at,
        "accepted": None if wish.accepted is None else json.dumps(wish.accepted),
        "applied_at": wish.applied_at,
        "found_enabled": None if found is None else found.enabled,
        "found_events": None if found is None or not found.is_set else json.dumps(found.events),
        "found_at": wish.found_at,
        "drift_since": wish.drift_since,
        "mends": wish.mends,
        "mends_since": wish.mends_since,
    }


_FATES = (*_FATE, "drift_since", "mends", "mends_since")
_NOTE = (
    update(_table)
    .where(
        _table.c.organization_id == bindparam("the_organization"),
        _table.c.instance_id == bindparam("the_instance"),
        # Whoever chose anew meanwhile is not told what became of the former choice.
        _table.c.changed_at == bindparam("the_change"),
    )
    .values({name: bindparam(name) for name in _FATES})
)


def _key(organization_id: str, instance_id: str) -> Any:
    return and_(_table.c.organization_id == organization_id, _table.c.instance_id == instance_id)


def _foreign_names(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text or "[]"))


def _wish(row: Row[Any]) -> EventWish:
    found = None
    if row.found_at is not None:
        is_set = row.found_events is not None
        found = SentEvents(row.found_enabled, _foreign_names(row.found_events), is_set)
    return EventWish(
        organization_id=row.organization_id,
        instance_id=row.instance_id,
        server_id=row.server_id,
        choice=choice_in(row),
        changed_at=row.changed_at,
        accepted=None if row.accepted is None else _foreign_names(row.accepted),
        applied_at=row.applied_at,
        found=found,
        found_at=row.found_at,
        drift_since=row.drift_since,
        mends=row.mends,
        mends_since=row.mends_since,
    )


def seen(wish: EventWish, sent: SentEvents, *, differs: bool, now: datetime) -> EventWish:
    """The wish, after Evolution was seen to have `sent`. What never was in force cannot drift; drift begins when it is
    first seen, and ends when it is no longer.
    """
    found_at = wish.found_at if wish.found == sent else now
    if not differs:
        at, accepted = (wish.applied_at, wish.accepted) if wish.is_in_force else (now, sent.events)
        return replace(wish, found=sent, found_at=found_at, drift_since=None, applied_at=at, accepted=accepted)
    drift_since = (wish.drift_since or now) if wish.is_in_force else None
    return replace(wish, found=sent, found_at=found_at, drift_since=drift_since)


def applied(wish: EventWish, sent: SentEvents, now: datetime) -> EventWish:
    """The wish, after Evolution took it and has `sent`."""
    found_at = wish.found_at if wish.found == sent else now
    accepted = sent.events
    return replace(wish, accepted=accepted, applied_at=now, found=sent, found_at=found_at, drift_since=None)


def may_mend(wish: EventWish, now: datetime) -> bool:
    """Whether the gateway may set Evolution back once more."""
    return wish.mends < MENDS_MAX or wish.mends_since is None or now - wish.mends_since >= MENDS_WITHIN


def mended(wish: EventWish, now: datetime) -> EventWish:
    """The wish, with one more time counted that Evolution is set back."""
    if wish.mends_since is None or now - wish.mends_since >= MENDS_WITHIN:
        return replace(wish, mends=1, mends_since=now)
    return replace(wish, mends=wish.mends + 1)
