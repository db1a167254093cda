from __future__ import annotations

import pytest
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog import search_reading
from ponteio.eventlog.column_conditions import ALWAYS, Condition
from ponteio.eventlog.search_reading import Found, Stretch, chosen, window, within
from ponteio.storage.database import Database


async def read(world: SearchWorld, script: object) -> tuple[list[int], int]:
    found: Found = await world.database.run_reading(script)  # type: ignore[arg-type]
    return [event.seq for event in found.events], found.reached


async def test_a_window_is_read_in_bounded_pieces(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_reading, "ROWS", 3)
    async with search_world(database, database_url) as world:
        scope = await world.organization("one")
        head = await world.log.head(scope)
        for number in range(8):
            await world.put(scope, b"x" * 10 if number == 5 else b"{}", instance="beta" if number % 2 else "alpha")
        whole = Stretch(scope.organization_id, head.epoch, 1, 8)
        assert await read(world, window(whole, ALWAYS, newest_first=True)) == ([8, 7, 6], 6)
        assert await read(world, window(whole, ALWAYS, newest_first=False)) == ([1, 2, 3], 3)
        beta = Condition("instance = ?", ("beta",))
        assert await read(world, window(whole, beta, newest_first=True)) == ([8, 6, 4], 4)
        part = Stretch(scope.organization_id, head.epoch, 2, 5)
        assert await read(world, window(part, beta, newest_first=True)) == ([4, 2], 2)
        assert await read(world, window(part, beta, newest_first=False)) == ([2, 4], 5)
        nobody = Condition("instance = ?", ("nobody",))
        assert await read(world, window(part, nobody, newest_first=True)) == ([], 2)
        assert await read(world, window(part, nobody, newest_first=False)) == ([], 5)
        monkeypatch.setattr(search_reading, "BYTES", 5)
        assert await read(world, window(whole, ALWAYS, newest_first=True)) == ([8, 7], 7)
        assert await read(
            world, window(Stretch(part.organization_id, head.epoch, 6, 6), ALWAYS, newest_first=True)
        ) == (
            [6],
            6,
        )


async def test_chosen_places_come_in_their_order(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with search_world(database, database_url) as world:
        scope, other = await world.organization("one"), await world.organization("other")
        head = await world.log.head(scope)
        for _ in range(5):
            await world.put(scope, b"1234")
            await world.put(other, b"1234")
        whole = Stretch(scope.organization_id, head.epoch, 1, 9)
        assert await read(world, chosen(whole, [5, 9, 2])) == ([5, 2], 2)
        assert await read(world, chosen(whole, [9])) == ([], 9)
        monkeypatch.setattr(search_reading, "BYTES", 8)
        assert await read(world, chosen(whole, [5, 9, 2, 1])) == ([5, 2], 2)
        monkeypatch.setattr(search_reading, "ROWS", 1)
        assert await read(world, chosen(whole, [5, 2])) == ([5], 5)


def test_what_fits_is_at_least_one() -> None:
    assert within(10, []) == 0
    assert within(10, [99]) == 1
    assert within(10, [5, 5, 1]) == 2
    assert within(10, [99, 1]) == 1
