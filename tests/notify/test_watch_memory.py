from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.alert_world import AlertWorld, alert_world

from ponteio.notify import watch_memory
from ponteio.notify.watch_memory import WatchMemory
from ponteio.storage.database import Database


@pytest.fixture
async def world(database: Database) -> AsyncIterator[AlertWorld]:
    async with alert_world(database, "loja-01", "loja-02") as made:
        yield made


def memory(world: AlertWorld) -> WatchMemory:
    return WatchMemory(world.database, world.process.log, world.post.directory, world.process.board)


async def test_the_log_knows_when_instances_were_last_heard(world: AlertWorld) -> None:
    await world.stored("loja-01", "call", {})
    world.clock.turn(seconds=60)
    last = await world.stored("loja-01", "call", {})
    await world.stored("loja-02", "call", {}, world.rival)
    await memory(world).last_heard(world.acme, ["loja-01", "loja-02"])
    assert world.process.board.heard_at == {(world.acme, "loja-01"): last.received_at}
    world.clock.turn(seconds=60)
    newer = await world.event("loja-01", "call", {})
    await memory(world).last_heard(world.acme, ["loja-01"])
    assert world.process.board.heard_at[world.acme, "loja-01"] == newer.received_at


async def test_the_board_catches_up_with_what_others_announced(world: AlertWorld) -> None:
    board, here = world.process.board, memory(world)
    await world.stored("loja-01", "call", {})
    await here.start_at_heads([world.acme])
    board.followed = board.matching = frozenset({world.acme})
    for _ in range(3):
        await world.stored("loja-01", "call", {})
    await world.event("loja-01", "call", {})
    assert board.missed == {world.acme}
    await here.catch_up([world.acme])
    assert [event.seq for event in board.waiting] == [2, 3, 4, 5]
    await here.catch_up([world.acme])
    await world.event("loja-01", "call", {})
    assert [event.seq for event in board.waiting] == [2, 3, 4, 5, 6]


async def test_too_much_is_passed_over(world: AlertWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_memory, "PAGE", 2)
    monkeypatch.setattr(watch_memory, "MAX_PAGES", 2)
    board, here = world.process.board, memory(world)
    await here.start_at_heads([world.acme])
    for _ in range(10):
        await world.stored("loja-01", "call", {})
    await here.catch_up([world.acme])
    assert board.seen[world.acme].seq == 10
    assert board.heard_at[world.acme, "loja-01"] == world.clock()
    assert board.missed == set()


async def test_a_log_of_another_life_begins_at_its_end(world: AlertWorld) -> None:
    board, here = world.process.board, memory(world)
    event = await world.event("loja-01", "call", {})
    board.seen[world.acme] = type(event.cursor)("00000001", 99)
    await here.catch_up([world.acme])
    assert board.seen[world.acme] == event.cursor
    board.missed.add("org_without_rules")
    await here.catch_up([world.acme])
    assert board.missed == set()
