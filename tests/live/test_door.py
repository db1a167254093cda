"""What every door promises, asked of the real one (over its queue) and of the one that tests use in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.live.pipe import Pipe
from tests.live.stored import EPOCH

from ponteio.live.door import Door
from ponteio.live.outgoing import Encodable, Outgoing
from ponteio.live.packets import Batch, Packet, notice
from ponteio.model.cursor import Cursor
from ponteio.model.outcome import REVOKED

Read = Callable[[], Awaitable[list[str]]]


def real() -> tuple[Door, Read]:
    queue: asyncio.Queue[Encodable | None] = asyncio.Queue()
    outgoing = Outgoing(queue, lambda _comes_back: None)

    async def read() -> list[str]:
        return [packet.encode() for packet in await outgoing.take(for_websocket=False)]

    return outgoing, read


def fake() -> tuple[Door, Read]:
    pipe = Pipe()

    async def read() -> list[str]:
        return pipe.read()

    return pipe, read


@pytest.fixture(params=[real, fake])
async def door(request: pytest.FixtureRequest) -> tuple[Door, Read]:
    made: tuple[Door, Read] = request.param()
    return made


def packets(*names: str) -> list[Packet]:
    return [notice(name, {}) for name in names]


async def test_packets_leave_in_the_order_in_which_they_came(door: tuple[Door, Read]) -> None:
    out, read = door
    out.say(packets("ready")[0])
    out.push(Batch(packets("a", "b"), Cursor(EPOCH, 2)))
    out.say(packets("tip")[0])
    assert await read() == ['42["ready",{}]', '42["a",{}]', '42["b",{}]', '42["tip",{}]']


async def test_backlog_and_taken_count_every_byte_once(door: tuple[Door, Read]) -> None:
    out, read = door
    batch = Batch(packets("a", "b"), Cursor(EPOCH, 2))
    assert (out.backlog, out.taken) == (0, 0)
    out.push(batch)
    assert (out.backlog, out.taken) == (len(batch.wire), 0)
    await read()
    assert (out.backlog, out.taken) == (0, len(batch.wire))


async def test_the_pump_hears_when_the_backlog_has_gone(door: tuple[Door, Read]) -> None:
    out, read = door
    heard = asyncio.Event()
    out.on_drained = heard.set
    out.say(packets("a")[0])
    await read()
    await asyncio.wait_for(heard.wait(), 1)


async def test_after_the_farewell_nothing_is_said(door: tuple[Door, Read]) -> None:
    out, read = door
    out.leave(packets("goodbye"), REVOKED)
    out.say(packets("late")[0])
    out.push(Batch(packets("late"), Cursor(EPOCH, 1)))
    out.leave(packets("again"), REVOKED)
    assert await read() == ['42["goodbye",{}]']
