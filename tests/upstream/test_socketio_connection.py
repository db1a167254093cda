"""Socket.IO over a websocket: pings, silence, faults and who is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.support.raw_websocket import OPEN, RawSocket, frame, raw_server
from tests.support.simulator import until

from ponteio.observe.clock import utc_now
from ponteio.upstream import socketio_protocol
from ponteio.upstream.link_failure import LinkFailure
from ponteio.upstream.socketio_connection import ConnectionOptions, SocketIOConnection
from ponteio.upstream.socketio_protocol import Event, Joined, Opened, Oversize, Packet

QUICK_OPEN = '0{"sid":"a","upgrades":[],"pingInterval":150,"pingTimeout":100}'
LIMIT_S = 0.25


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence may be shorter than a real server would ever claim."""
    monkeypatch.setattr(socketio_protocol, "_SILENCE_S", (0.1, 180.0))


class Caller:
    """A connection with what it told us."""

    def __init__(self, url: str) -> None:
        self.packets: list[Packet] = []
        self.lost: list[LinkFailure] = []
        self.connection = SocketIOConnection(
            url,
            headers={},
            on_packet=self.packets.append,
            on_lost=self.lost.append,
            options=ConnectionOptions(max_frame_bytes=1000),
        )


@asynccontextmanager
async def calling(serve: Callable[[RawSocket], Awaitable[None]]) -> AsyncIterator[Caller]:
    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.connection.dial()
        try:
            yield caller
        finally:
            caller.connection.close()
            await caller.connection.wait_closed()
            assert caller.connection.is_closed


async def test_what_goes_up_the_wire_is_connect_disconnect_and_pong_only() -> None:
    """I12: whatever the server sends, acknowledgement requests included, nothing else ever leaves."""
    said: list[str] = []

    async def serve(peer: RawSocket) -> None:
        await peer.join()
        for message in ("2", '421["wants an ack"]', '42/alpha,9["too"]', "2", "451-[]"):
            peer.text(message)
        peer.binary(b"x")
        while True:
            said.append(await peer.read_text())

    async with calling(serve) as caller:
        caller.connection.join("/")
        await until(lambda: said == ["3", "3"])
        caller.connection.leave("/")
        await until(lambda: len(said) == 3)
    assert said == ["3", "3", "41"]
    assert [type(packet) for packet in caller.packets] == [Opened, Joined, Event, Event, Event]
    assert not [name for name in dir(SocketIOConnection) if "emit" in name or "send" in name or "ack" in name]


async def test_a_frozen_server_is_given_up_after_its_own_ping_times() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.open(QUICK_OPEN)
        await peer.hang()

    async with calling(serve) as caller:
        before = asyncio.get_running_loop().time()
        await until(lambda: caller.lost)
        assert [failure.reason for failure in caller.lost] == ["ping_timeout"]
        assert LIMIT_S * 0.9 <= asyncio.get_running_loop().time() - before <= LIMIT_S + 1.0


async def test_any_bytes_are_a_sign_of_life() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.open(QUICK_OPEN)
        whole = frame(0x1, b"42" + b"x" * 100)
        for at in range(0, len(whole), 7):
            peer.send(whole[at : at + 7])
            await asyncio.sleep(0.05)
        await peer.hang()

    async with calling(serve) as caller:
        await until(lambda: Event("/", b"x" * 100) in caller.packets)
        assert caller.lost == []
        await until(lambda: caller.lost)


async def test_silence_does_not_count_while_we_do_not_listen() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.open(QUICK_OPEN)
        await peer.hang()

    async with calling(serve) as caller:
        await until(lambda: caller.packets)
        caller.connection.pause_reading()
        await asyncio.sleep(LIMIT_S * 2)
        assert caller.lost == []
        caller.connection.resume_reading()
        before = asyncio.get_running_loop().time()
        await until(lambda: caller.lost)
        assert asyncio.get_running_loop().time() - before >= LIMIT_S * 0.9


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (["garbage"], "protocol_fault"),
        (['0{"no":"session"}'], "protocol_fault"),
        ([OPEN, "9"], "protocol_fault"),
        ([OPEN, "45x"], "protocol_fault"),
        ([OPEN, "1"], "server_closed"),
        (["2"], "protocol_fault"),
    ],
)
async def test_faults_of_the_protocol_end_the_connection_with_a_reason(messages: list[str], reason: str) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade(then=b"".join(frame(0x1, message.encode()) for message in messages))
        await peer.hang()

    async with calling(serve) as caller:
        await until(lambda: caller.lost)
        await caller.connection.wait_closed()
    assert [failure.reason for failure in caller.lost] == [reason]


async def test_an_oversize_set_of_attachments_does_not_end_the_connection() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.open()
        peer.text("453-[]")
        for _ in range(3):
            peer.binary(b"x" * 900)
        peer.text('42["next"]')
        await peer.hang()

    async with calling(serve) as caller:
        await until(lambda: len(caller.packets) == 3)
        assert caller.packets[1:] == [Oversize("/", 2702, 3), Event("/", b'["next"]')]


async def test_the_time_of_the_read_is_known_when_the_packet_comes() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.open()
        await peer.hang()

    before = utc_now()
    async with calling(serve) as caller:
        await until(lambda: caller.packets)
        assert before <= caller.connection.heard_at <= utc_now()
