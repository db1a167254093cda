"""Live events in a terminal: one line each for people, or one JSON object each for programs."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from ponteio.commands.event_line import clean, summary
from ponteio.commands.runner import EXIT_FAILED
from ponteio.upstream.event_stream import StreamError, StreamRefusedError, listen

RETRY_FIRST_S = 0.5
RETRY_LAST_S = 10.0


@dataclass(frozen=True, slots=True)
class TailOptions:
    """`after` is a cursor or empty; `count` 0 means without end."""

    url: str
    api_key: str
    after: str = ""
    instances: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    count: int = 0
    as_json: bool = False


async def tail_until(options: TailOptions, stop: asyncio.Event) -> int:
    """Show events until `stop` is set or `count` are shown, coming back with the cursor when the stream breaks.

    The answer is an exit status. With `as_json`, standard output has the events and nothing else; the cursor that
    continues without loss is the last line of standard error.
    """
    reader = _Reader(options, _JsonLines() if options.as_json else _Lines())
    work = asyncio.ensure_future(reader.run())
    told = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else 0
    finally:
        for task in (work, told):
            task.cancel()
        await asyncio.gather(work, told, return_exceptions=True)
        if options.as_json and reader.cursor:
            print(f"--after {reader.cursor}", file=sys.stderr)


class _Reader:
    def __init__(self, options: TailOptions, out: _Lines | _JsonLines) -> None:
        self.cursor = options.after
        self._options = options
        self._out = out
        self._shown = 0
        self._last_seq = 0
        self._is_underway = False
        self._enough = asyncio.Event()
        self._final: int | None = None
        self._delay_s = RETRY_FIRST_S

    async def run(self) -> int:
        while self._final is None:
            reason = await self._once()
            if self._final is None:
                self._out.note(f"{reason}; coming back")
                await asyncio.sleep(random.uniform(0, self._delay_s))  # noqa: S311 - jitter
                self._delay_s = min(self._delay_s * 2, RETRY_LAST_S)
        return self._final

    async def _once(self) -> str:
        """One connection, to its end: why it ended."""
        stream = asyncio.ensure_future(
            listen(self._options.url, auth=self._auth(), on_event=self._hear, headers={"User-Agent": "ponteio-tail"})
        )
        enough = asyncio.ensure_future(self._enough.wait())
        try:
            await asyncio.wait({stream, enough}, return_when=asyncio.FIRST_COMPLETED)
            if stream.done():
                stream.result()
        except StreamRefusedError as error:
            return self._refused(error)
        except StreamError as error:
            return clean(str(error))
        finally:
            for task in (stream, enough):
                task.cancel()
            await asyncio.gather(stream, enough, return_exceptions=True)
        return "the gateway ended the stream"

    def _auth(self) -> dict[str, object]:
        wanted = {"instances": list(self._options.instances), "events": list(self._options.events)}
        auth: dict[str, object] = {"token": self._options.api_key}
        if any(wanted.values()):
            auth["filter"] = {name: values for name, values in wanted.items() if values}
        if self.cursor:
            auth["cursor"] = self.cursor
        return auth

    def _refused(self, error: StreamRefusedError) -> str:
        try:
            answer = json.loads(error.payload)
        except ValueError:
            answer = {}
        inner = answer.get("data") if isinstance(answer, dict) else None
        told = inner if isinstance(inner, dict) else {}
        text = clean(f"{told.get('detail') or error.message} [{told.get('code', 'refused')}]")
        if not told.get("retry"):
            self._out.note(text)
            self._final = EXIT_FAILED
        return text

    def _hear(self, payload: bytes, _attachments: tuple[bytes, ...]) -> None:
        if self._final is not None:
            return
        name, *arguments = orjson.loads(payload)
        body = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        if name == "evolution-event":
            self._event(body)
        elif name == "ready":
            self._ready(body)
        elif name == "tip":
            self.cursor = body.get("cursor", self.cursor)
        elif name == "goodbye":
            self._goodbye(body)
        else:
            self._out.status(name, body)

    def _event(self, envelope: Mapping[str, Any]) -> None:
        if envelope["seq"] <= self._last_seq:
            return
        self._out.event(envelope)
        # Only now: what could not be written must come again.
        self._last_seq = envelope["seq"]
        self.cursor = envelope["cursor"]
        self._shown += 1
        if self._options.count and self._shown >= self._options.count:
            self._final = 0
            self._enough.set()

    def _ready(self, body: Mapping[str, Any]) -> None:
        self._delay_s = RETRY_FIRST_S
        if self.cursor and not body.get("resumed") and not self._is_underway:
            self._out.note(f"there is no continuing after {clean(self.cursor)} [{body.get('reason')}]")
            self._final = EXIT_FAILED
            self._enough.set()
            return
        self._is_underway = True
        if self.cursor and not body.get("resumed"):
            self._out.note(f"the log could not be continued ({body.get('reason')}): events may be missing here")
            self._last_seq = 0
        self.cursor = body["cursor"] if not self.cursor or not body.get("resumed") else self.cursor

    def _goodbye(self, body: Mapping[str, Any]) -> None:
        self._out.note(clean(f"{body.get('reason')} [{body.get('code')}]"))
        if not body.get("retry"):
            self._final = EXIT_FAILED


class _JsonLines:
    """NDJSON on standard output; everything else on standard error."""

    def event(self, envelope: Mapping[str, Any]) -> None:
        sys.stdout.buffer.write(orjson.dumps(envelope, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()

    def status(self, _name: str, _body: Mapping[str, Any]) -> None:
        """Not an event."""

    def note(self, text: str) -> None:
        print(f"ponteio: {text}", file=sys.stderr)


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


def _local_time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%H:%M:%S.%f}"[:-3]


def _style(event: str) -> str:
    family: Mapping[str, str] = {"messages": "green", "send": "cyan", "connection": "magenta", "qrcode": "magenta"}
    return family.get(event.split(".", maxsplit=1)[0], "blue")
