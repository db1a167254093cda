"""The live view of `tail`: events as they come, a pause that loses nothing, search, and one event in full.

The only file that imports textual.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Footer, Input, Static

from ponteio.commands.event_line import clean
from ponteio.commands.tail_reader import Source, TailReader
from ponteio.commands.tail_rows import Row, Rows

REFRESH_S = 0.1
_STYLES = {"messages": "green", "send": "cyan", "connection": "magenta", "qrcode": "magenta"}


class EventList(ScrollView, can_focus=True):
    """The rows, drawn where they are looked at; the chosen one is reversed. At the last one it follows what comes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "choose(0)", "First", show=False),
        Binding("end,G", "choose(-1)", "Last"),
    ]

    def __init__(self, rows: Rows) -> None:
        super().__init__(id="events")
        self.chosen = 0
        self.follows = True
        self._rows = rows
        self._dropped = 0

    @property
    def row(self) -> Row | None:
        """The chosen row."""
        return self._rows[self.chosen] if self.chosen < len(self._rows) else None

    def update(self) -> None:
        """Rows came, or made room."""
        made_room, self._dropped = self._rows.dropped - self._dropped, self._rows.dropped
        last = max(len(self._rows) - 1, 0)
        self.chosen = last if self.follows else min(max(self.chosen - made_room, 0), last)
        self.virtual_size = Size(self.size.width, len(self._rows))
        self._show_chosen()

    def action_move(self, step: int) -> None:
        self.action_choose(min(max(self.chosen + step, 0), max(len(self._rows) - 1, 0)))

    def action_page(self, step: int) -> None:
        self.action_move(step * max(self.size.height - 1, 1))

    def action_choose(self, index: int) -> None:
        """Choose a row by its index; -1 is the last, which follows what comes."""
        last = max(len(self._rows) - 1, 0)
        self.chosen = last if index < 0 else min(index, last)
        self.follows = self.chosen == last
        self._show_chosen()
        app = self.app
        if isinstance(app, TailApp):
            app.show_detail()

    def render_line(self, y: int) -> Strip:
        index, width = self.scroll_offset.y + y, self.size.width
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        segments = _line(self._rows[index]).render(self.app.console)
        strip = Strip(Segment(one.text, one.style) for one in segments if one.text != "\n")
        strip = strip.adjust_cell_length(width, self.rich_style)
        return strip.apply_style(Style(reverse=True)) if index == self.chosen else strip

    def _show_chosen(self) -> None:
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if self.chosen < top:
            self.scroll_to(y=self.chosen, animate=False, force=True)
        elif self.chosen >= top + height:
            self.scroll_to(y=self.chosen - height + 1, animate=False, force=True)
        self.refresh()


class TailApp(App[int]):
    """The whole view. Run it with `run_async`; what it returns is an exit status."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "ponteio tail"
    CSS = """
    #events { width: 1fr; height: 1fr; }
    #detail { width: 1fr; height: 1fr; display: none; border-left: solid $primary; padding: 0 1; }
    #detail.open { display: block; }
    #search { dock: bottom; display: none; }
    #search.open { display: block; }
    #status { dock: bottom; height: 1; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause"),
        Binding("slash", "search", "Search"),
        Binding("n", "next(1)", "Next"),
        Binding("N", "next(-1)", "Previous", show=False),
        Binding("enter", "detail", "Detail", priority=False),
        Binding("escape", "close", "Close", show=False),
        Binding("question_mark", "help", "Keys"),
        Binding("q", "leave", "Quit"),
    ]

    def __init__(self, source: Source, *, rows: Rows | None = None) -> None:
        super().__init__()
        self.rows = Rows() if rows is None else rows
        self.reader = TailReader(source, _Screen(self))
        self.is_connected = False
        self.last_note = ""
        self.searched = ""
        self.total = 0
        self._source = source
        self._is_stale = True
        self._status: int | None = None
        self._reading: asyncio.Task[int] | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield EventList(self.rows)
            with VerticalScroll(id="detail"):
                yield Static(id="body", markup=False)
        yield Static(id="status", markup=False)
        yield Input(id="search", placeholder="search in what is shown")
        yield Footer()

    def on_mount(self) -> None:
        self.events.focus()
        self.set_interval(REFRESH_S, self._refresh_rows)
        self._reading = asyncio.create_task(self.reader.run(), name="tail")
        self._reading.add_done_callback(self._ended)

    async def on_unmount(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    @property
    def events(self) -> EventList:
        """The list."""
        return self.query_one(EventList)

    @property
    def status_line(self) -> str:
        """What the line at the bottom says."""
        parts = ["connected" if self.is_connected else "not connected"]
        if self.rows.is_paused:
            held = ", no more is read" if self.reader.is_held else ""
            parts.append(f"paused, {self.rows.waiting} waiting{held}")
        elif not self.events.follows:
            parts.append("looking back")
        parts.append(f"{self.total} events")
        if isinstance(self._source.filter, str):
            parts.append(clean(self._source.filter))
        if self.searched:
            parts.append(f"/{clean(self.searched)}")
        return "  |  ".join([*parts, *([self.last_note] if self.last_note else [])])

    def take(self, envelope: Mapping[str, Any]) -> None:
        """An event came."""
        self.rows.add(Row.of(envelope))
        self.total += 1
        self._is_stale = True
        if self.rows.is_full and not self.reader.is_held:
            self.reader.hold()

    def say(self, text: str) -> None:
        """A word for the status line."""
        self.last_note = clean(text)
        self._is_stale = True

    def connection(self, is_connected: bool) -> None:
        """The stream is there, or not."""
        self.is_connected = is_connected
        self._is_stale = True

    def show_detail(self) -> None:
        """The detail, if it is open, is that of the chosen event."""
        if self.query_one("#detail").has_class("open"):
            row = self.events.row
            self.query_one("#body", Static).update(Text("" if row is None else row.detail))
        self._is_stale = True

    def action_pause(self) -> None:
        if self.rows.is_paused:
            self.rows.resume()
            self.reader.go_on()
        else:
            self.rows.pause()
        self._is_stale = True
        self._refresh_rows()

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.add_class("open")
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.searched = event.value
        self.action_close()
        self._go_to(self.events.chosen, 1)

    def action_next(self, step: int) -> None:
        self._go_to(self.events.chosen + step, step)

    def action_detail(self) -> None:
        self.query_one("#detail").toggle_class("open")
        self.show_detail()

    def action_close(self) -> None:
        field = self.query_one("#search", Input)
        if field.has_class("open"):
            field.remove_class("open")
        else:
            self.query_one("#detail").remove_class("open")
            self.action_hide_help_panel()
        self.events.focus()
        self._is_stale = True

    def action_help(self) -> None:
        self.action_show_help_panel()

    def action_leave(self) -> None:
        self.exit(self._status or 0)

    def _go_to(self, start: int, step: int) -> None:
        if not self.searched or not len(self.rows):
            return
        found = self.rows.find(self.searched, start, step)
        if found is None:
            self.say(f"{self.searched!r} is nowhere in what is shown")
        else:
            self.last_note = ""
            self.events.follows = False
            self.events.action_choose(found)
        self._refresh_rows()

    def _refresh_rows(self) -> None:
        if self._is_stale:
            self._is_stale = False
            self.events.update()
            self.query_one("#status", Static).update(Text(self.status_line))

    def _ended(self, reading: asyncio.Task[int]) -> None:
        if not reading.cancelled():
            self._status = 1 if reading.exception() is not None else reading.result()
            if reading.exception() is not None:
                self.say(str(reading.exception()))


class _Screen:
    """The view as the reader knows it."""

    def __init__(self, app: TailApp) -> None:
        self._app = app

    def event(self, envelope: Mapping[str, Any]) -> None:
        self._app.take(envelope)

    def status(self, name: str, body: Mapping[str, Any]) -> None:
        where = body.get("instance") or body.get("link") or ""
        self._app.say(f"{name} {where} {body.get('state') or body.get('code') or ''}")

    def note(self, text: str) -> None:
        self._app.say(text)

    def connected(self, is_connected: bool) -> None:
        self._app.connection(is_connected)


async def tail_in_app(source: Source, stop: asyncio.Event) -> int:
    """Show the view until somebody leaves it or `stop` is set; the answer is an exit status."""
    app = TailApp(source)

    async def leave() -> None:
        await stop.wait()
        app.action_leave()

    leaving = asyncio.create_task(leave())
    try:
        return await app.run_async() or 0
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


def _line(row: Row) -> Text:
    line = Text(no_wrap=True, end="")
    line.append(f"{row.at} ", style="dim")
    line.append(f"{row.event:<26} ", style=_STYLES.get(row.event.split(".", maxsplit=1)[0], "blue"))
    line.append(f"{row.instance:<16} ", style="bold")
    line.append(row.summary)
    return line
