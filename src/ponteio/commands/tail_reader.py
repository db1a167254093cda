"""The stream of a gateway's events, read again and again by its cursor until somebody has seen enough."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from ponteio.commands.event_line import clean
from ponteio.commands.runner import EXIT_FAILED
from ponteio.upstream.event_stream import StreamError, StreamRefusedError, listen

RETRY_FIRST_S = 0.5
RETRY_LAST_S = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from. `filter` is what the gateway is told as `auth.filter`; None: everything."""

    url: str
    api_key: str
    after: str = ""
    filter: object = None
    count: int = 0


class Screen(Protocol):
    """Where events go to. What `event` raises ends the reading, and that event counts as not shown."""

    def event(self, envelope: Mapping[str, Any]) -> None: ...
    def status(self, name: str, body: Mapping[str, Any]) -> None: ...
    def note(self, text: str) -> None: ...
    def connected(self, is_connected: bool) -> None: ...


class TailReader:
    """Gives a screen what the source has; `cursor` is the place up to which it was shown."""

    def __init__(
        self,
        source: Source,
        screen: Screen,
        jitter: Callable[[float], float] = lambda most: random.uniform(0, most),  # noqa: S311
    ) -> None:
        self.cursor = source.after
        self._source = source
        self._screen = screen
        self._jitter = jitter
        self._shown = 0
        self._last_seq = 0
        self._is_underway = False
        self._enough = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._final: int | None = None
        self._delay_s = RETRY_FIRST_S

    @property
    def is_held(self) -> bool:
        """Whether nothing is read just now because of `hold`."""
        return not self._may_read.is_set()

    @property
    def _is_over(self) -> bool:
        return self._final is not None

    def hold(self) -> None:
        """Read no more until `go_on`: the connection ends, and the cursor remembers the place."""
        self._may_read.clear()
        self._enough.set()

    def go_on(self) -> None:
        """Read on from where it was held."""
        if self._final is None:
            self._enough.clear()
        self._may_read.set()

    async def run(self) -> int:
        """Read until `count` events were shown or the gateway has refused for good; the answer is an exit status."""
        while self._final is None:
            await self._may_read.wait()
            reason = await self._once()
            self._screen.connected(False)
            if not self._is_over and not self.is_held:
                self._screen.note(f"{reason}; coming back")
                await asyncio.sleep(self._jitter(self._delay_s))
                self._delay_s = min(self._delay_s * 2, RETRY_LAST_S)
        return self._final

    async def _once(self) -> str:
        """One connection, to its end: why it ended."""
        stream = asyncio.ensure_future(
            listen(self._source.url, auth=self._auth(), on_event=self._hear, headers={"User-Agent": "ponteio-tail"})
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
        auth: dict[str, object] = {"token": self._source.api_key}
        if self._source.filter is not None:
            auth["filter"] = self._source.filter
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
            self._screen.note(text)
            self._final = EXIT_FAILED
        return text

    def _hear(self, payload: bytes, _attachments: tuple[bytes, ...]) -> None:
        if self._final is not None or self.is_held:
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
            self._screen.status(name, body)

    def _event(self, envelope: Mapping[str, Any]) -> None:
        if envelope["seq"] <= self._last_seq:
            return
        self._screen.event(envelope)
        # Only now: what could not be written must come again.
        self._last_seq = envelope["seq"]
        self.cursor = envelope["cursor"]
        self._shown += 1
        if self._source.count and self._shown >= self._source.count:
            self._final = 0
            self._enough.set()

    def _ready(self, body: Mapping[str, Any]) -> None:
        self._delay_s = RETRY_FIRST_S
        if self.cursor and not body.get("resumed") and not self._is_underway:
            self._screen.note(f"there is no continuing after {clean(self.cursor)} [{clean(str(body.get('reason')))}]")
            self._final = EXIT_FAILED
            self._enough.set()
            return
        self._is_underway = True
        if self.cursor and not body.get("resumed"):
            reason = clean(str(body.get("reason")))
            self._screen.note(f"the log could not be continued ({reason}): events may be missing here")
            self._last_seq = 0
        self.cursor = body["cursor"] if not self.cursor or not body.get("resumed") else self.cursor
        self._screen.connected(True)

    def _goodbye(self, body: Mapping[str, Any]) -> None:
        self._screen.note(clean(f"{body.get('reason')} [{body.get('code')}]"))
        if not body.get("retry"):
            self._final = EXIT_FAILED
