"""Packets of sockets as lines of a stream, and what waits of them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.stored import EPOCH, stored

from ponteio.live.packets import EventPacket, batch_of, goodbye, notice, tip
from ponteio.live.sse_door import COMMENT, SseDoor
from ponteio.model.cursor import Cursor
from ponteio.model.outcome import REVOKED
from ponteio.model.sight import ALL_SEEN


def door() -> SseDoor:
    return SseDoor(lambda: None)


def batch(*seqs: int, data: bytes = b"{}") -> object:
    events = [EventPacket(stored(seq, data=data), 1 << 20) for seq in seqs]
    return batch_of(events, ALL_SEEN, Cursor(EPOCH, seqs[-1]))


async def test_an_event_is_its_envelope_with_its_cursor_as_id() -> None:
    way = door()
    way.push(batch(1, 2))  # type: ignore[arg-type]
    envelopes = [stored(seq).envelope(ALL_SEEN) for seq in (1, 2)]
    assert await way.take() == b"".join(
        b"id: %s-%d\nevent: evolution-event\ndata: %s\n\n" % (EPOCH.encode(), seq, envelope)
        for seq, envelope in enumerate(envelopes, 1)
    )


async def test_notices_keep_their_names_and_tips_move_the_cursor() -> None:
    way = door()
    way.say(tip(Cursor(EPOCH, 7), 3))
    way.say(notice("held", {"text": 'a "quoted",{"name"'}))
    assert (
        await way.take()
        == (
            f'id: {EPOCH}-7\nevent: tip\ndata: {{"cursor":"{EPOCH}-7","sent":3}}\n\n'
            'event: held\ndata: {"text":"a \\"quoted\\",{\\"name\\""}\n\n'
        ).encode()
    )


async def test_line_ends_between_values_cannot_end_a_message() -> None:
    way = door()
    way.push(batch(1, data=b'{"a":1,\n\n"b":\r2}'))  # type: ignore[arg-type]
    sent = await way.take()
    assert sent is not None
    assert sent.count(b"\n\n") == 1
    assert b'{"a":1,  "b": 2}' in sent


async def test_what_waits_is_counted_until_it_was_sent() -> None:
    way = door()
    drained = asyncio.Event()
    way.on_drained = drained.set
    way.push(batch(1))  # type: ignore[arg-type]
    size = way.backlog
    assert size > 0
    assert way.taken == 0
    assert len(await way.take() or b"") == size
    assert way.backlog == size, "in hand, not sent"
    taking = asyncio.create_task(way.take())
    await asyncio.wait_for(drained.wait(), 5)
    assert (way.backlog, way.taken) == (0, size)
    way.comment()
    assert await taking == COMMENT


async def test_a_farewell_is_the_last_and_drops_what_waits() -> None:
    left = []
    way = SseDoor(lambda: left.append(1))
    way.push(batch(1, 2, 3))  # type: ignore[arg-type]
    way.leave([goodbye(REVOKED)], REVOKED)
    way.leave([goodbye(REVOKED)], REVOKED)
    way.push(batch(4))  # type: ignore[arg-type]
    last = await way.take()
    assert last is not None
    assert last.startswith(b'event: goodbye\ndata: {"code":"revoked"')
    assert last.count(b"\n\n") == 1
    assert await way.take() is None
    assert await way.take() is None
    assert left == [1]


async def test_a_cut_leaves_nothing() -> None:
    way = door()
    way.push(batch(1))  # type: ignore[arg-type]
    way.cut()
    assert (way.backlog, await way.take()) == (0, None)


@pytest.mark.parametrize("waits", [False, True])
async def test_shutting_wakes_whoever_waits(waits: bool) -> None:
    way = door()
    if waits:
        way.comment()
    taking = asyncio.create_task(way.take())
    await asyncio.sleep(0)
    way.shut()
    assert await taking == (COMMENT if waits else None)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4))
def test_a_notice_is_taken_apart_as_it_was_made(body: dict[str, str]) -> None:
    import orjson

    name, json = notice("some-name", body).parts
    assert (name, orjson.loads(json)) == (b"some-name", body)
