"""A probe says what it found in words, in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.evolution_peer import evolution_peer
from tests.support.raw_websocket import OPEN, RawSocket, http, open_sockets, raw_server
from tests.support.simulator import until

from ponteio.model.link import CheckStep
from ponteio.upstream.link_probe import probe_link


@pytest.fixture(autouse=True)
async def _nothing_is_left_open() -> AsyncIterator[None]:
    before, tasks = open_sockets(), len(asyncio.all_tasks())
    yield
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) <= tasks, timeout_s=3)


def verdicts(steps: list[CheckStep]) -> list[tuple[str, bool | None]]:
    return [(step.step, step.ok) for step in steps]


@pytest.mark.node
async def test_a_namespace_is_joined_or_pending_and_nothing_is_left_behind() -> None:
    async with evolution_peer(key="right") as peer:
        pending = await probe_link(peer.url, "right", "/alpha")
        assert verdicts(pending) == [("handshake", True), ("namespace", True)]
        assert pending[1].hint is not None
        await peer.tell("burst", instance="alpha", count=1)
        for namespace in ("/", "/alpha"):
            joined = await probe_link(peer.url, "right", namespace)
            assert verdicts(joined) == [("handshake", True), ("namespace", True)]
            assert joined[1].hint is None
        while (await peer.state())["tcp"]:
            pass
        assert await peer.joined("/alpha") == 0


@pytest.mark.node
async def test_a_wrong_key_and_a_server_without_websocket_are_told_apart() -> None:
    async with evolution_peer(key="right") as peer:
        wrong = await probe_link(peer.url, "wrong", "/")
        assert verdicts(wrong) == [("handshake", False), ("namespace", None)]
        assert "EVOLUTION_API_KEY" in wrong[0].detail
        assert "wrong" not in repr(wrong)
        assert wrong[0].hint is not None
        await peer.tell("down")
        await peer.tell("set", options={"disabled": True})
        await peer.tell("up")
        disabled = await probe_link(peer.url, "right", "/")
        assert verdicts(disabled) == [("handshake", False), ("namespace", None)]
        assert "WEBSOCKET_ENABLED=true" in str(disabled[0].hint)


async def test_a_name_with_a_comma_fails_its_own_step() -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.open()
        await peer.hang()

    async with raw_server(serve) as url:
        steps = await probe_link(url, "", "/a,b")
    assert verdicts(steps) == [("handshake", True), ("namespace", False)]
    assert "global" in str(steps[1].hint)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (http("502 Bad Gateway", b"<html>"), "proxy"),
        (http("404 Not Found", b"<html>"), "browser"),
        (http("200 OK", b"<html>"), "browser"),
        (http("301 Moved", b"", "Location: /"), "Redirects"),
        (b"not http\r\n", None),
    ],
)
async def test_what_is_found_in_place_of_a_websocket_has_a_hint(answer: bytes, hint: str | None) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.request()
        peer.send(answer)

    async with raw_server(serve) as url:
        steps = await probe_link(url, "", "/")
    assert verdicts(steps) == [("handshake", False), ("namespace", None)]
    assert (steps[0].hint is None) if hint is None else hint in str(steps[0].hint)


async def test_nobody_at_home() -> None:
    async with raw_server(lambda peer: peer.hang()) as url:
        pass
    steps = await probe_link(url, "", "/")
    assert verdicts(steps) == [("handshake", False), ("namespace", None)]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["garbage"], [("handshake", False), ("namespace", None)]),
        ([OPEN, "1"], [("handshake", True), ("namespace", False)]),
        ([OPEN, '44{"message":"go away"}'], [("handshake", True), ("namespace", False)]),
        ([OPEN, "41"], [("handshake", True), ("namespace", False)]),
        ([OPEN, '42["early"]', "40"], [("handshake", True), ("namespace", True)]),
    ],
)
async def test_what_a_server_says_decides_each_step(
    messages: list[str], expected: list[tuple[str, bool | None]]
) -> None:
    async def serve(peer: RawSocket) -> None:
        await peer.upgrade()
        for message in messages:
            peer.text(message)
        await peer.hang()

    async with raw_server(serve) as url:
        assert verdicts(await probe_link(url, "", "/")) == expected


@pytest.mark.parametrize("stage", ["accept", "upgrade", "open"])
async def test_a_server_that_does_not_answer_is_left_in_time(stage: str) -> None:
    async def serve(peer: RawSocket) -> None:
        if stage == "upgrade":
            await peer.upgrade()
        elif stage == "open":
            await peer.open()
        await peer.hang()

    async with raw_server(serve) as url:
        async with asyncio.timeout(2):
            steps = await probe_link(url, "", "/", timeout_s=0.3)
    passed = stage == "open"
    assert verdicts(steps) == [("handshake", passed), ("namespace", False if passed else None)]
