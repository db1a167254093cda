"""Live events in a terminal: one line each for people, or one JSON object each for programs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from ponteio.commands.event_line import clean, summary
from ponteio.commands.runner import EXIT_USAGE
from ponteio.commands.tail_filter import WordsError, cursor_since, filter_of, told
from ponteio.commands.tail_reader import Source, TailReader
from ponteio.observe.clock import utc_now


@dataclass(frozen=True, slots=True)
class TailOptions:
    """`after` is a cursor or empty, `since` a time as in the grammar of filters or empty; `count` 0 means without end.
    `filter`, `instances` and `events` must all hold.
    """

    url: str
    api_key: str
    after: str = ""
    instances: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    count: int = 0
    as_json: bool = False
    filter: str = ""
    since: str = ""


async def source_of(options: TailOptions) -> Source:
    """Where the reading begins, and what is asked for. Raises `WordsError`, and `RefusalError` where the gateway must
    be asked for a place in the past and cannot.
    """
    now = utc_now()
    wanted = told(filter_of(options.filter, options.instances, options.events, now))
    after = options.after
    if options.since and not after:
        after = await cursor_since(options.url, options.api_key, options.since, now)
    return Source(options.url, options.api_key, after, wanted, options.count)


async def tail_until(options: TailOptions, stop: asyncio.Event, *, in_app: bool = False) -> int:
    """Show events until `stop` is set or `count` are shown, coming back with the cursor when the stream breaks; with
    `in_app` in a view of the whole terminal, until somebody leaves it.

    The answer is an exit status. With `as_json`, standard output has the events and nothing else; the cursor that
    continues without loss is the last line of standard error. Raises `RefusalError` as `source_of` does.
    """
    try:
        source = await source_of(options)
    except WordsError as error:
        print(f"ponteio: {error}", file=sys.stderr)
        return EXIT_USAGE
    if in_app:
        from ponteio.commands.tail_app import tail_in_app  # half a second of imports that nobody else needs

        return await tail_in_app(source, stop)
    reader = TailReader(source, _JsonLines() if options.as_json else _Lines())
    work = asyncio.ensure_future(reader.run())
    ended = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else 0
    finally:
        for task in (work, ended):
            task.cancel()
        await asyncio.gather(work, ended, return_exceptions=True)
        if options.as_json and reader.cursor:
            print(f"--after {clean(reader.cursor)}", file=sys.stderr)


class _JsonLines:
    """NDJSON on standard output; everything else on standard error."""

    def event(self, envelope: Mapping[str, Any]) -> None:
        sys.stdout.buffer.write(orjson.dumps(envelope, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()

    def status(self, _name: str, _body: Mapping[str, Any]) -> None:
        """Not an event."""

    def note(self, text: str) -> None:
        print(f"ponteio: {text}", file=sys.stderr)

    def connected(self, is_connected: bool) -> None:
        """Not an event."""


class _Lines:
    """Columns: time, event, instance, summary."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def event(self, envelope: Mapping[str, Any]) -> None:
        line = Text()
        line.append(f"{_local_time(envelope['received_at'])} ", style="dim")
        line.append(f"{clean(envelope['event']):<26} ", style=_style(envelope["event"]))
        line.append(f"{clean(envelope['instance']):<16} ", style="bold")
        line.append(summary(envelope["event"], envelope.get("data")))
        self._console.print(line)

    def status(self, name: str, body: Mapping[str, Any]) -> None:
        where = body.get("instance") or body.get("link") or ""
        reason = f" ({body['reason']})" if body.get("reason") else ""
        columns = f"{'':<12} {clean(name):<26} {clean(str(where)):<16} {clean(str(body.get('state')) + reason)}"
        self._console.print(Text(columns, style="dim"))

    def note(self, text: str) -> None:
        self._console.print(Text(f"-- {text}", style="yellow"))

    def connected(self, is_connected: bool) -> None:
        """What is seen are events."""


def _local_time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%H:%M:%S.%f}"[:-3]


def _style(event: str) -> str:
    family: Mapping[str, str] = {"messages": "green", "send": "cyan", "connection": "magenta", "qrcode": "magenta"}
    return family.get(event.split(".", maxsplit=1)[0], "blue")
