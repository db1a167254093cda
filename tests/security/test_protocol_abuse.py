"""Clients that break every rule, before, during and after authentication, at the door of the whole house: afterwards
nothing is left of them, and nobody else has noticed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.oracle.traffic import say
from tests.security.leftovers import nobody_is_left
from tests.support.house import holds, logged_to
from tests.support.plain_socket import PATH, PlainSocket, plain_socket
from tests.support.raw_websocket import open_sockets
from tests.support.two_tenants import TwoTenants, two_tenants

POLLING = "/socket.io/?EIO=4&transport=polling"
DEEP = "[" * 1_800
REFUSED = 2_000
LET_GO_S = 20.0

PACKETS = [
    *("9", "x", "4", "49", "4{", "40{", "40[", "40null", "40[]", '40"x"', "407", "4" + "0" * 4_000, "40,", "40/", "41"),
    *("42", "42[", "42[]", '42["x"', '42["join","everybody"]', '421["x"]', "42" + "9" * 300 + '["x"]', "42{}", "42[7]"),
    *(
        "43[]",
        "431[]",
        "44",
        "44{}",
        '451-["x",{"_placeholder":true,"num":0}]',
        '45999999-["x"]',
        "45-[]",
        "461-[]",
        "46",
    ),
    *(
        "0",
        '0{"sid":"x"}',
        "1",
        "2",
        "2probe",
        "3",
        "3probe",
        "5",
        "6",
        "7",
        "\x00",
        "4\x00",
        "b4AAAA",
        "\x1e",
        "4\x1e4",
    ),
    *("40/admin,", "40/../,{}", '40/?token=x,{"token":"x"}', "4\U0001f355", "40{" + '"a":{' * 600, f"40{DEEP}"),
]
"""Each breaks a rule of Engine.IO 4 or Socket.IO 5, or comes at the wrong time."""


def bombs(good: str) -> Iterator[str]:
    """What a CONNECT may be told, with and without a good token."""
    for token in (good, "pnt_" + "A" * 43):
        yield json.dumps({"token": token, "filter": {"instances": [f"n{number}" for number in range(300)]}})
        yield json.dumps({"token": token, "filter": {"events": ["messages.*"] * 200}})
        yield json.dumps({"token": token, "cursor": {"a": [1] * 500}})
        yield f'{{"token":"{token}","cursor":{"9" * 3_000}}}'
        yield f'{{"token":"{token}","cursor":1e999}}'
        yield f'{{"token":"{token}","cursor":"\\ud800"}}'
        yield f'{{"token":"{token}","filter":{{"instances":["\\udfff"]}}}}'
        yield f'{{"token":"{token}","x":{"[" * 900}{"]" * 900}}}'
        yield f'{{"token":"{token}","token":["{token}"],"__proto__":{{"token":1}}}}'
        yield f'{{"token":"{token}","filter":NaN}}'
    yield json.dumps({"token": "x" * 3_900})
    yield '{"token":"\\ud800"}'
    yield '{"token":"' + "a." * 1_900 + '"}'
    yield '{"token":"ptk_' + "\\u0000" * 43 + '"}'


@pytest.fixture
async def here(tmp_path: Path, sqlite_file_url: str) -> AsyncIterator[TwoTenants]:
    with logged_to(tmp_path / "gateway.log"):
        async with two_tenants(tmp_path, sqlite_file_url, global_events=True) as opened:
            await opened.house.is_linked(opened.operator_key.secret)
            yield opened
    written = (tmp_path / "gateway.log").read_text()
    levels = {json.loads(told)["level"] for told in written.splitlines()}
    assert "info" in levels
    assert levels <= {"debug", "info", "warning"}
    assert "Traceback" not in written


@contextlib.asynccontextmanager
async def an_honest_one(here: TwoTenants) -> AsyncIterator[PlainSocket]:
    """Somebody who keeps to the rules hears everything while others do not, and afterwards nothing is left of those."""
    async with two_sockets(here) as (client, late):
        yield client
        await late()
    await nobody_is_left(here, within_s=30)
    assert not here.gateway._chores.broken.is_set()
    assert (await here.ask(None, "GET", "/readyz")).status_code == 200
    async with plain_socket(here.url, here.acme.keys["all"].secret) as again:
        assert again.named("ready")
    await nobody_is_left(here)


@contextlib.asynccontextmanager
async def two_sockets(here: TwoTenants) -> AsyncIterator[tuple[PlainSocket, Callable[[], Awaitable[None]]]]:
    async with plain_socket(here.url, here.acme.keys["all"].secret) as client:
        numbers = iter(range(1_000_000))

        async def late() -> None:
            before = client.count
            say(here.simulator, here.acme.instances[0], next(numbers), "still here")
            await client.has(before + 1, within_s=5)
            assert client.goodbye is None

        yield client, late


async def line(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
    """A WebSocket that has been told its session's id."""
    ws = await session.ws_connect(url + PATH, max_msg_size=0)
    assert (await ws.receive_str(timeout=10)).startswith("0{")
    return ws


async def until_closed(ws: aiohttp.ClientWebSocketResponse, within_s: float = 20) -> list[str]:
    """What is said until the end."""
    said: list[str] = []
    async with asyncio.timeout(within_s):
        async for message in ws:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            said.append(message.data)
    return said


async def test_garbage_before_during_and_after_authentication(here: TwoTenants) -> None:
    """I12: whatever it says, a client that breaks the rules hears no event and is closed, or is ignored."""
    secret = here.acme.keys["all"].secret

    async def stranger(session: aiohttp.ClientSession, packet: str) -> None:
        ws = await line(session, here.url)
        with contextlib.suppress(ConnectionError):
            await ws.send_str(packet)
            await ws.send_str("40" + json.dumps({"token": "pnt_" + "B" * 43}))
        said = await until_closed(ws)
        assert not [text for text in said if text.startswith(("42", "40"))], packet

    async def member(session: aiohttp.ClientSession, packet: str) -> None:
        ws = await line(session, here.url)
        await ws.send_str("40" + json.dumps({"token": secret}))
        await ws.receive_str(timeout=10)
        with contextlib.suppress(ConnectionError):
            for _ in range(3):
                await ws.send_str(packet)
            await ws.send_bytes(b"\x00" * 10)
        said = await until_closed(ws)
        assert not [text for text in said if here.beta.organization_id in text], packet

    async with an_honest_one(here), aiohttp.ClientSession() as session:
        await asyncio.gather(*(stranger(session, packet) for packet in PACKETS))
        await asyncio.gather(*(member(session, packet) for packet in PACKETS))


async def test_bombs_in_the_handshake(here: TwoTenants) -> None:
    """Each is refused or taken at once, whatever is in it."""

    async def throw(session: aiohttp.ClientSession, said: str) -> None:
        ws = await line(session, here.url)
        began = asyncio.get_running_loop().time()
        with contextlib.suppress(ConnectionError):
            await ws.send_str("40" + said)
        answer = await ws.receive(timeout=10)
        assert asyncio.get_running_loop().time() - began < 5
        assert answer.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED) or answer.data[:2] in (
            *("40", "44", "41", "1"),
        )
        await ws.close()

    async with an_honest_one(here), aiohttp.ClientSession() as session:
        for said in bombs(here.acme.keys["all"].secret):
            await throw(session, said)


async def test_thousands_of_refused_connections(here: TwoTenants) -> None:
    """I9: nothing grows with those who are turned away, at the door or at the desk, and the others are served."""
    secret = "pnt_" + "C" * 43
    async with an_honest_one(here) as honest, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        before = open_sockets()
        turns = asyncio.Semaphore(50)

        async def knock(number: int) -> None:
            async with turns:
                if number % 4 == 0:
                    async with session.get(here.url + POLLING) as answer:
                        sid = json.loads((await answer.text())[1:])["sid"]
                    address = f"{here.url}{POLLING}&sid={sid}"
                    async with session.post(address, data="40" + json.dumps({"token": secret})) as answer:
                        assert answer.status == 200
                    async with session.get(address) as answer:
                        assert (await answer.text()).startswith("44")
                    await (await session.post(address, data="1")).release()
                else:
                    ws = await line(session, here.url)
                    await ws.send_str("40" + json.dumps({"token": secret}))
                    assert (await ws.receive_str(timeout=20)).startswith("44")
                    await ws.close()

        await asyncio.gather(*(knock(number) for number in range(REFUSED)))
        refused = here.gateway._counters.refused
        assert refused["auth_invalid"] >= REFUSED
        say(here.simulator, here.acme.instances[0], 1, "still heard")
        await honest.has(1, within_s=5)
        await holds("their connections are gone", lambda: open_sockets() <= before + 60)


async def raw(url: str, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TCP connection on which `data` was sent."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(data)
    await writer.drain()
    return reader, writer


def request(line_: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([line_ + " HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode() + body


WEBSOCKET = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: " + "A" * 22 + "==",
)

HALVES = {
    "nothing at all": b"",
    "half a request": b"GET /socket.io/?EIO=4",
    "a request without an end": b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
    "a handshake and silence": request(f"GET {PATH}", *WEBSOCKET),
    "a handshake and half a frame": request(f"GET {PATH}", *WEBSOCKET, body=b"\x81\xfe\x0f\xff"),
    "a polling session and silence": request(f"GET {POLLING}"),
    "a body that does not come": request(f"POST {POLLING}&sid=x", "Content-Length: 1000"),
    "a body of REST that does not come": request(
        "POST /api/session", "Content-Type: application/json", "Content-Length: 99"
    ),
    "a body without a length": request(f"POST {POLLING}&sid=x", "Transfer-Encoding: chunked", body=b"4\r\n40{}"),
    "an enormous length": request(f"POST {POLLING}&sid=x", "Content-Length: 99999999999"),
    "two lengths": request(f"POST {POLLING}&sid=x", "Content-Length: 4", "Content-Length: 5", body=b"40{}"),
    "a length and chunks": request(
        f"POST {POLLING}&sid=x",
        "Content-Length: 4",
        "Transfer-Encoding: chunked",
        body=b"0\r\n\r\nGET /api/events HTTP/1.1\r\n\r\n",
    ),
    "bytes": bytes(range(256)) * 8,
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "a huge header": request(f"GET {POLLING}", "X: " + "x" * 200_000),
    "broken UTF-8 in a frame": request(f"GET {PATH}", *WEBSOCKET, body=b"\x81\x82\x00\x00\x00\x00\xff\xfe"),
    "a frame without a mask": request(f"GET {PATH}", *WEBSOCKET, body=b"\x81\x0240"),
    "a frame of 2^63 bytes": request(f"GET {PATH}", *WEBSOCKET, body=b"\x81\xff" + b"\x7f" + b"\xff" * 7),
    "fragments without an end": request(f"GET {PATH}", *WEBSOCKET, body=b"\x01\x81\x00\x00\x00\x004" * 50),
}


async def test_half_open_and_broken_connections(here: TwoTenants) -> None:
    """Whoever stops in the middle is let go by a deadline; whoever is cut off by the network is too."""
    async with an_honest_one(here):
        opened = [await raw(here.url, data) for data in HALVES.values() for _ in range(3)]
        for number, (_, writer) in enumerate(opened):
            if number % 3 == 0:
                writer.transport.abort()
            elif number % 3 == 1:
                writer.write_eof()
        # A third has gone, a third says no more, and a third waits for what the gateway does.
        await holds(
            "only sockets that keep to the rules are left", lambda: len(here.gateway._live._sessions) <= 1, within_s=30
        )
        for _, writer in opened:
            writer.transport.abort()


async def test_polling_out_of_order(here: TwoTenants) -> None:
    """Foreign and made-up session ids, other versions and methods, JSONP, and two polls at once."""
    async with an_honest_one(here), aiohttp.ClientSession() as session:
        for query in ("&sid=made-up", "&j=0", "&EIO=3", "&sid=" + "x" * 5_000, "&transport=websocket", "&sid=%00%ff"):
            for method in ("GET", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "HEAD"):
                async with session.request(
                    method, here.url + POLLING + query, data=b"40{}" * (method == "POST")
                ) as answer:
                    assert answer.status < 500, (method, query)
        for address in (
            "/socket.io/?EIO=3&transport=polling",
            "/socket.io/?EIO=99",
            "/socket.io",
            "/socket.io/../api/events",
        ):
            async with session.get(here.url + address) as answer:
                assert answer.status < 500
        async with session.get(here.url + POLLING) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        address = f"{here.url}{POLLING}&sid={sid}"
        first, second = asyncio.create_task(session.get(address)), asyncio.create_task(session.get(address))
        for task in (first, second):
            async with asyncio.timeout(15):
                await (await task).release()
        for body in (b"\x1e" * 2_000, b"4" * 4_000, b"\xff\xfe", b"40{}\x1e40{}\x1e40{}", b"4" * 5_000):
            async with session.get(here.url + POLLING) as answer:
                sid = json.loads((await answer.text())[1:])["sid"]
            async with session.post(f"{here.url}{POLLING}&sid={sid}", data=body) as answer:
                assert answer.status < 500, body[:10]


SLOW = {
    "nothing at all": b"",
    "half a head": HALVES["a request without an end"],
    "a body of polling": HALVES["a body that does not come"],
    "a body of REST": HALVES["a body of REST that does not come"],
}


async def test_requests_that_do_not_arrive_are_let_go(here: TwoTenants) -> None:
    """P5: nobody holds a connection by saying too little."""

    async def holds_on(data: bytes) -> bool:
        reader, writer = await raw(here.url, data)
        try:
            async with asyncio.timeout(LET_GO_S):
                while await reader.read(65_536):
                    pass
        except TimeoutError:
            return True
        finally:
            writer.transport.abort()
        return False

    held = await asyncio.gather(*map(holds_on, SLOW.values()))
    assert [kind for kind, is_held in zip(SLOW, held, strict=True) if is_held] == []
