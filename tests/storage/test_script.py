from __future__ import annotations

import asyncio

import pytest

from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError, StorageError
from ponteio.storage.script import ROWS_AT_ONCE, Insert, InsertNew, Load, Query, Script
from ponteio.storage.tables import event_fingerprints, servers


def _key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _mark(keys: list[bytes]) -> Script[list[bytes]]:
    rows = yield InsertNew(event_fingerprints, ("fingerprint", "seen_s"), [(key, 7) for key in keys])
    return [row[0] for row in rows]


def _count() -> Script[int]:
    rows = yield Query("SELECT count(*) FROM event_fingerprints WHERE seen_s = ?", (7,))
    return int(rows[0][0])


async def test_only_new_rows_are_answered_however_many_there_are(database: Database) -> None:
    many = [_key(number) for number in range(ROWS_AT_ONCE * 2 + 3)]
    assert await database.run(_mark(many[5:])) == many[5:]
    assert await database.run(_mark(many)) == many[:5]
    assert await database.run_reading(_count()) == len(many)


async def test_rows_come_back_as_they_went_in(database: Database) -> None:
    now = utc_now()
    more = ("", False, True, False, None, None, None)
    given: list[tuple[object, ...]] = [
        ("one", "http://one", now, None, *more),
        ("two", 'x"\\,\n\t{}', now, now, *more),
    ]

    def script() -> Script[list[tuple[object, ...]]]:
        yield Insert(servers, given)
        rows = yield Load(servers, "server_id <> ? ORDER BY server_id", ("none",))
        return rows

    assert await database.run(script()) == given


async def test_an_error_of_the_script_undoes_it_and_is_the_callers(database: Database) -> None:
    def script() -> Script[None]:
        yield from _mark([_key(1)])
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await database.run(script())
    assert await database.run_reading(_count()) == 0
    assert await database.run(_mark([_key(1)])) == [_key(1)]


async def test_an_error_of_the_database_undoes_it_and_is_a_storage_error(database: Database) -> None:
    def script() -> Script[None]:
        yield from _mark([_key(1)])
        yield from _mark([b"too short"])

    with pytest.raises(StorageConflictError) as raised:
        await database.run(script())
    assert "too short" not in str(raised.value)
    assert await database.run_reading(_count()) == 0


async def test_a_reading_script_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError):
        await database.run_reading(_mark([_key(1)]))
    assert await database.run_reading(_count()) == 0


async def test_a_cancelled_script_leaves_a_usable_database(database: Database) -> None:
    for number in range(20):
        task = asyncio.ensure_future(database.run(_mark([_key(number * 1000 + n) for n in range(200)])))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    before = await database.run_reading(_count())
    assert before % 200 == 0
    assert await database.run(_mark([_key(999_999)])) == [_key(999_999)]
