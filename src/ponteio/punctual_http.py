"""HTTP connections that nobody can hold by saying, or reading, too little. Knows the inside of uvicorn's protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Owed(Enum):
    """What a connection waits for from its client."""

    BEGIN = auto()
    HEAD = auto()
    BODY = auto()
    GOODBYE = auto()
    """We have closed it: what is still unsent is to be taken."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take, in seconds. `begin_s` is for the first byte of a request, `head_s` and `body_s` for
    all of each, `goodbye_s` for the rest of the last answer. While an answer is unsent, `taken_bytes` of it (or all)
    must be taken in every `taken_s`; how long an answer goes on is not bounded.
    """

    begin_s: float = 10.0
    head_s: float = 10.0
    body_s: float = 15.0
    goodbye_s: float = 10.0
    taken_s: float = 60.0
    taken_bytes: int = 32 * 1024

    def of(self, owed: Owed) -> float:
        return {
            Owed.BEGIN: self.begin_s,
            Owed.HEAD: self.head_s,
            Owed.BODY: self.body_s,
            Owed.GOODBYE: self.goodbye_s,
        }[owed]


class PunctualHttp(HttpToolsProtocol):
    """A connection of HTTP/1.1 whose client is held to `deadlines`, as often as somebody calls `look`.

    There are no timers: a request costs three assignments more than uvicorn's own.
    """

    deadlines = Deadlines()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._arriving = Owed.BEGIN
        self._requests = 0
        self._watched: tuple[int, Owed] | None = None
        self._since = 0.0
        self._most_unsent = 0
        self._taking_since = 0.0
        self._has_drained = False

    def on_message_begin(self) -> None:
        self._requests += 1
        self._arriving = Owed.HEAD
        super().on_message_begin()
        # For answers without end, whose reader may lose the right to them while it stands still.
        cast("dict[str, Any]", self.scope)["extensions"] = {"ponteio.abort": self.transport.abort}

    def on_headers_complete(self) -> None:
        self._arriving = Owed.BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = Owed.BEGIN
        super().on_message_complete()

    def resume_writing(self) -> None:
        self._has_drained = True
        super().resume_writing()

    def look(self, now: float) -> None:
        """A client that is late at `now` (of a clock that only goes forward) is let go: with a 408 if it had begun a
        request. To be called about once a second.
        """
        owed = self._owed()
        watched = None if owed is None else (self._requests, owed)
        if watched != self._watched:
            self._watched, self._since = watched, now
        elif owed is not None and now - self._since >= self.deadlines.of(owed):
            self._let_go(owed)
        self._look_at_reading(now)

    def _owed(self) -> Owed | None:
        """Nothing while the client waits for us: for an answer, for an earlier one, or for us to read on."""
        if self.transport.is_closing():
            return Owed.GOODBYE
        if self.pipeline or self.flow.read_paused:
            return None
        cycle: RequestResponseCycle | None = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        return None if is_answering and self._arriving is not Owed.BODY else self._arriving

    def _let_go(self, owed: Owed) -> None:
        if owed is Owed.GOODBYE:
            self.transport.abort()
            return
        is_unanswered = owed is Owed.HEAD or (owed is Owed.BODY and not self.cycle.response_started)
        if is_unanswered:
            self.transport.write(_LATE)
        self.transport.close()

    def _look_at_reading(self, now: float) -> None:
        unsent = self.transport.get_write_buffer_size()
        has_taken = self._has_drained or self._most_unsent - unsent >= self.deadlines.taken_bytes
        if has_taken or not unsent or not self._most_unsent:
            self._most_unsent, self._taking_since, self._has_drained = unsent, now, False
        elif now - self._taking_since >= self.deadlines.taken_s:
            self.transport.abort()
        else:
            self._most_unsent = max(self._most_unsent, unsent)
