"""The terminal client's stream: joined with a token, refused with the server's own words, ended without a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from tests.support.evolution_peer import evolution_peer
from tests.support.raw_websocket import OPEN, RawSocket, frame, http, open_sockets, raw_server
from tests.support.simulator import until

from ponteio.upstream.event_stream import StreamError, StreamRefusedError, StreamUnreachableError, listen

Heard = list[tuple[bytes, tuple[bytes, ...]]]


@pytest.fixture(autouse=True)
async def _nothing_is_left_open() -> AsyncIterator[None]:
    before, tasks = open_sockets(), len(asyncio.all_tasks())
    yield
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) <= tasks, timeout_s=3)


@pytest.mark.node
async def test_events_of_a_real_server_arrive_until_it_takes_us_out() -> None:
    heard: Heard = []
    joined = asyncio.Event()
    async with evolution_peer(key="k") as peer:
        stream = asyncio.ensure_future(
            listen(
                peer.url,
                headers={"apikey": "k"},
                on_event=lambda payload, attachments: heard.append((payload, attachments)),
                on_joined=joined.set,
            )
        )
        await joined.wait()
        await peer.emit({"event": "messages.upsert", "instance": "alpha", "data": {"key": {"$bytes": "AAE="}}})
        await until(lambda: heard)
        await peer.tell("kick", namespace="/")
        await stream
    assert json.loads(heard[0][0])[0] == "messages.upsert"
    assert heard[0][1] == (b"\x00\x01",)


@pytest.mark.node
async def test_the_token_travels_in_connect_and_a_refusal_brings_the_servers_payload() -> None:
    heard: Heard = []
    joined = asyncio.Event()
    async with evolution_peer(token="right") as peer:
        with pytest.raises(StreamRefusedError) as caught:
            await listen(peer.url, auth={"token": "wrong"}, on_event=lambda *_: None)
        assert caught.value.message == "auth_invalid"
        assert json.loads(caught.value.payload)["data"] == {"code": "auth_invalid"}
        stream = asyncio.ensure_future(
            listen(
                peer.url,
                auth={"token": "right"},
                on_event=lambda payload, attachments: heard.append((payload, attachments)),
                on_joined=joined.set,
            )
        )
        await joined.wait()
        await peer.tell("burst", instance="alpha", count=2, namespaces=False)
        await until(lambda: len(heard) == 2)
        stream.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stream
        assert {each["url"] for each in (await peer.state())["handshakes"]} == {"/socket.io/?EIO=4&transport=websocket"}


@pytest.mark.parametrize(
    ("messages", "had_joined", "reason"),
    [
        (["garbage"], False, "protocol_fault"),
        ([OPEN, "1"], False, "server_closed"),
        ([OPEN, "40", "1"], True, "server_closed"),
        ([OPEN, "40", "45x"], True, "protocol_fault"),
    ],
)
async def test_a_stream_that_breaks_says_whether_it_had_begun(
    messages: list[str], had_joined: bool, reason: str
) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade(then=b"".join(frame(0x1, each.encode()) for each in messages))
        await peer.hang()

    async with raw_server(serve) as url:
        with pytest.raises(StreamUnreachableError) as caught:
            await listen(url, on_event=lambda *_: None)
    assert (caught.value.had_joined, caught.value.reason) == (had_joined, reason)
    assert str(caught.value)


async def test_an_address_without_socketio_and_one_that_stays_silent() -> None:
    async def page(peer: RawSocket) -> None:
        await peer.request()
        peer.send(http("200 OK", b"<html>"))

    async with raw_server(page) as url:
        with pytest.raises(StreamError):
            await listen(url, on_event=lambda *_: None)

    async with raw_server(lambda peer: peer.hang()) as url:
        with pytest.raises(StreamUnreachableError) as caught:
            await listen(url, on_event=lambda *_: None, handshake_timeout_s=0.2)
    assert caught.value.reason == "handshake_timeout"


async def test_an_error_of_the_listener_comes_out_and_ends_the_stream() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.join()
        peer.text('42["one"]')
        peer.text('42["two"]')
        await peer.hang()

    heard: Heard = []

    def broken(payload: bytes, attachments: tuple[bytes, ...]) -> None:
        heard.append((payload, attachments))
        raise LookupError("no screen")

    async with raw_server(serve) as url:
        with pytest.raises(LookupError, match="no screen"):
            await listen(url, on_event=broken)
    assert heard == [(b'["one"]', ())]
