from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.webhook_receiver import Receiver, answering, flooding, receiver, resetting, silent

from ponteio.model.outcome import ADDRESS_REFUSED, RefusalError
from ponteio.notify.attempt import Ending
from ponteio.notify.http_post import HttpPost, PostOptions, checked_url, host_of, origin_of
from ponteio.outbound.address_policy import AddressPolicy
from ponteio.outbound.connector import OPERATORS_WORD, Connector

LOOPBACK = PostOptions(connector=OPERATORS_WORD, total_s=1.0)


@pytest.mark.parametrize(
    ("behaviour", "ending", "retry"),
    [
        (answering(200), Ending.DELIVERED, False),
        (answering(500), Ending.REJECTED, True),
        (answering(410), Ending.GONE, False),
        (silent, Ending.TIMEOUT, True),
        (resetting, Ending.UNREACHABLE, True),
        (flooding, Ending.BAD_ANSWER, True),
    ],
)
async def test_each_way_to_end_has_its_name(behaviour: object, ending: Ending, retry: bool) -> None:
    async with receiver() as server:
        server.behave = behaviour  # type: ignore[assignment]
        post = HttpPost(LOOPBACK)
        attempt = await post.post(server.url, b"{}", {"x-own": "1"})
        await post.close()
        assert (attempt.ending, attempt.retry) == (ending, retry)
        assert server.url not in attempt.detail
        assert server.calls[0].headers["x-own"] == "1"
        assert server.calls[0].headers["content-type"] == "application/json"


async def test_nobody_listens() -> None:
    async with receiver() as server:
        url = server.url
    post = HttpPost(LOOPBACK)
    assert (await post.post(url, b"{}", {})).ending is Ending.UNREACHABLE
    await post.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_private_addresses_are_out_of_bounds_unless_the_operator_names_the_host(name: str) -> None:
    async with receiver() as server:
        url = f"http://{name}:{server.port}/"
        for hosts, ending in (
            ((), Ending.ADDRESS_REFUSED),
            (("other",), Ending.ADDRESS_REFUSED),
            ((f"{name}:1",), Ending.ADDRESS_REFUSED),
            ((name,), Ending.DELIVERED),
            ((f"{name}:{server.port}",), Ending.DELIVERED),
        ):
            post = HttpPost(PostOptions(private_hosts=hosts))
            attempt = await post.post(url, b"{}", {})
            await post.close()
            assert attempt.ending is ending, hosts
            assert not attempt.retry
        assert len(server.calls) == 2


async def test_a_host_that_the_operator_named_is_no_way_to_metadata() -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254"]

    options = PostOptions(private_hosts=("n8n",), private=Connector(AddressPolicy(allow_private=True), resolver))
    post = HttpPost(options)
    assert (await post.post("http://n8n/", b"{}", {})).ending is Ending.ADDRESS_REFUSED
    await post.close()


def test_an_address_in_numbers_is_refused_at_once() -> None:
    post = HttpPost(PostOptions(private_hosts=("10.0.0.5:5678",)))
    post.check_literal("http://10.0.0.5:5678/x")
    post.check_literal("https://n8n.example/x")
    post.check_literal("https://1.1.1.1/")
    for url in ("http://10.0.0.5/x", "https://127.0.0.1/", "http://[::1]:80/", "http://169.254.169.254/"):
        with pytest.raises(RefusalError) as refused:
            post.check_literal(url)
        assert refused.value.outcome is ADDRESS_REFUSED


async def test_clients_of_many_servers_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.notify.http_post._CLIENTS", 2)
    post = HttpPost(LOOPBACK)
    servers: list[Receiver] = []

    async def one() -> None:
        async with receiver() as server:
            servers.append(server)
            assert (await post.post(server.url, b"{}", {})).is_delivered

    for _ in range(4):
        await one()
    assert len(post._clients) == 2
    await post.close()
    assert not post._clients


async def test_one_that_is_being_used_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.notify.http_post._CLIENTS", 1)
    post = HttpPost(LOOPBACK)
    async with receiver() as slow, receiver() as quick:
        go_on = asyncio.Event()

        async def later(_call: object, writer: asyncio.StreamWriter) -> None:
            await go_on.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        slow.behave = later
        waiting = asyncio.create_task(post.post(slow.url, b"{}", {}))
        await slow.has(1)
        assert (await post.post(quick.url, b"{}", {})).is_delivered
        go_on.set()
        assert (await waiting).is_delivered
        await post.close()


async def test_https_is_trusted_as_it_should_be(tmp_path: Path) -> None:
    async with receiver(tmp_path) as server:
        trusting = HttpPost(PostOptions(connector=OPERATORS_WORD, tls=server.tls))
        assert (await trusting.post(server.url, b"{}", {})).is_delivered
        careful = HttpPost(LOOPBACK)
        assert "certificate" in (await careful.post(server.url, b"{}", {})).detail
        await trusting.close()
        await careful.close()


GOOD = [
    "https://a.example",
    "http://a.example:8080/x?y=1",
    "https://[2001:db8::1]/",
    "https://a_b.example./?q",
    "http://n8n",
]
BAD = [
    *("", "ftp://a.example", "https://", "https://user:pw@a.example", "https://a.example/ x", "https://a.example/é"),
    *("https://a.example:0/", "https://a.example:65536", "https://a.example:", "https://a.example/#x", "//a.example"),
    *(
        "https://a.example\\@b.example/",
        "https://-a.example",
        "HTTPS://a.example",
        "https://a.example\n",
        "javascript:1",
    ),
    "https://a.example/" + "x" * 2_048,
]


@pytest.mark.parametrize("url", GOOD)
def test_addresses_of_the_web(url: str) -> None:
    assert checked_url(url) == url
    if url.startswith("http:"):
        with pytest.raises(ValueError, match="https"):
            checked_url(url, https_only=True)
    else:
        assert checked_url(url, https_only=True) == url


@pytest.mark.parametrize("url", BAD)
def test_what_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="must") as error:
        checked_url(url)
    assert len(url) < 9 or url not in str(error.value)


@given(st.text(max_size=40), st.sampled_from(["", "/", "?", "#", "/a?b"]))
def test_an_origin_and_the_rest_are_the_whole(host: str, rest: str) -> None:
    url = f"https://{host}{rest}"
    assert url.startswith(origin_of(url))
    assert not set(origin_of(url).removeprefix("https://")) & set("/?#")


def test_a_host_has_its_port() -> None:
    assert host_of("https://Push.Example:8443/x") == "push.example:8443"
    assert host_of("https://push.example?x") == "push.example"
