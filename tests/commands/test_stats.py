"""`ponteio stats` against a real gateway, and what it shows of answers."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.support.busy_house import BusyHouse, busy_house
from tests.support.house import holds

from ponteio.commands import stats
from ponteio.commands.stats import StatsOptions, screen, sparkline, stats_until
from ponteio.model.outcome import RefusalError


def shown(body: dict[str, Any]) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(screen(body))
    return console.export_text()


async def test_an_organization_and_an_operator_see_theirs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with busy_house(tmp_path) as here:
        url = here.house.url
        assert await stats_until(StatsOptions(url, here.acme.key), asyncio.Event()) == 0
        said = capsys.readouterr().out
        for text in ("last hour", "21 events", "received → committed", "messages.upsert", "loja-01", "connected"):
            assert text in said, text
        assert "█" in said
        assert await stats_until(StatsOptions(url, here.operator, as_json=True), asyncio.Event()) == 0
        body = json.loads(capsys.readouterr().out)
        assert (body["organizations"], body["window"]) == (2, "1h")
        assert "loja" not in json.dumps(body)
        assert "2 organizations" in shown(body)
        await _narrowed(here, capsys)
        with pytest.raises(RefusalError) as refused:
            await stats_until(StatsOptions(url, "pnt_" + "A" * 43), asyncio.Event())
        assert refused.value.outcome.code == "auth_invalid"


async def _narrowed(here: BusyHouse, capsys: pytest.CaptureFixture[str]) -> None:
    made = await here.house.post("keys", here.acme.key, {"label": "one", "instances": ["loja-02"]})
    assert await stats_until(StatsOptions(here.house.url, made["api_key"]), asyncio.Event()) == 0
    said = capsys.readouterr().out
    assert "loja-02" in said
    assert "loja-01" not in said


async def test_watching_goes_on_over_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "WATCH_S", 0.05)
    stop = asyncio.Event()

    def lines() -> int:
        said.extend(capsys.readouterr().out.splitlines())
        return len(said)

    said: list[str] = []
    async with busy_house(tmp_path) as here:
        options = StatsOptions(here.house.url, here.acme.key, as_json=True, watch=True)
        watching = asyncio.create_task(stats_until(options, stop))
        await holds("it is shown again", lambda: lines() >= 3)
        await here.house.stop()
        before = lines()
        await holds("the last answer is shown while there is no other", lambda: lines() >= before + 2)
        await here.house.start()
        stop.set()
        assert await watching == 0
    assert all(json.loads(line)["events"] >= 21 for line in said)


async def test_a_screen_is_drawn_again_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "WATCH_S", 0.05)
    out, stop = io.StringIO(), asyncio.Event()
    terminal = Console(file=out, force_terminal=True, width=100)
    async with busy_house(tmp_path) as here:
        options = StatsOptions(here.house.url, here.acme.key, watch=True)
        watching = asyncio.create_task(stats_until(options, stop, terminal))
        await holds("it is drawn again", lambda: out.getvalue().count("last hour") >= 2)
        await here.house.stop()
        await holds("it is told that there is no answer", lambda: "gateway" in out.getvalue())
        await here.house.start()
        stop.set()
        assert await asyncio.wait_for(watching, 10) == 0


async def test_without_a_gateway_or_a_key_it_ends_with_a_sentence(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PONTEIO_")}

    async def run(*words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ponteio", "stats", *words),
            cwd=tmp_path,
            env=environment,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        return process.returncode, err.decode()

    assert await run() == (2, "ponteio: no API key: give --key or set PONTEIO_API_KEY\n")
    status, said = await run("--key", "pnt_x", "--url", "http://127.0.0.1:9")
    assert status == 1
    assert said.startswith("ponteio: ")
    assert said.endswith("[upstream_unreachable]\n")


def body(**more: Any) -> dict[str, Any]:
    empty = ("events", "events_per_minute", "early", "latency", "most_common", "held", "refused", "series", "sockets")
    return {
        "window": "24h",
        "until": "2026-11-24T12:00:00.000Z",
        "links": {"total": 1, "by_state": {"connected": 1}},
        "gaps": {"link_down": {"count": 2, "lasting": 1, "seconds": 90.4}, "oversize": {"count": 0}},
        "reconnects": None,
        "reconnects_per_hour": None,
        **dict.fromkeys(empty),
        **more,
    }


def test_names_are_shown_as_they_are_and_move_no_cursor() -> None:
    name = "[red]loja[/red] \x1b[2Kforged"
    instance = {"name": name, "link": "connected", "events": None, "reconnects": 1}
    text = shown(body(instances=[instance]))
    assert "[red]loja[/red]" in text
    assert "\x1b" not in text
    assert "link_down   2 (1 now, 90 s)" in text
    assert "oversize" not in text


def test_a_sparkline_has_a_bar_for_each_value_and_shares_columns() -> None:
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "  "
    assert sparkline([0, 1, 4, 8]) == " ▁▄█"
    assert sparkline([1] * 59 + [8] + [0] * 60, columns=60)[29] == "█"
    assert len(sparkline(range(1_000))) == 60


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=300), st.integers(1, 80))
def test_what_is_not_zero_is_seen(values: list[int], columns: int) -> None:
    line = sparkline(values, columns)
    assert len(line) == min(len(values), columns)
    assert ("█" in line) == any(values)
    assert (line.strip() == "") == (not any(values))
    if len(values) <= columns:
        assert [bar == " " for bar in line] == [value == 0 for value in values]
