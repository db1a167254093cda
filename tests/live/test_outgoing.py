from __future__ import annotations

import asyncio
from typing import cast

from tests.live.stored import EPOCH

from ponteio.live.outgoing import Encodable, Outgoing
from ponteio.live.packets import Batch, Packet, notice
from ponteio.live.websocket import DirectWebSocket, text_frame
from ponteio.model.cursor import Cursor
from ponteio.model.outcome import REVOKED, SLOW_CONSUMER

PACKET = notice("a", {})
BATCH = Batch([PACKET, PACKET], Cursor(EPOCH, 2))


class Theirs:
    """A packet of the library."""

    def __init__(self, text: str) -> None:
        self.text = text

    def encode(self, b64: bool = False) -> str:
        return self.text


class Wire:
    """The transport's side of a WebSocket, as a network that never takes anything."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_writable = True
        self.is_cut = False
        self.on_drained: object = None

    @property
    def unsent(self) -> int:
        return sum(map(len, self.written))

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    def cut(self) -> None:
        self.is_cut = True


def outgoing() -> tuple[Outgoing, list[bool]]:
    queue: asyncio.Queue[Encodable | None] = asyncio.Queue()
    left: list[bool] = []
    return Outgoing(queue, left.append), left


async def writing(out: Outgoing, wire: Wire) -> asyncio.Task[list[Encodable]]:
    """The library's WebSocket writer, waiting for packets."""
    out.attach(cast("DirectWebSocket", wire))
    task = asyncio.create_task(out.take(for_websocket=True))
    await asyncio.sleep(0)
    return task


async def test_while_the_writer_waits_everything_goes_straight_to_the_wire_in_one_write_each() -> None:
    (out, _), wire = outgoing(), Wire()
    task = await writing(out, wire)
    out.push(BATCH)
    out.say(PACKET)
    out.send(Theirs("2"))
    assert wire.written == [BATCH.wire, PACKET.frame, text_frame(b"2")]
    assert out.backlog == wire.unsent
    assert out.taken == 0
    task.cancel()


async def test_nothing_overtakes_what_waits_in_the_queue_or_in_the_writers_hand() -> None:
    """I9 on the way out: ready comes after CONNECT, events after ready, whichever way each of them takes."""
    (out, _), wire = outgoing(), Wire()
    out.attach(cast("DirectWebSocket", wire))
    out.send(Theirs("40"))
    out.say(PACKET)
    taken = await out.take(for_websocket=True)
    assert [packet.encode() for packet in taken] == ["40", PACKET.encode()]
    out.push(BATCH)  # the writer has two packets in its hand
    assert wire.written == []
    again = asyncio.create_task(out.take(for_websocket=True))
    assert await again == BATCH.packets
    task = asyncio.create_task(out.take(for_websocket=True))
    await asyncio.sleep(0)
    out.say(PACKET)
    assert wire.written == [PACKET.frame]
    task.cancel()


async def test_what_the_writer_holds_still_counts_until_it_comes_for_more() -> None:
    (out, _), wire = outgoing(), Wire()
    out.attach(cast("DirectWebSocket", wire))
    drained: list[int] = []
    out.on_drained = lambda: drained.append(out.backlog)
    out.push(BATCH)
    await out.take(for_websocket=True)
    assert (out.backlog, drained) == (len(BATCH.wire), [])
    task = asyncio.create_task(out.take(for_websocket=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (out.backlog, drained) == (0, [0])
    task.cancel()


async def test_a_wire_that_is_closing_gets_nothing_more() -> None:
    (out, _), wire = outgoing(), Wire()
    task = await writing(out, wire)
    wire.is_writable = False
    out.push(BATCH)
    assert wire.written == []
    assert await task == BATCH.packets


async def test_a_farewell_takes_the_place_of_events_that_still_wait_but_not_of_the_librarys_packets() -> None:
    """I10: what a revoked socket has not fetched yet, it does not get."""
    out, left = outgoing()
    out.send(Theirs("40"))
    out.push(BATCH)
    out.leave([PACKET], REVOKED)
    out.send(Theirs("41"))
    out.end()
    assert [packet.encode() for packet in await out.take(for_websocket=False)] == ["40", PACKET.encode(), "41"]
    assert await out.take(for_websocket=False) == []
    assert await out.take(for_websocket=False) == []
    assert left == [False]
    assert (out.backlog, out.is_read_up) == (0, True)


async def test_who_may_come_back_is_left_so_and_an_end_survives_a_farewell() -> None:
    out, left = outgoing()
    out.leave([], SLOW_CONSUMER)
    assert left == [True]
    other, _ = outgoing()
    other.end()
    other.leave([PACKET], SLOW_CONSUMER)
    assert await other.take(for_websocket=False) == []


async def test_the_end_of_a_session_comes_by_itself_after_everything_else() -> None:
    """The stock client drops what it read in the same answer and has not given to its listeners yet."""
    for for_websocket in (False, True):
        out, _ = outgoing()
        out.leave([PACKET], REVOKED)
        out.end(Theirs("1"))
        answers = [await out.take(for_websocket=for_websocket) for _ in range(4)]
        assert [[packet.encode() for packet in answer] for answer in answers] == [[PACKET.encode()], ["1"], [], []]
        assert out.is_read_up


async def test_the_end_goes_straight_to_a_wire_that_waits() -> None:
    (out, _), wire = outgoing(), Wire()
    task = await writing(out, wire)
    out.say(PACKET)
    out.end(Theirs("1"))
    assert wire.written == [PACKET.frame, text_frame(b"1")]
    assert await task == []


async def test_a_session_is_not_read_up_before_its_end_was_fetched() -> None:
    out, _ = outgoing()
    out.say(PACKET)
    out.end(Theirs("1"))
    await out.take(for_websocket=False)
    assert not out.is_read_up
    await out.take(for_websocket=False)
    assert out.is_read_up


async def test_cutting_without_a_wire_is_harmless() -> None:
    (out, _), wire = outgoing(), Wire()
    out.cut()
    out.attach(cast("DirectWebSocket", wire))
    out.cut()
    assert wire.is_cut


async def test_drained_is_told_after_the_current_step_and_not_to_who_left_meanwhile() -> None:
    out, _ = outgoing()
    told: list[str] = []
    out.on_drained = lambda: told.append("drained")
    out.say(PACKET)
    await out.take(for_websocket=False)
    out.on_drained = None
    await asyncio.sleep(0)
    assert told == []


def test_our_packets_look_like_the_librarys_to_its_queue() -> None:
    packet: Encodable = Packet(b"42[]")
    assert packet.encode(b64=True) == "42[]"


async def test_a_poll_gets_no_more_packets_than_every_client_takes() -> None:
    out, _ = outgoing()
    for number in range(40):
        out.say(notice("a", {"number": number}))
    total, answers = out.backlog, []
    while out.backlog:
        answers.append(await out.take(for_websocket=False))
    assert [len(answer) for answer in answers] == [16, 16, 8]
    assert [packet.encode() for answer in answers for packet in answer] == [
        notice("a", {"number": number}).encode() for number in range(40)
    ]
    assert out.taken == total


async def test_a_packet_that_the_library_puts_in_the_queue_itself_does_not_upset_the_count() -> None:
    queue: asyncio.Queue[Encodable | None] = asyncio.Queue()
    out = Outgoing(queue, lambda _comes_back: None)
    queue.put_nowait(Theirs("6"))
    await out.take(for_websocket=False)
    assert (out.backlog, out.is_read_up) == (0, True)
