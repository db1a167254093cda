"""The HTTP client against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from ponteio.model import outcome
from ponteio.model.outcome import Outcome, RefusalError
from ponteio.outbound.address_policy import AddressPolicy
from ponteio.outbound.connector import OPERATORS_WORD, Connector
from ponteio.outbound.http_client import HttpClient, HttpOptions, PeerNames, host_and_port

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


async def test_headers_of_one_call_go_with_it_alone_and_say_what_the_body_is() -> None:
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(http(b"", "Retry-After: 120", status="503 Later"))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {}, LOOPBACK)
    more = {"content-type": "application/octet-stream", "x-own": "1"}
    first = await client.request("POST", "/", json=b"x", headers=more)
    second = await client.request("POST", "/", json=b"x")
    await client.close()
    server.close()
    assert (first.status, first.retry_after, second.retry_after) == (503, "120", "120")
    assert "content-type: application/octet-stream" in heads[0]
    assert heads[0].count("content-type") == 1
    assert "x-own: 1" in heads[0]
    assert "x-own" not in heads[1]


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
        (http(b"x", "content-encoding: br"), outcome.UPSTREAM_BAD_ANSWER),
        (http(b"x", "content-encoding: gzip", "content-encoding: gzip"), outcome.UPSTREAM_BAD_ANSWER),
        (http(b"x" * 1001), outcome.UPSTREAM_BAD_ANSWER),
        (http(gzip.compress(b"x" * 1_000_000), "content-encoding: gzip"), outcome.UPSTREAM_BAD_ANSWER),
    ],
    ids=["not HTTP", "hangs up", "half an answer", "broken gzip", "brotli", "gzip twice", "too large", "gzip bomb"],
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


async def test_compression_within_compression_holds_up_nobody() -> None:
    """I7: layers that unpack to nothing would keep the loop busy below every limit of bytes and time."""
    empty = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\0\0\0\xff\xff" * 10_000_000
    bomb = gzip.compress(gzip.compress(empty))
    assert len(bomb) < 10_000
    async with serving(saying(http(bomb, "content-encoding: gzip, gzip, gzip"))) as url:
        began = time.process_time()
        assert (await refusal_of(url)).outcome is outcome.UPSTREAM_BAD_ANSWER
    assert time.process_time() - began < 0.1


async def test_plain_and_once_compressed_answers_are_read() -> None:
    for headers, body in (
        ((), b"whole"),
        (("content-encoding: identity",), b"whole"),
        (("content-encoding: GZIP",), gzip.compress(b"whole")),
    ):
        async with serving(saying(http(body, *headers))) as url:
            client = HttpClient(url, {}, LOOPBACK)
            assert (await client.request("GET", "/")).body == b"whole"
            await client.close()


async def test_nothing_that_a_server_sets_is_kept_for_the_next_call() -> None:
    """A server that sets a new cookie each time would fill the memory, and every later request."""
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(b"{}", "set-cookie: a=b; path=/"))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {}, LOOPBACK)
    for _ in range(2):
        await client.request("GET", "/")
    await client.close()
    server.close()
    assert b"cookie" not in heads[1].lower()


async def test_what_the_environment_says_of_proxies_and_passwords_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """I5: a proxy would see the key."""
    proxied = 0
    heads: list[bytes] = []

    async def proxy(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal proxied
        proxied += 1

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(b"{}"))
        writer.close()

    passwords = tmp_path / "netrc"
    passwords.write_text("default login someone password secret")
    passwords.chmod(0o600)
    monkeypatch.setenv("NETRC", str(passwords))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with serving(proxy) as elsewhere:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere)
            monkeypatch.setenv(name.lower(), elsewhere)
        client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {"apikey": KEY}, LOOPBACK)
        assert (await client.request("GET", "/")).status == 200
        await client.close()
    server.close()
    assert proxied == 0
    assert b"authorization" not in heads[0].lower()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `name.example`, signed by itself, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=name.example"
    files = [
        "-addext",
        "subjectAltName=DNS:name.example",
        "-keyout",
        str(folder / "key.pem"),
        "-out",
        str(folder / "cert.pem"),
    ]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    whole = folder / "whole.pem"
    whole.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return whole


async def test_tls_is_spoken_with_the_name_although_the_address_is_connected_to(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _tls, name, _context: asked.append(name)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            return
        writer.write(http(head))
        writer.close()

    async def resolver(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    options = HttpOptions(connector=Connector(AddressPolicy(allow_private=True), resolver))
    client = HttpClient(f"https://name.example:{port}", {}, options)
    answer = await client.request("GET", "/")
    await client.close()
    assert f"host: name.example:{port}".encode() in answer.body.lower()
    refusal = await refusal_of(f"https://another.example:{port}", options)
    assert "certificate" in refusal.detail
    server.close()
    assert asked == ["name.example", "another.example"]


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


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "http://", "nonsense", "http://[::1", "http://\udcff", "http://a:b@127.0.0.1"]
)
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


async def test_a_user_in_the_address_never_becomes_a_header() -> None:
    asked = 0

    async def count(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1

    async with serving(count) as url:
        refusal = await refusal_of(url.replace("://", "://someone:secret@"), LOOPBACK)
    assert refusal.outcome is outcome.UPSTREAM_UNREACHABLE
    assert "secret" not in refusal.detail
    assert asked == 0


async def test_a_name_server_that_is_silent_costs_no_more_than_a_connection() -> None:
    async def silent(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    options = HttpOptions(connector=Connector(AddressPolicy(), silent), connect_s=0.1)
    assert (await refusal_of("http://name.example", options)).outcome is outcome.UPSTREAM_UNREACHABLE


async def test_texts_name_the_other_side_as_the_caller_does() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    names = PeerNames("The receiver", "its URL", "its secret")
    async with serving(saying(b"")) as gone:
        pass
    async with serving(saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as strange, serving(silent) as slow:
        for url, headers, told in (
            (gone, {}, "The receiver could not be reached. Nothing listens"),
            ("nonsense", {}, "No call can be made to its URL"),
            (strange, {}, "What answers at its URL does not speak HTTP."),
            (strange, {"apikey": "a\nb"}, "its secret holds characters"),
            (slow, {}, "The receiver did not answer in time."),
        ):
            assert told in (await refusal_of(url, replace(QUICK, peer=names), headers)).detail
            assert "Evolution" not in (await refusal_of(url, QUICK, headers)).detail


def test_host_and_port_of_an_address() -> None:
    assert host_and_port("http://evolution:8080/base") == ("evolution", 8080)
    assert host_and_port("https://evolution") == ("evolution", 443)
    assert host_and_port("http://[::1]") == ("::1", 80)
    for bad in ("evolution:8080", "ftp://x", "http://", "http://x:99999", "http://user@x", "http://a:b@x", "http://@x"):
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


async def test_a_server_that_answers_anything_at_all_is_not_spared() -> None:
    """What came was not HTTP, but it came, and at once: a breaker that stayed open for it would never close."""
    hangs = True

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not hangs:
            writer.write(http(b"x" * 1001))

    async with serving(talk) as url:
        client = HttpClient(url, {}, replace(QUICK, breaks=True))
        for number in range(12):
            hangs = number % 4 != 3
            with pytest.raises(RefusalError) as refused:
                await client.request("GET", "/")
            assert "in a row" not in refused.value.detail
        await client.close()


async def test_without_being_told_so_no_server_is_spared() -> None:
    async with serving(saying(b"")) as url:
        client = HttpClient(url, {}, QUICK)
        for _ in range(8):
            with pytest.raises(RefusalError) as refused:
                await client.request("GET", "/")
        await client.close()
    assert "half a minute" not in refused.value.detail


async def test_a_refusal_is_an_answer_too() -> None:
    async with serving(saying(http(b"{}", status="500 No"))) as url:
        client = HttpClient(url, {}, replace(LOOPBACK, breaks=True))
        for _ in range(8):
            assert (await client.request("GET", "/")).status == 500
        await client.close()
