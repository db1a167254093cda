"""`ponteio logs` against a real gateway over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House, Tenant
from tests.support.house import house as a_house
from tests.support.simulator import until

from ponteio.commands import logs
from ponteio.commands.logs import LogsOptions, logs_until, moment_of, place_of, words_of
from ponteio.eventlog.journal_buffer import SINGLE, JournalBuffer
from ponteio.eventlog.link_journal import LinkJournal
from ponteio.model.journal import JournalKind, JournalNote
from ponteio.model.outcome import AUTH_INVALID, INVALID_REQUEST, UPSTREAM_UNREACHABLE, RefusalError

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
LOST = JournalKind.LINK_LOST


@dataclass
class Desk:
    """A gateway that dials nothing, so that its journal holds what a test puts there."""

    house: House
    tenant: Tenant
    buffer: JournalBuffer

    @property
    def journal(self) -> LinkJournal:
        assert self.house.gateway is not None
        return self.house.gateway._base.journal

    async def note(self, kind: JournalKind, at_s: float, instance: str | None = "loja-01", **more: Any) -> None:
        at = NOW + timedelta(seconds=at_s)
        self.buffer.add(JournalNote(kind, at, self.tenant.organization_id, "main", instance, **more))
        drafts = self.buffer.take(10)
        self.buffer.written(drafts, await self.journal.write(drafts))

    def options(self, **more: Any) -> LogsOptions:
        return LogsOptions(**{"url": self.house.url, "api_key": self.tenant.key, "as_json": True, **more})


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Desk]:
    database = f"sqlite:///{folder / 'house.db'}"
    settings: dict[str, Any] = {"url": "http://127.0.0.1:9", "key": "a-key-that-nobody-uses", "global_events": False}
    async with a_house(folder, database, **settings, WEBSOCKET_ENABLED=False) as house:
        await house.start()
        yield Desk(house, await house.tenant("Ours", "loja-01", "loja-02"), JournalBuffer())


def shown(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


async def test_the_newest_are_shown_oldest_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PAGE", 3)
    async with opened(tmp_path) as desk:
        for number in range(10):
            await desk.note(LOST, number, f"loja-0{1 + number % 2}", reason="transport_closed")
        stop = asyncio.Event()
        assert await logs_until(desk.options(limit=7), stop) == 0
        seen = [one["at"] for one in shown(capsys)]
        assert len(seen) == 7
        assert seen == sorted(seen)
        await logs_until(desk.options(instance="loja-02", kinds=("link.*",)), stop)
        assert {one["instance"] for one in shown(capsys)} == {"loja-02"}
        await logs_until(desk.options(since=(NOW + timedelta(seconds=8)).isoformat(), server="main"), stop)
        assert len(shown(capsys)) == 2
        await logs_until(desk.options(as_json=False, limit=1), stop)
        assert "link.lost" in capsys.readouterr().out


async def test_following_shows_what_comes_and_what_comes_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PAGE", 5)
    monkeypatch.setattr(logs, "LOOK_S", 0.05)
    async with opened(tmp_path) as desk:
        for number in range(SINGLE + 1):
            await desk.note(LOST, number)
        stop, lines = asyncio.Event(), list[dict[str, Any]]()
        following = asyncio.ensure_future(logs_until(desk.options(limit=2, follow=True), stop))

        def has(count: int) -> bool:
            lines.extend(shown(capsys))
            return len(lines) >= count

        await until(lambda: has(2), timeout_s=30)
        for number in range(8):  # more than a page between two looks
            await desk.note(JournalKind.LINK_CONNECTED, 100 + number, f"other-{number}")
        await desk.note(LOST, 200)
        await until(lambda: has(11), timeout_s=30)
        assert len({one["id"] for one in lines[2:10]}) == 8
        again = lines[-1]
        assert (again["kind"], again["count"]) == ("link.lost", 3)
        stop.set()
        assert await following == 0
        assert len(lines) == 11


async def test_a_gateway_that_is_away_for_a_while_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LOOK_S", 0.05)
    async with opened(tmp_path) as desk:
        await desk.note(LOST, 0)
        stop, told = asyncio.Event(), list[str]()
        following = asyncio.ensure_future(logs_until(desk.options(follow=True), stop))
        await until(lambda: bool(shown(capsys)), timeout_s=30)
        await desk.house.stop()

        def complained() -> bool:
            told.append(capsys.readouterr().err)
            return any(told)

        await until(complained, timeout_s=30)
        await desk.house.start()
        await desk.note(JournalKind.LINK_CONNECTED, 5)
        await until(lambda: any(one["kind"] == "link.connected" for one in shown(capsys)), timeout_s=30)
        stop.set()
        assert await following == 0


async def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        for options, expected in (
            (desk.options(api_key="pnt_nothing"), AUTH_INVALID),
            (desk.options(kinds=("nonsense",)), INVALID_REQUEST),
            (desk.options(since="yesterday"), INVALID_REQUEST),
            (desk.options(url="http://127.0.0.1:9"), UPSTREAM_UNREACHABLE),
        ):
            with pytest.raises(RefusalError) as caught:
                await logs_until(options, asyncio.Event())
            assert caught.value.outcome is expected


def test_moments_are_ages_or_dates() -> None:
    assert moment_of("2h", NOW) == NOW - timedelta(hours=2)
    assert moment_of("7d", NOW) == NOW - timedelta(days=7)
    assert moment_of("2026-11-23T12:00", NOW) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert moment_of("2026-11-23T12:00-03:00", NOW) == datetime(2026, 11, 23, 15, tzinfo=UTC)
    for nonsense in ("2y", "h", "-1h", "999999w", ""):
        with pytest.raises(RefusalError):
            moment_of(nonsense, NOW)


def test_an_entry_is_one_line_with_what_it_has() -> None:
    nothing = dict.fromkeys(("instance", "server", "state", "reason", "detail", "gap", "duration_s", "attempts"))
    bare = {**nothing, "count": 1, "at": "2026-11-24T03:00:00.000Z"}
    assert (place_of(bare), words_of(bare)) == ("-", "")
    assert place_of({**bare, "server": "main"}) == "(main)"
    whole = {**bare, "state": "connecting", "reason": "transport_closed", "gap": 7, "duration_s": 61.5, "attempts": 2}
    assert words_of({**whole, "detail": "a\nb"}) == "connecting [transport_closed] a b gap 7 after 61.5 s attempt 2"
    assert "12 times since 11-2" in words_of({**bare, "count": 12})
