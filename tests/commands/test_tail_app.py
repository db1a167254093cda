"""The live view in a terminal that is none, in front of a real edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.commands.test_tail_rows import HOSTILE, is_harmless
from tests.live.conftest import QUICK
from tests.support.databases import migrated, sqlite_url
from tests.support.gateway_edge import GatewayEdge, eventually, gateway_edge
from textual.pilot import Pilot
from textual.widgets import Input, Static

from ponteio.commands.tail_app import TailApp, tail_in_app
from ponteio.commands.tail_reader import Source
from ponteio.commands.tail_rows import Rows


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[GatewayEdge]:
    async with migrated(sqlite_url(tmp_path)) as database, gateway_edge(database, QUICK) as opened:
        yield opened


@asynccontextmanager
async def shown(
    gateway: GatewayEdge, rows: Rows | None = None, **source: Any
) -> AsyncIterator[tuple[TailApp, Pilot[int]]]:
    app = TailApp(Source(gateway.url, gateway.tokens["acme"], **source), rows=rows)
    async with app.run_test(size=(100, 20)) as pilot:
        await eventually(lambda: app.is_connected, why=lambda: app.last_note)
        yield app, pilot


def said(text: str) -> bytes:
    return orjson.dumps({"key": {"remoteJid": "5511988887777@s.whatsapp.net"}, "message": {"conversation": text}})


def screen(app: TailApp) -> list[str]:
    """The lines of the list as they are drawn."""
    return [app.events.render_line(y).text for y in range(app.events.size.height)]


def seqs(app: TailApp) -> list[int]:
    return [app.rows[index].seq for index in range(len(app.rows))]


def status(app: TailApp) -> str:
    return str(app.query_one("#status", Static).render())


def detail(app: TailApp) -> str:
    return str(app.query_one("#body", Static).render())


async def test_events_come_and_the_last_one_is_followed(gateway: GatewayEdge) -> None:
    async with shown(gateway) as (app, pilot):
        await gateway.publish("acme", 40, data=said("bom dia"))
        await eventually(lambda: len(app.rows) == 40)
        await pilot.pause(0.2)
        assert app.events.chosen == 39
        assert all("5511•••7777 bom dia" in line for line in screen(app))
        assert "connected  |  40 events" in status(app)
        await pilot.press("home")
        assert (app.events.chosen, app.events.follows) == (0, False)
        await gateway.publish("acme", 5, data=said("boa tarde"))
        await eventually(lambda: len(app.rows) == 45)
        await pilot.pause(0.2)
        assert app.events.chosen == 0
        assert "looking back" in status(app)
        await pilot.press("end")
        assert app.events.chosen == 44
        assert "boa tarde" in screen(app)[-1]
        await pilot.press("up", "pageup", "down", "k", "j")
        assert app.events.chosen < 44


async def test_a_pause_loses_nothing(gateway: GatewayEdge) -> None:
    async with shown(gateway) as (app, pilot):
        await gateway.publish("acme", 2)
        await eventually(lambda: len(app.rows) == 2)
        await pilot.press("space")
        await gateway.publish("acme", 3)
        await eventually(lambda: app.rows.waiting == 3)
        await pilot.pause(0.2)
        assert seqs(app) == [1, 2]
        assert "paused, 3 waiting" in status(app)
        await pilot.press("space")
        assert seqs(app) == [1, 2, 3, 4, 5]


async def test_a_long_pause_reads_no_more_and_goes_on_by_the_cursor(gateway: GatewayEdge) -> None:
    """I3: memory is bounded, and still nothing is lost or repeated."""
    async with shown(gateway, Rows(most_rows=50)) as (app, pilot):
        await pilot.press("space")
        for _ in range(8):
            await gateway.publish("acme", 10)
        await eventually(lambda: app.reader.is_held)
        await eventually(lambda: not app.is_connected)
        assert app.rows.waiting == 50
        await pilot.pause(0.2)
        assert "no more is read" in status(app)
        await pilot.press("space")
        await eventually(lambda: app.total == 80)
        assert seqs(app) == list(range(31, 81))


async def test_search_and_detail(gateway: GatewayEdge) -> None:
    async with shown(gateway) as (app, pilot):
        for text in ("bom dia", "o boleto", "tchau", "outro Boleto", "até"):
            await gateway.publish("acme", 1, data=said(text))
        await eventually(lambda: len(app.rows) == 5)
        await pilot.press("slash", *"boleto", "enter")
        assert app.searched == "boleto"
        assert app.events.chosen == 1
        await pilot.press("n")
        assert app.events.chosen == 3
        await pilot.press("N")
        assert app.events.chosen == 1
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert '"conversation": "o boleto"' in detail(app)
        await pilot.press("n")
        assert '"conversation": "outro Boleto"' in detail(app)
        await pilot.press("escape")
        assert not app.query_one("#detail").has_class("open")
        await pilot.press("slash", *"zzz", "enter")
        await pilot.pause(0.2)
        assert "nowhere" in status(app)
        await pilot.press("slash", "escape")
        assert not app.query_one("#search", Input).has_class("open")


async def test_hostile_content_cannot_control_the_terminal(gateway: GatewayEdge) -> None:
    async with shown(gateway) as (app, pilot):
        hostile = f"{HOSTILE}[red]not markup[/red]"
        await gateway.publish("acme", 1, data=said(hostile), instance=hostile.replace("\x00", ""))
        await eventually(lambda: len(app.rows) == 1)
        assert all(is_harmless(line) for line in screen(app))
        assert "[red]not markup[/red]" in screen(app)[0]
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert is_harmless(detail(app))
        assert "\\u001b" in detail(app)
        await pilot.press("slash", "[", "b", "]", "enter")
        await pilot.pause(0.2)
        assert "[b]" in status(app)


async def test_no_row_is_no_trouble(gateway: GatewayEdge) -> None:
    async with shown(gateway) as (app, pilot):
        await pilot.press("enter", "up", "down", "pagedown", "home", "end", "n", "slash", "enter", "escape")
        assert screen(app) == [" " * app.events.size.width] * app.events.size.height
        assert app.events.row is None


async def test_keys_are_explained(gateway: GatewayEdge) -> None:
    async with shown(gateway) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause(0.1)
        assert app.query("HelpPanel")
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert not app.query("HelpPanel")


async def test_a_refusal_is_said_and_is_the_exit_status(gateway: GatewayEdge) -> None:
    app = TailApp(Source(gateway.url, "pnt_wrong"))
    async with app.run_test() as pilot:
        await eventually(lambda: "[auth_invalid]" in app.last_note)
        await pilot.pause(0.2)
        assert "not connected" in status(app)
        await pilot.press("q")
    assert app.return_value == 1


async def test_a_status_of_a_link_is_said(gateway: GatewayEdge) -> None:
    async with shown(gateway, filter="inst:one") as (app, pilot):
        gateway.notices.reached(gateway.organizations["acme"].organization_id, _limit())
        await eventually(lambda: app.last_note.startswith("limit"))
        await pilot.pause(0.2)
        assert "inst:one" in status(app)
        await pilot.press("q")
    assert app.return_value == 0


def _limit() -> Any:
    from ponteio.model.outcome import TOO_MANY_SOCKETS

    return TOO_MANY_SOCKETS


async def test_being_told_to_stop_ends_it(gateway: GatewayEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = TailApp.run_async

    async def headless(app: TailApp, **_: Any) -> int | None:
        return await plain(app, headless=True)

    monkeypatch.setattr(TailApp, "run_async", headless)
    stop = asyncio.Event()
    running = asyncio.create_task(tail_in_app(Source(gateway.url, gateway.tokens["acme"]), stop))
    await eventually(lambda: gateway.edge.socket_count(None) == 1)
    stop.set()
    assert await asyncio.wait_for(running, 10) == 0
