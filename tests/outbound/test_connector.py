"""Names that lead somewhere they should not: over real sockets, with resolvers that lie."""

from __future__ import annotations

import ast
import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import ponteio
from ponteio.model import outcome
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.outbound.address_policy import AddressPolicy, AddressRefusedError
from ponteio.outbound.connector import OPERATORS_WORD, STRANGERS_WORD, Connector, resolve
from ponteio.outbound.http_client import HttpClient, HttpOptions
from ponteio.upstream.diagnosis_ear import Ear
from ponteio.upstream.link_failure import DialError
from ponteio.upstream.link_options import LinkOptions
from ponteio.upstream.socketio_protocol import Opened

KEY = "canary-key-0123456789"


@dataclass
class Inside:
    """A server that must not be reached from outside."""

    port: int = 0
    hits: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def inside(answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") -> AsyncIterator[Inside]:
    found = Inside()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.hits.append(await reader.read(4096))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await server.wait_closed()


def saying(*answers: list[str]) -> Connector:
    """A connector whose resolver gives one of `answers` after the other, the last for ever."""
    left = list(answers)

    async def resolver(_host: str, _port: int) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return Connector(AddressPolicy(), resolver)


SPELLINGS = [
    *("127.0.0.1", "localhost", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1"),
    *(
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "[::]",
        "localhost.",
        "\uff11\uff12\uff17.0.0.1",
        "\u24dbocalhost",
    ),
    "127.0.0.1.",
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_loopback_is_reached_by_http(host: str) -> None:
    async with inside() as target:
        client = HttpClient(f"http://{host}:{target.port}", {"apikey": KEY}, HttpOptions(connect_s=2.0))
        with pytest.raises(RefusalError) as refused:
            await client.request("GET", "/")
        await client.close()
    assert refused.value.outcome in (outcome.ADDRESS_REFUSED, outcome.UPSTREAM_UNREACHABLE)
    assert target.hits == []


async def opens(url: str, options: LinkOptions) -> bool:
    """Whether Socket.IO answers there."""
    ear = Ear(url, KEY, options.connection, utc_now)
    try:
        async with asyncio.timeout(5):
            return isinstance(await ear.open(), Opened)
    except (DialError, TimeoutError):
        return False
    finally:
        await ear.close()


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_loopback_is_reached_by_socketio(host: str) -> None:
    async with inside() as target:
        options = LinkOptions(connector=STRANGERS_WORD)
        assert not await opens(f"http://{host}:{target.port}", options)
    assert target.hits == []


async def test_a_name_that_was_public_once_is_asked_again_for_the_next_connection() -> None:
    async with inside() as target:
        connector = saying(["127.0.0.1"], ["127.0.0.1"])
        asked = Connector(AddressPolicy(allow_private=True), connector.resolver)
        assert await asked.addresses("rebinding.example", target.port) == ["127.0.0.1"]
        with pytest.raises(AddressRefusedError):
            await connector.open_socket("rebinding.example", target.port, 1.0)
        turning = saying(["8.8.8.8"], ["127.0.0.1"])
        assert await turning.addresses("rebinding.example", target.port) == ["8.8.8.8"]
        client = HttpClient(f"http://rebinding.example:{target.port}", {"apikey": KEY}, HttpOptions(connector=turning))
        with pytest.raises(RefusalError) as refused:
            await client.request("GET", "/")
        await client.close()
        assert refused.value.outcome is outcome.ADDRESS_REFUSED
    assert target.hits == []


async def test_one_bad_answer_refuses_the_name() -> None:
    async with inside() as target:
        for answers in (["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::ffff:127.0.0.1"]):
            with pytest.raises(AddressRefusedError):
                await saying(answers).open_socket("rebinding.example", target.port, 1.0)
    assert target.hits == []


async def test_the_name_is_asked_once_and_the_checked_address_is_connected_to() -> None:
    """A name that changes its mind between check and connection (DNS rebinding)."""
    asked = 0

    async def resolver(_host: str, _port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"] if asked == 1 else ["127.0.0.2"]

    async with inside() as target:
        connector = Connector(AddressPolicy(allow_private=True), resolver)
        client = HttpClient(f"http://name.example:{target.port}", {"apikey": KEY}, HttpOptions(connector=connector))
        assert (await client.request("GET", "/")).status == 200
        await client.close()
    assert asked == 1
    assert f"host: name.example:{target.port}".encode() in target.hits[0].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed_and_the_key_does_not_travel(status: int) -> None:
    async with inside() as target:
        location = f"location: http://127.0.0.1:{target.port}/\r\n"
        answer = f"HTTP/1.1 {status} Moved\r\n{location}content-length: 0\r\n\r\n".encode()
        async with inside(answer) as front:
            client = HttpClient(
                f"http://127.0.0.1:{front.port}", {"apikey": KEY}, HttpOptions(connector=OPERATORS_WORD)
            )
            assert (await client.request("GET", "/")).status == status
            await client.close()
        assert front.hits
    assert target.hits == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_socketio_follows_no_redirect_either(status: int) -> None:
    async with inside() as target:
        location = f"location: http://127.0.0.1:{target.port}/socket.io/\r\n"
        async with inside(f"HTTP/1.1 {status} Moved\r\n{location}content-length: 0\r\n\r\n".encode()) as front:
            assert not await opens(f"http://127.0.0.1:{front.port}", LinkOptions())
        assert front.hits
    assert target.hits == []


async def test_socketio_asks_for_the_name_once_and_for_each_dial_anew() -> None:
    async with inside() as target:
        for answers in (["8.8.8.8", "127.0.0.1"], ["::ffff:7f00:1"]):
            options = LinkOptions(connector=saying(answers))
            assert not await opens(f"http://name.example:{target.port}", options)
        assert target.hits == []
        turning = Connector(AddressPolicy(allow_private=True), saying(["127.0.0.1"], ["127.0.0.2"]).resolver)
        options = LinkOptions(connector=turning)
        await opens(f"http://name.example:{target.port}", options)
    assert len(target.hits) == 1
    assert f"host: name.example:{target.port}".encode() in target.hits[0].lower()


async def test_a_dead_address_does_not_use_up_the_time_of_the_next() -> None:
    async with inside() as target:

        async def resolver(_host: str, _port: int) -> list[str]:
            return ["127.0.0.2", "127.0.0.1"]

        connector = Connector(AddressPolicy(allow_private=True), resolver)
        sock = await connector.open_socket("name.example", target.port, 2.0)
        assert sock.getpeername() == ("127.0.0.1", target.port)
        sock.close()
        client = HttpClient(f"http://name.example:{target.port}", {}, HttpOptions(connector=connector))
        assert (await client.request("GET", "/")).status == 200
        await client.close()


async def test_a_silent_name_server_uses_up_the_time_of_one_connection() -> None:
    async def silent(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    with pytest.raises(TimeoutError):
        await Connector(AddressPolicy(), silent).open_socket("name.example", 80, 0.1)


async def test_a_connector_that_is_given_up_leaves_no_socket() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.socket() as first, socket.socket() as second:
            for one in (first, second):
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            with pytest.raises(TimeoutError):
                await OPERATORS_WORD.open_socket("127.0.0.1", port, 0.2)


async def test_a_name_without_an_address_is_said_so() -> None:
    with pytest.raises(socket.gaierror):
        await saying([]).open_socket("name.example", 80, 1.0)


async def test_the_systems_resolver_is_asked_for_each_address_once() -> None:
    assert "127.0.0.1" in await resolve("127.0.0.1", 80)
    found = await resolve("localhost", 80)
    assert len(found) == len(set(found))


async def test_nobody_is_reached_over_what_nobody_listens_on() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await OPERATORS_WORD.open_socket("127.0.0.1", port, 1.0)


WAYS_OUT = {
    *("create_connection", "create_unix_connection", "create_datagram_endpoint", "sock_connect", "sock_sendto"),
    *("open_connection", "open_unix_connection", "connect_tcp", "connect_unix_socket", "connect_ex", "urlopen"),
    *("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_subprocess_exec", "create_subprocess_shell"),
}
STRANGERS = {
    *("aiohttp", "requests", "urllib3", "httpx", "httpx2", "httpcore2", "anyio", "ftplib", "smtplib", "subprocess"),
    *("urllib.request", "http.client", "xmlrpc.client"),
}


def ways_out(source: str) -> set[str]:
    """What in the source could lead out of the house: calls by name, and modules that connect."""
    found: set[str] = set()
    modules: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found |= {node.attr} & WAYS_OUT
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names} & WAYS_OUT
            modules |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found | {name for name in STRANGERS for module in modules if module == name or module.startswith(f"{name}.")}


def test_nobody_else_opens_a_way_out() -> None:
    """Every connection that leaves the house passes the connector."""
    root = Path(ponteio.__file__).parent
    found = {path.relative_to(root).as_posix(): ways_out(path.read_text()) for path in root.rglob("*.py")}
    assert {name: ways for name, ways in found.items() if ways and not name.startswith("simulator/")} == {
        "commands/export.py": {"http.client"},  # to the gateway that its user names
        "listener.py": {"getaddrinfo"},  # where to listen
        "notify/apprise_channel.py": {"create_subprocess_exec"},  # the child below
        "notify/apprise_child.py": {"getaddrinfo"},  # looked at by the policy, again at each connection
        "outbound/connector.py": {"getaddrinfo", "sock_connect"},
        "outbound/http_client.py": {"connect_tcp", "httpx2", "httpcore2"},
        "upstream/diagnosis_way.py": {"open_connection"},  # around a socket that the connector opened
        "upstream/websocket_transport.py": {"create_connection"},  # around a socket that the connector opened
    }


@pytest.mark.parametrize(
    ("source", "way"),
    [
        ("loop.create_connection(f, host)", "create_connection"),
        ("from asyncio import open_connection", "open_connection"),
        ("from urllib import request", "urllib.request"),
        ("import http.client as web", "http.client"),
        ("import httpx2._client", "httpx2"),
    ],
)
def test_a_way_out_is_seen_however_it_is_written(source: str, way: str) -> None:
    assert ways_out(source) == {way}
