"""Answers that go on: given up with their reader, and with the right to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from ponteio.api import long_answer
from ponteio.api.long_answer import Handed, LongAnswer


class Client:
    """Reads while it may; hangs up when told to."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.messages: list[Any] = []
        self.aborted = 0

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.may_read.wait()
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def is_whole(self) -> bool:
        return self.messages[-1].get("more_body") is False

    def abort(self) -> None:
        self.aborted += 1


class Source:
    """Pieces, and whether somebody still holds them."""

    def __init__(self, amount: int, error: Exception | None = None) -> None:
        self.is_closed = False
        self.ended = asyncio.Event()
        self.ends = 0
        self._amount = amount
        self._error = error

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(self._amount):
                yield b"%d." % number
                await asyncio.sleep(0)
            if self._error is not None:
                raise self._error
        finally:
            self.is_closed = True

    def over(self) -> None:
        self.ends += 1

    def answer(self) -> LongAnswer:
        return LongAnswer(
            self.pieces(), ended=self.ended.wait, on_end=self.over, media_type="text/plain", headers={"x-a": "b"}
        )


def scope(client: Client) -> Any:
    return {"type": "http", "extensions": {"ponteio.abort": client.abort}}


async def test_all_pieces_in_order() -> None:
    client, source = Client(), Source(3)
    await source.answer()(scope(client), client.receive, client.send)
    assert client.body == b"0.1.2."
    assert client.is_whole
    start = client.messages[0]
    assert start["status"] == 200
    assert (b"x-a", b"b") in start["headers"]
    assert b"content-length" not in dict(start["headers"])
    assert (source.is_closed, source.ends, client.aborted) == (True, 1, 0)


async def eventually(condition: Callable[[], object]) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen")


async def test_a_reader_that_goes_ends_it() -> None:
    client, source = Client(), Source(1_000_000)
    serving = asyncio.create_task(source.answer()(scope(client), client.receive, client.send))
    await eventually(lambda: len(client.messages) > 5)
    client.gone.set()
    await asyncio.wait_for(serving, 5)
    assert (source.is_closed, source.ends, client.is_whole) == (True, 1, False)


async def test_a_reader_that_stands_still_when_its_right_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10."""
    monkeypatch.setattr(long_answer, "GRACE_S", 0.05)
    client, source = Client(), Source(1_000_000)
    serving = asyncio.create_task(source.answer()(scope(client), client.receive, client.send))
    await eventually(lambda: len(client.messages) > 5)
    client.may_read.clear()
    source.ended.set()
    await asyncio.wait_for(serving, 5)
    assert (source.is_closed, source.ends, client.aborted) == (True, 1, 1)


async def test_an_answer_that_ends_in_time_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    client, source = Client(), Source(3)
    source.ended.set()
    await source.answer()(scope(client), client.receive, client.send)
    assert (client.is_whole, client.aborted) == (True, 0)


async def test_a_fault_comes_out_and_everything_is_closed() -> None:
    client, source = Client(), Source(2, RuntimeError("fault"))
    with pytest.raises(RuntimeError, match="fault"):
        await source.answer()(scope(client), client.receive, client.send)
    assert (source.is_closed, source.ends) == (True, 1)


async def test_a_cancelled_answer_leaves_nothing() -> None:
    client, source = Client(), Source(1_000_000)
    serving = asyncio.create_task(source.answer()({"type": "http"}, client.receive, client.send))
    await eventually(lambda: len(client.messages) > 5)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert (source.is_closed, source.ends) == (True, 1)


async def test_an_answer_that_is_another_application() -> None:
    client = Client()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    await Handed(app)(scope(client), client.receive, client.send)
    assert client.messages[0]["status"] == 204
