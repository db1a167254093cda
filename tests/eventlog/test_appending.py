from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support.log_world import NOON, decoded, log_world

from ponteio.eventlog import appending
from ponteio.model.event import Origin
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.script import Insert, InsertNew, Query

_ODD_NAMES = ["Loja Centro", "a,b", "a/b?#%", "ação 😀", "q\"'`\\", " ", "x" * 200]


async def test_what_is_stored_reads_back_as_it_was_answered(database: Database) -> None:
    world = await log_world(database, *_ODD_NAMES[:-2])
    events = [
        decoded(
            name,
            number,
            f"{name}.upsert",
            data='{"text":"é😀 \\u0000 \\\\ \\" \t\\n","n":[1,null]}'.encode(),
            extra='{"isLatest":"ç\\u0000"}'.encode() if number % 2 else None,
            sender=f"5511\x00{name}\ud800",
            date_time=None if number % 3 else "not\x00a date",
            origin=Origin.BACKFILL if number % 2 else Origin.LIVE,
        )
        for number, name in enumerate(_ODD_NAMES[:-2])
    ]
    stored = (await world.log.append([world.addressed(event) for event in events])).stored
    for event, given in zip(stored, events, strict=True):
        found = await world.log.get(world.scope(given.instance), event.cursor)
        assert found == event
        assert (event.instance, event.event, event.data, event.extra) == (
            given.instance,
            given.event,
            given.data,
            given.extra,
        )
        assert (event.sender, event.date_time, event.origin) == (given.sender, given.date_time, given.origin.value)
        assert (event.occurred_at, event.received_at) == (given.occurred_at, given.received_at)


async def test_twenty_megabytes_survive(database: Database) -> None:
    world = await log_world(database, "alpha")
    data = b'"%s"' % (b"0123456789abcdef" * 1_310_720)
    stored = (await world.log.append([world.addressed(decoded("alpha", data=data)), *world.batch("alpha", [1])])).stored
    page = await world.log.read_after(world.scope("alpha"), None)
    assert page.events == stored[:1]
    assert page.events[0].data == data
    assert page.more


async def test_a_large_batch_is_one_transaction(database: Database) -> None:
    world = await log_world(database, "alpha")
    appended = await world.log.append(world.batch("alpha", range(1_500)))
    assert [event.seq for event in appended.stored] == list(range(1, 1_501))
    assert appended.duplicates == 0


async def test_an_owner_without_a_log_undoes_the_batch(database: Database) -> None:
    world = await log_world(database, "alpha")
    good = world.addressed(decoded("alpha", 1))
    stray = type(good)("org_nobody", "ins_nobody", decoded("alpha", 2))
    with pytest.raises(StorageConflictError):
        await world.log.append([good, stray])
    assert (await world.log.append([good])).stored[0].seq == 1


def test_locks_are_taken_in_one_order_by_everybody() -> None:
    """Two processes with the same events in different orders must not wait for each other for ever."""
    base = decoded("alpha")
    from ponteio.model.event import AddressedEvent

    batch = [AddressedEvent(owner, "any", decoded("alpha", n)) for n, owner in enumerate(["org_b", "org_a", "org_b"])]
    script = appending.append(batch, datetime(2026, 1, 1, tzinfo=UTC))
    first = next(script)
    assert isinstance(first, InsertNew)
    assert list(first.rows) == sorted(first.rows)
    step = script.send([(row[0],) for row in first.rows])
    assert isinstance(step, Query)
    assert step.parameters == (1, "org_a")
    step = script.send([("eeeeeeee", 1)])
    assert isinstance(step, Query)
    assert step.parameters == (2, "org_b")
    step = script.send([("ffffffff", 12)])
    assert isinstance(step, Insert)
    assert [row[:2] for row in step.rows] == [("org_b", 11), ("org_a", 1), ("org_b", 12)]
    with pytest.raises(StopIteration) as end:
        script.send([])
    assert [event.epoch for event in end.value.value.stored] == ["ffffffff", "eeeeeeee", "ffffffff"]
    assert base.occurred_at == NOON


def test_a_batch_of_duplicates_touches_no_log() -> None:
    from ponteio.model.event import AddressedEvent

    script = appending.append([AddressedEvent("org_a", "any", decoded("alpha"))], NOON)
    next(script)
    with pytest.raises(StopIteration) as end:
        script.send([])
    assert end.value.value == appending.Appended([], 1)
