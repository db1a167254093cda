"""The demo: simulator, gateway and tail in one process, and what it leaves behind."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from ponteio.commands.demo import NOTES, DemoNotes, DemoOptions, demo
from ponteio.commands.demo_screen import DemoScreen
from ponteio.commands.tail import TailOptions, tail_until


def options(folder: Path, mode: str = "global") -> DemoOptions:
    return DemoOptions(port=0, data=folder, instances=3, rate=40.0, mode=mode)


@pytest.mark.parametrize("mode", ["global", "traditional"])
async def test_events_flow_and_notes_are_written(
    tmp_path: Path, mode: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    async def show(notes: DemoNotes) -> None:
        found = json.loads((tmp_path / NOTES).read_text())
        assert found == {
            "url": notes.url,
            "api_key": notes.api_key,
            "operator_key": notes.operator_key,
            "organization": notes.organization,
            "operator": notes.operator,
            "admin": notes.admin,
            "simulator": notes.simulator,
        }
        assert stat.S_IMODE((tmp_path / NOTES).stat().st_mode) == 0o600
        tail = TailOptions(notes.url, notes.api_key, count=5, as_json=True)
        assert await asyncio.wait_for(tail_until(tail, asyncio.Event()), 20) == 0

    await asyncio.wait_for(demo(options(tmp_path, mode), asyncio.Event(), show), 40)
    captured = capfdbinary.readouterr()
    events = [json.loads(line) for line in captured.out.splitlines()]
    assert len(events) == 5
    assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + 5))
    assert f"--after {events[-1]['cursor']}".encode() in captured.err


async def test_second_start_keeps_keys_and_events(tmp_path: Path) -> None:
    seen: list[DemoNotes] = []

    async def show(notes: DemoNotes) -> None:
        seen.append(notes)

    for _ in range(2):
        await asyncio.wait_for(demo(options(tmp_path), asyncio.Event(), show), 30)
    first, second = seen
    assert (first.api_key, first.operator_key, first.organization) == (
        second.api_key,
        second.operator_key,
        second.organization,
    )


async def test_told_to_stop_it_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    screen = DemoScreen(options(tmp_path), tail=True)
    running = asyncio.create_task(demo(options(tmp_path), stop, screen.show))
    while not (tmp_path / NOTES).exists():
        await asyncio.sleep(0.02)
    stop.set()
    await asyncio.wait_for(running, 20)
    remaining = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert remaining == []
