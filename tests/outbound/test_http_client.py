"""The HTTP client against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest

from ponteio.model import outcome
from ponteio.model.outcome import Outcome, RefusalError
from ponteio.outbound.connector import OPERATORS_WORD
from ponteio.outbound.http_client import HttpClient, HttpOptions, host_and_port

KEY = "canary-key-0123456789"
LOOPBACK = HttpOptions(connector=OPERATORS_WORD)
QUICK = HttpOptions(connector=OPERATORS_WORD, connect_s=0.3, total_s=0.5, max_body=1000)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[str]:
    """A TCP server that reads a request's head and then talks as told."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def saying(raw: bytes) -> Talk:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return talk


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def refusal_of(url: str, options: HttpOptions = QUICK, headers: dict[str, str] | None = None) -> RefusalError:
    client = HttpClient(url, headers or {"apikey": KEY}, options)
    try:
        with pytest.raises(RefusalError) as caught:
            await client.request("GET", "/x")
    finally:
        await client.close()
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


async def test_the_answer_comes_whole_with_its_type_in_lower_case() -> None:
    async with serving(saying(http(b"{}", "Content-Type: Application/JSON; charset=utf-8"))) as url:
        client = HttpClient(url + "/", {"apikey": KEY}, LOOPBACK)
        answer = await client.request("GET", "/x")
        await client.close()
    assert (answer.status, answer.content_type, answer.body) == (200, "application/json", b"{}")


async def test_the_key_travels_in_its_header_and_only_there() -> None:
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(b"{}"))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {"apikey": KEY}, LOOPBACK)
    await client.request("POST", "/a%2Fb?x=1", json=b"{}")
    await client.close()
    server.close()
    head = heard[0].decode()
    assert head.startswith("POST /a%2Fb?x=1 HTTP/1.1\r\n")
    assert head.count(KEY) == 1
    assert f"apikey: {KEY}" in head
    assert "content-type: application/json" in head.lower()


async def test_a_redirect_is_not_followed_so_that_the_key_does_not_go_along() -> None:
    """I5: the apikey header would follow."""
    asked = 0

    async def count(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1

    async with serving(count) as elsewhere:
        redirect = http(b"", f"location: {elsewhere}/steal", status="302 Found")
        async with serving(saying(redirect)) as url:
            client = HttpClient(url, {"apikey": KEY}, LOOPBACK)
            answer = await client.request("GET", "/")
            await client.close()
    assert answer.status == 302
    assert asked == 0


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", outcome.UPSTREAM_BAD_ANSWER),
        (b"", outcome.UPSTREAM_UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf", outcome.UPSTREAM_UNREACHABLE),
        (http(b"not gzip", "content-encoding: gzip"), outcome.UPSTREAM_BAD_ANSWER),
        (http(b"x" * 1001), outcome.UPSTREAM_BAD_ANSWER),
        (http(gzip.compress(b"x" * 1_000_000), "content-encoding: gzip"), outcome.UPSTREAM_BAD_ANSWER),
    ],
    ids=["not HTTP", "hangs up", "half an answer", "broken gzip", "too large", "gzip bomb"],
)
async def test_what_is_not_a_whole_answer_is_refused_by_name(raw: bytes, expected: Outcome) -> None:
    async with serving(saying(raw)) as url:
        assert (await refusal_of(url)).outcome is expected


async def test_twenty_megabytes_are_refused_without_being_held() -> None:
    sent = 0

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        while sent < 20 * 2**20:
            writer.write(chunk)
            await writer.drain()
            sent += 65536

    async with serving(flood) as url:
        refusal = await refusal_of(url, HttpOptions(max_body=4 * 2**20, connector=OPERATORS_WORD))
    assert refusal.outcome is outcome.UPSTREAM_BAD_ANSWER
    assert "larger than" in refusal.detail
    assert sent < 20 * 2**20


async def test_a_larger_limit_can_be_given_for_one_call() -> None:
    async with serving(saying(http(b"x" * 2000))) as url:
        client = HttpClient(url, {}, QUICK)
        assert len((await client.request("GET", "/", max_body=5000)).body) == 2000
        await client.close()


async def test_silence_ends_with_a_timeout() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as url:
        assert (await refusal_of(url)).outcome is outcome.UPSTREAM_TIMEOUT


async def test_a_drip_ends_with_a_timeout_although_every_byte_is_in_time() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n")
        for _ in range(900):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as url:
        assert (await refusal_of(url)).outcome is outcome.UPSTREAM_TIMEOUT


async def test_a_refused_connection_and_a_name_that_does_not_resolve_are_unreachable() -> None:
    async with serving(saying(b"")) as url:
        pass
    refusal = await refusal_of(url)
    assert refusal.outcome is outcome.UPSTREAM_UNREACHABLE
    assert "Nothing listens" in refusal.detail
    refusal = await refusal_of("http://no-such-host.invalid")
    assert refusal.outcome is outcome.UPSTREAM_UNREACHABLE
    assert "resolve" in refusal.detail


async def test_an_address_that_swallows_connections_is_unreachable_rather_than_slow() -> None:
    def swallow(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectTimeout("")

    refusal = await refusal_of("http://evolution", HttpOptions(transport=httpx2.MockTransport(swallow)))
    assert refusal.outcome is outcome.UPSTREAM_UNREACHABLE
    assert "firewall" in refusal.detail


async def test_of_several_addresses_that_fail_the_first_one_is_told() -> None:
    def fail(_request: httpx2.Request) -> httpx2.Response:
        several = ExceptionGroup("all", [ConnectionRefusedError(), OSError("no route")])
        raise httpx2.ConnectError("all attempts failed") from several

    refusal = await refusal_of("http://evolution", HttpOptions(transport=httpx2.MockTransport(fail)))
    assert "Nothing listens" in refusal.detail


async def test_plain_http_behind_https_says_so() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(http(b"", status="400 Bad Request"))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    refusal = await refusal_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    assert refusal.outcome is outcome.UPSTREAM_UNREACHABLE
    assert "http://" in refusal.detail


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "nonsense", "http://[::1"])
async def test_an_impossible_address_is_unreachable(url: str) -> None:
    assert (await refusal_of(url)).outcome is outcome.UPSTREAM_UNREACHABLE


async def test_a_key_that_no_header_can_carry_is_not_repeated() -> None:
    """I5: the library's own text would repeat it."""
    async with serving(saying(http(b"{}"))) as url:
        refusal = await refusal_of(url, headers={"apikey": f"{KEY}\nx"})
    assert refusal.outcome is outcome.UPSTREAM_AUTH_FAILED


async def test_no_more_than_eight_calls_are_open_at_a_time() -> None:
    open_now = most = 0
    all_in = asyncio.Event()

    async def slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        if open_now == 8:
            all_in.set()
        await all_in.wait()
        await asyncio.sleep(0)
        open_now -= 1
        writer.write(http(b"{}"))
        await writer.drain()

    async with serving(slow) as url:
        client = HttpClient(url, {}, LOOPBACK)
        await asyncio.gather(*(client.request("GET", "/") for _ in range(24)))
        await client.close()
    assert most == 8


async def test_a_closed_client_opens_again_when_it_is_used() -> None:
    async with serving(saying(http(b"{}"))) as url:
        client = HttpClient(url, {}, LOOPBACK)
        await client.close()
        assert (await client.request("GET", "/")).status == 200
        await client.close()
        assert (await client.request("GET", "/")).status == 200
        await client.close()


def test_host_and_port_of_an_address() -> None:
    assert host_and_port("http://evolution:8080/base") == ("evolution", 8080)
    assert host_and_port("https://evolution") == ("evolution", 443)
    assert host_and_port("http://[::1]") == ("::1", 80)
    for bad in ("evolution:8080", "ftp://x", "http://", "http://x:99999"):
        with pytest.raises(ValueError):  # noqa: PT011 - the kind is the contract
            host_and_port(bad)


async def test_a_server_that_does_not_answer_is_spared_for_a_while() -> None:
    """I7: whoever would wait for it is told at once."""
    asked = 0

    async def count(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1

    async with serving(count) as url:
        client = HttpClient(url, {}, replace(LOOPBACK, breaks=True))
        for _ in range(8):
            with pytest.raises(RefusalError) as refused:
                await client.request("GET", "/")
            assert refused.value.outcome is outcome.UPSTREAM_UNREACHABLE
        await client.close()
    assert asked == 5
    assert "half a minute" in refused.value.detail


async def test_a_refusal_is_an_answer_too() -> None:
    async with serving(saying(http(b"{}", status="500 No"))) as url:
        client = HttpClient(url, {}, replace(LOOPBACK, breaks=True))
        for _ in range(8):
            assert (await client.request("GET", "/")).status == 500
        await client.close()
