"""The transport against servers that behave, misbehave and vanish. Nothing is left open, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from tests.support.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    RawSocket,
    frame,
    http,
    open_sockets,
    raw_server,
)
from tests.support.simulator import until

from ponteio.model.link import LinkState
from ponteio.observe.clock import utc_now
from ponteio.outbound.connector import OPERATORS_WORD
from ponteio.upstream.link_failure import DialError, LinkFailure
from ponteio.upstream.websocket_transport import AddressError, WebSocketTransport, key_header, socketio_address


class Caller:
    """A transport with what it told us."""

    def __init__(
        self,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        max_message_bytes: int = 1_000_000,
        connect_timeout_s: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.messages: list[tuple[bytes, bool]] = []
        self.lost: list[LinkFailure] = []
        self.transport = WebSocketTransport(
            socketio_address(url),
            headers or {},
            on_message=self.hear,
            on_lost=self.lost.append,
            clock=utc_now,
            max_message_bytes=max_message_bytes,
            connect_timeout_s=connect_timeout_s,
            connector=OPERATORS_WORD,
            ssl_context=ssl_context,
        )

    def hear(self, message: bytes | bytearray, is_text: bool) -> None:
        self.messages.append((bytes(message), is_text))


@pytest.fixture(autouse=True)
async def _nothing_is_left_open() -> AsyncIterator[None]:
    before, tasks = open_sockets(), len(asyncio.all_tasks())
    yield
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) <= tasks, timeout_s=3)


async def _refusal(serve: Callable[[RawSocket], Awaitable[None]]) -> LinkFailure:
    async with raw_server(serve) as url:
        caller = Caller(url)
        with pytest.raises(DialError) as caught:
            await caller.transport.dial()
        await caller.transport.wait_closed()
        assert caller.lost == []
        assert caller.transport.is_closed
    return caught.value.failure


# Addresses and headers.


@pytest.mark.parametrize(
    ("url", "host", "port", "resource"),
    [
        ("http://evo:8080", "evo", 8080, "/socket.io/?EIO=4&transport=websocket"),
        ("http://evo:8080/", "evo", 8080, "/socket.io/?EIO=4&transport=websocket"),
        ("ws://evo", "evo", 80, "/socket.io/?EIO=4&transport=websocket"),
        ("https://host/evo", "host", 443, "/evo/socket.io/?EIO=4&transport=websocket"),
        ("wss://host:1/a/b/?x=y#z", "host", 1, "/a/b/socket.io/?EIO=4&transport=websocket"),
        ("http://[::1]:9", "::1", 9, "/socket.io/?EIO=4&transport=websocket"),
        ("https://ação.example", "xn--ao-siap.example", 443, "/socket.io/?EIO=4&transport=websocket"),
    ],
)
def test_socketio_is_behind_the_path_of_the_address(url: str, host: str, port: int, resource: str) -> None:
    address = socketio_address(url)
    assert (address.host, address.port, address.resource_name) == (host, port, resource)
    assert address.secure == url.startswith(("https", "wss"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "evo:8080",
        "ftp://evo",
        "http://",
        "http://evo:99999",
        "http://a b/",
        "http://evo\r\nX: y",
        "http://[::1",
        "http://me:pw@evo",
    ],
)
def test_bad_addresses_are_refused_without_quoting_them(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        socketio_address(url)
    assert not url or url not in str(caught.value)


def test_the_key_is_a_header_and_cannot_smuggle_another() -> None:
    assert key_header("secret") == {"apikey": "secret"}
    assert key_header("") == {}
    for bad in ("a\r\nX-Evil: 1", "a\x00", "ação"):
        with pytest.raises(ValueError, match="header") as caught:
            key_header(bad)
        assert bad not in str(caught.value)


async def test_the_request_has_the_key_in_a_header_only_and_asks_for_no_compression() -> None:
    heads: list[bytes] = []

    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        heads.append(peer.head)
        await peer.hang()

    async with raw_server(serve) as url:
        caller = Caller(f"{url}/evo", headers=key_header("s3cret"))
        await caller.transport.dial()
        caller.transport.close()
        await caller.transport.wait_closed()
    head = heads[0].decode().lower()
    assert head.startswith("get /evo/socket.io/?eio=4&transport=websocket http/1.1\r\n")
    assert "\r\napikey: s3cret\r\n" in head
    assert head.count("s3cret") == 1
    assert "sec-websocket-extensions" not in head
    assert "permessage" not in head


async def test_the_library_logs_neither_the_key_nor_content_even_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade(then=frame(TEXT, b"tok-canary") + b"\xff\xff\xff")
        await peer.hang()

    with caplog.at_level(logging.DEBUG):
        async with raw_server(serve) as url:
            caller = Caller(url, headers=key_header("s3cret"))
            await caller.transport.dial()
            await until(lambda: caller.lost)
            await caller.transport.wait_closed()
    assert "s3cret" not in caplog.text
    assert "tok-canary" not in caplog.text


# Messages.


async def test_messages_come_whole_in_order_whatever_their_pieces() -> None:
    wire = (
        frame(TEXT, b"one")
        + frame(BINARY, b"\x00\x01")
        + frame(TEXT, b"th", fin=False)
        + frame(PING, b"are you there")
        + frame(CONTINUATION, b"re", fin=False)
        + frame(CONTINUATION, b"e")
        + frame(BINARY, b"", fin=False)
        + frame(CONTINUATION, b"x" * 70_000)
    )
    pongs: list[tuple[int, bytes]] = []

    async def serve(peer: RawSocket) -> None:
        await peer.upgrade(then=wire[:5])
        for at in range(5, len(wire), 977):
            peer.send(wire[at : at + 977])
            await peer.writer.drain()
        pongs.append(await peer.read_frame())
        await peer.hang()

    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.transport.dial()
        await until(lambda: len(caller.messages) == 4 and pongs)
        assert caller.messages == [(b"one", True), (b"\x00\x01", False), (b"three", True), (b"x" * 70_000, False)]
        assert pongs == [(0xA, b"are you there")]
        caller.transport.close()
        await caller.transport.wait_closed()
    assert caller.lost == []


@pytest.mark.parametrize("pieces", [1, 4])
async def test_a_message_over_the_limit_ends_the_websocket_and_says_why(pieces: int) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        part = b"x" * (1200 // pieces)
        for number in range(pieces):
            peer.send(frame(TEXT if number == 0 else CONTINUATION, part, fin=number == pieces - 1))
        await peer.hang()

    async with raw_server(serve) as url:
        caller = Caller(url, max_message_bytes=1000)
        await caller.transport.dial()
        await until(lambda: caller.lost)
        assert caller.lost[0].reason == "oversize_frame"
        assert caller.messages == []
        await caller.transport.wait_closed()


async def test_a_message_at_the_limit_comes_through() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade(then=frame(TEXT, b"x" * 1000))
        await peer.hang()

    async with raw_server(serve) as url:
        caller = Caller(url, max_message_bytes=1000)
        await caller.transport.dial()
        await until(lambda: caller.messages)
        caller.transport.close()
        await caller.transport.wait_closed()


# Ends.


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (frame(CLOSE, b"\x03\xe8"), "server_closed"),
        (frame(CLOSE, b""), "server_closed"),
        (b"\xff\xff\xff\xff", "bad_frame"),
        (frame(CONTINUATION, b"x"), "bad_frame"),
        (b"\x81\x85\x00\x00\x00\x00hello", "bad_frame"),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), "bad_frame"),
        (frame(PING, b"x" * 126), "bad_frame"),
        (b"\xc1\x01x", "bad_frame"),
    ],
)
async def test_how_the_server_or_its_garbage_ends_the_websocket(ending: bytes, reason: str) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        peer.send(ending)
        await peer.hang()

    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.transport.dial()
        await until(lambda: caller.lost)
        await caller.transport.wait_closed()
        assert [failure.reason for failure in caller.lost] == [reason]


@pytest.mark.parametrize("hard", [True, False])
async def test_a_connection_that_breaks_in_the_middle_of_a_frame_is_lost_once(hard: bool) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade(then=frame(TEXT, b"whole") + frame(TEXT, b"x" * 500)[:100])
        await peer.writer.drain()
        await asyncio.sleep(0.02)
        if hard:
            peer.reset()

    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.transport.dial()
        await until(lambda: caller.lost)
        await caller.transport.wait_closed()
    assert [failure.reason for failure in caller.lost] == ["connection_lost"]
    assert caller.messages == [(b"whole", True)]


async def test_after_close_nothing_is_told_and_nothing_can_be_said() -> None:
    gone = asyncio.Event()

    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        with contextlib.suppress(ConnectionError):
            while not peer.writer.is_closing():
                peer.text("flood")
                await peer.writer.drain()
                await asyncio.sleep(0)
        gone.set()

    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.transport.dial()
        await until(lambda: caller.messages)
        caller.transport.close()
        heard = len(caller.messages)
        caller.transport.send_text(b"too late")
        caller.transport.pause_reading()
        caller.transport.resume_reading()
        caller.transport.close()
        await caller.transport.wait_closed()
        await gone.wait()
        assert len(caller.messages) == heard
        assert caller.lost == []


async def test_a_server_that_does_not_close_is_left_within_seconds() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        await asyncio.sleep(30)

    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.transport.dial()
        caller.transport.close()
        async with asyncio.timeout(2):
            await caller.transport.wait_closed()


async def test_a_server_that_pings_and_never_reads_is_given_up_before_memory_grows() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        flood = frame(PING, b"x" * 125) * 500
        with contextlib.suppress(ConnectionError):
            while True:
                peer.send(flood)
                await peer.writer.drain()

    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.transport.dial()
        await until(lambda: caller.lost, timeout_s=30)
        await caller.transport.wait_closed()
    assert [failure.reason for failure in caller.lost] == ["peer_stalled"]


# Back-pressure.


async def test_a_paused_transport_leaves_the_rest_to_tcp_and_loses_nothing() -> None:
    sent = 0
    total = 400

    async def serve(peer: RawSocket) -> None:
        nonlocal sent
        await peer.upgrade()
        for number in range(total):
            peer.text(str(number).encode().ljust(100_000))
            await peer.writer.drain()
            sent += 1
        await peer.hang()

    async with raw_server(serve) as url:
        caller = Caller(url)
        await caller.transport.dial()
        await until(lambda: caller.messages)
        caller.transport.pause_reading()
        previous = -1
        while sent != previous:
            previous = sent
            await asyncio.sleep(0.2)
        held = len(caller.messages)
        assert sent < total
        await asyncio.sleep(0.1)
        assert len(caller.messages) == held
        caller.transport.resume_reading()
        await until(lambda: len(caller.messages) == total)
        assert [int(message) for message, _ in caller.messages] == list(range(total))
        caller.transport.close()
        await caller.transport.wait_closed()


# Handshakes that fail.


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (
            http("400 Bad Request", b"apiKey is required", "Content-type: text/html"),
            LinkState.AUTH_FAILED,
            "key_required",
        ),
        (http("400 Bad Request", b"Invalid global token"), LinkState.AUTH_FAILED, "key_invalid"),
        (http("403 Forbidden", b'{"code":4,"message":"Authentication error"}'), LinkState.AUTH_FAILED, "key_unchecked"),
        (
            http("404 Not Found", b'{"response":{"message":["Cannot GET /socket.io/?EIO=4"]}}'),
            LinkState.UPSTREAM_DISABLED,
            "upstream_websocket_disabled",
        ),
        (http("502 Bad Gateway", b"<html>nginx</html>"), LinkState.UNREACHABLE, "http_502"),
        (http("301 Moved", b"", "Location: http://127.0.0.1:1/"), LinkState.UNREACHABLE, "redirected"),
        (http("200 OK", b"<html>hello</html>"), LinkState.UNREACHABLE, "not_socketio"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", LinkState.UNREACHABLE, "not_http"),
        (b"HTTP/1.0 200 OK\r\n\r\n", LinkState.UNREACHABLE, "not_http"),
        (b"\x00\x01\x02\x03\r\n", LinkState.UNREACHABLE, "not_http"),
        (b"A" * 20_000, LinkState.UNREACHABLE, "not_http"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", LinkState.UNREACHABLE, "not_http"),
        (
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bad\r\n\r\n",
            LinkState.UNREACHABLE,
            "not_http",
        ),
        (b"", LinkState.UNREACHABLE, "connection_reset"),
        (b"HTTP/1.1 101 Swi", LinkState.UNREACHABLE, "connection_reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", LinkState.UNREACHABLE, "connection_reset"),
    ],
)
async def test_a_handshake_that_fails_says_why_and_leaves_nothing_open(
    answer: bytes, state: LinkState, reason: str
) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.request()
        peer.send(answer)

    failure = await _refusal(serve)
    assert (failure.state, failure.reason) == (state, reason)


async def test_a_connection_reset_during_the_handshake_says_so() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.request()
        peer.reset()

    assert (await _refusal(serve)).reason == "connection_reset"


async def test_a_refusal_on_a_connection_that_stays_open_is_seen_at_once() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.request()
        peer.send(http("502 Bad Gateway", b"x", "Connection: keep-alive"))
        await peer.hang()

    async with asyncio.timeout(3):
        assert (await _refusal(serve)).reason == "http_502"


async def test_a_redirect_is_not_followed() -> None:
    visits: list[bytes] = []

    async def elsewhere(peer: RawSocket) -> None:
        visits.append(await peer.request())

    async with raw_server(elsewhere) as other:

        async def serve(peer: RawSocket) -> None:
            await peer.request()
            peer.send(http("302 Found", b"", f"Location: {other}/socket.io/"))

        assert (await _refusal(serve)).reason == "redirected"
    assert visits == []


async def test_nobody_at_the_address_and_no_such_host() -> None:
    async with raw_server(lambda peer: peer.hang()) as url:
        pass
    for address, reason in ((url, "connection_refused"), ("http://nobody.invalid", "dns_failed")):
        with pytest.raises(DialError) as caught:
            await Caller(address).transport.dial()
        assert caught.value.failure.reason == reason


@pytest.mark.parametrize("broken", ["black hole", "refusing"])
async def test_a_host_whose_first_address_is_broken_is_reached_by_its_second(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        await peer.hang()

    with socket.socket() as hole, socket.socket() as filling:
        async with raw_server(serve) as url:
            port = int(url.rsplit(":", 1)[1])
            hole.bind(("127.0.0.2", port))
            if broken == "black hole":  # a full backlog: the kernel drops what comes
                hole.listen(0)
                filling.connect(hole.getsockname())

            async def resolve(*_args: object, **_named: object) -> list[tuple[object, ...]]:
                addresses = [hole.getsockname(), ("127.0.0.1", port)]
                return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
            caller = Caller(f"http://two-addresses:{port}", connect_timeout_s=1.0)
            await caller.transport.dial()
            caller.transport.close()
            await caller.transport.wait_closed()


async def test_a_slow_handshake_can_be_cancelled_and_leaves_nothing() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.request()
        for byte in b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"y" * 10_000:
            peer.send(bytes([byte]))
            await asyncio.sleep(0.05)

    async with raw_server(serve) as url:
        caller = Caller(url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await caller.transport.dial()
        await caller.transport.wait_closed()
        assert caller.lost == []


async def test_close_during_the_dial_ends_it() -> None:
    async with raw_server(lambda peer: peer.hang()) as url:
        caller = Caller(url)
        dial = asyncio.ensure_future(caller.transport.dial())
        await asyncio.sleep(0)
        caller.transport.close()
        dial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dial
        await caller.transport.wait_closed()


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for `localhost`, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    whole = folder / "both.pem"
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*request.split(), *files], check=True, capture_output=True)
    whole.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return whole


@contextlib.asynccontextmanager
async def tls_server(certificate: Path, writers: list[asyncio.StreamWriter] | None = None) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = RawSocket(reader, writer)
        if writers is not None:
            writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await peer.upgrade(then=frame(TEXT, b"over TLS"))
            await peer.hang()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_tls_with_a_certificate_that_is_known(certificate: Path) -> None:
    async with tls_server(certificate) as url:
        caller = Caller(url, ssl_context=ssl.create_default_context(cafile=str(certificate)))
        await caller.transport.dial()
        await until(lambda: caller.messages)
        assert caller.messages == [(b"over TLS", True)]
        caller.transport.close()
        await caller.transport.wait_closed()


async def test_a_tls_server_that_never_answers_the_goodbye_is_left_within_seconds(certificate: Path) -> None:
    writers: list[asyncio.StreamWriter] = []
    async with tls_server(certificate, writers) as url:
        caller = Caller(url, ssl_context=ssl.create_default_context(cafile=str(certificate)))
        await caller.transport.dial()
        writers[0].transport.pause_reading()  # type: ignore[attr-defined]
        caller.transport.close()
        async with asyncio.timeout(3):
            await caller.transport.wait_closed()
        writers[0].transport.abort()


async def test_tls_with_a_certificate_that_is_not_known_is_refused(certificate: Path) -> None:
    async with tls_server(certificate) as url:
        with pytest.raises(DialError) as caught:
            await Caller(url).transport.dial()
        assert caught.value.failure.reason == "tls_certificate"


async def test_https_where_only_http_is_spoken_says_so() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.reader.read(100)
        peer.send(http("400 Bad Request", b""))

    async with raw_server(serve) as url:
        with pytest.raises(DialError) as caught:
            await Caller(url.replace("http", "https")).transport.dial()
        assert caught.value.failure.reason == "tls_failed"


async def test_a_server_that_accepts_and_says_nothing_of_tls_is_given_up_in_time() -> None:
    async with raw_server(lambda peer: peer.hang()) as url:
        with pytest.raises(DialError) as caught:
            await Caller(url.replace("http", "https"), connect_timeout_s=0.3).transport.dial()
        assert caught.value.failure.reason == "connect_timeout"


# The other loop.


def test_the_transport_works_on_uvloop_too() -> None:
    async def scenario() -> list[str]:
        async def serve(peer: RawSocket) -> None:
            await peer.upgrade(then=frame(TEXT, b"hello"))
            peer.text((await peer.read_text()).upper())
            peer.send(frame(CLOSE, b""))
            await peer.hang()

        async with raw_server(serve) as url:
            caller = Caller(url)
            await caller.transport.dial()
            caller.transport.send_text(b"echo")
            await until(lambda: caller.lost)
            await caller.transport.wait_closed()
            with pytest.raises(DialError):
                await Caller(f"{url[: url.rindex(':')]}:1").transport.dial()
        assert caller.messages == [(b"hello", True), (b"ECHO", True)]
        return [failure.reason for failure in caller.lost]

    assert uvloop.run(scenario()) == ["server_closed"]
