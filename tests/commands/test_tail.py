"""Tail against a gateway that restarts, refuses and says goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import pytest

from ponteio.commands import runner
from ponteio.commands.demo import DemoNotes, DemoOptions, demo
from ponteio.commands.tail import TailOptions, tail_until


async def _with_demo(folder: Path, rate: float, work: object) -> None:
    options = DemoOptions(port=0, data=folder, instances=2, rate=rate, mode="global")
    await asyncio.wait_for(demo(options, asyncio.Event(), work), 40)  # type: ignore[arg-type]


async def test_continues_after_a_cursor_without_loss(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def show(notes: DemoNotes) -> None:
        first = TailOptions(notes.url, notes.api_key, count=3, as_json=True)
        assert await tail_until(first, asyncio.Event()) == 0
        out, err = capfdbinary.readouterr()
        cursor = err.decode().split("--after ")[1].strip()
        last = json.loads(out.splitlines()[-1])["seq"]
        await asyncio.sleep(0.3)
        second = TailOptions(notes.url, notes.api_key, after=cursor, count=3, as_json=True)
        assert await tail_until(second, asyncio.Event()) == 0
        out, _ = capfdbinary.readouterr()
        assert [json.loads(line)["seq"] for line in out.splitlines()] == [last + 1, last + 2, last + 3]

    await _with_demo(tmp_path, 40.0, show)


async def test_filters_are_the_servers(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def show(notes: DemoNotes) -> None:
        options = TailOptions(
            notes.url, notes.api_key, instances=("loja-02",), events=("messages.*",), count=2, as_json=True
        )
        assert await tail_until(options, asyncio.Event()) == 0
        events = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
        assert {event["instance"] for event in events} == {"loja-02"}
        assert all(event["event"].startswith("messages.") for event in events)

    await _with_demo(tmp_path, 40.0, show)


async def test_wrong_key_ends_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def show(notes: DemoNotes) -> None:
        options = TailOptions(notes.url, "pnt_wrong", as_json=True)
        assert await asyncio.wait_for(tail_until(options, asyncio.Event()), 10) == 1
        assert "[auth_invalid]" in capsys.readouterr().err

    await _with_demo(tmp_path, 0.0, show)


@pytest.mark.parametrize("after", ["00000000-7", "nonsense"])
async def test_cursor_that_cannot_be_continued_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], after: str
) -> None:
    async def show(notes: DemoNotes) -> None:
        options = TailOptions(notes.url, notes.api_key, after=after, count=1, as_json=True)
        assert await asyncio.wait_for(tail_until(options, asyncio.Event()), 20) == 1
        said = capsys.readouterr()
        assert f"no continuing after {after}" in said.err
        assert said.out == ""

    await _with_demo(tmp_path, 40.0, show)


async def test_event_that_could_not_be_printed_comes_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def show(notes: DemoNotes) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as gone, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", gone)
            with pytest.raises(BrokenPipeError):
                await tail_until(TailOptions(notes.url, notes.api_key, as_json=True), asyncio.Event())
            with contextlib.suppress(BrokenPipeError):
                gone.close()
        cursor = capsys.readouterr().err.split("--after ")[1].strip()
        again = TailOptions(notes.url, notes.api_key, after=cursor, count=1, as_json=True)
        assert await tail_until(again, asyncio.Event()) == 0
        event = json.loads(capsys.readouterr().out)
        assert event["seq"] == int(cursor.split("-")[1]) + 1

    await _with_demo(tmp_path, 40.0, show)


async def test_waits_for_a_gateway_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(tail_until(TailOptions("http://127.0.0.1:9", "pnt_x", as_json=True), stop))
    said = ""
    while "coming back" not in said:
        await asyncio.sleep(0.02)
        said += capsys.readouterr().err
    stop.set()
    assert await asyncio.wait_for(task, 10) == 0


async def test_lines_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def show(notes: DemoNotes) -> None:
        options = TailOptions(notes.url, notes.api_key, events=("messages.upsert",), count=1)
        assert await tail_until(options, asyncio.Event()) == 0
        out = capsys.readouterr().out
        assert "messages.upsert" in out
        assert "•••" in out

    await _with_demo(tmp_path, 40.0, show)


def test_unusable_address_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        runner.run(tail_until(TailOptions("localhost:3001", "pnt_x"), asyncio.Event()))
    assert caught.value.code == 1
    assert "address" in capsys.readouterr().err
