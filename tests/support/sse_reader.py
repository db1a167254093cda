"""A reader of Server-Sent Events: the lines of a stream as events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event. `event_id` is what `Last-Event-ID` would be after it."""

    name: str
    data: Any
    event_id: str


class SseParser:
    """Bytes in, events out; `comments` counts what means nothing."""

    def __init__(self) -> None:
        self.comments = 0
        self.events: list[SseEvent] = []
        self.last_id = ""
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take what arrived, however it was cut."""
        self._rest += chunk
        *blocks, self._rest = self._rest.split(b"\n\n")
        for block in blocks:
            self._block(block.decode())

    def named(self, name: str) -> list[Any]:
        """The bodies of the events of this name."""
        return [event.data for event in self.events if event.name == name]

    @property
    def seqs(self) -> list[int]:
        """The numbers of the events of the log."""
        return [body["seq"] for body in self.named("evolution-event")]

    def _block(self, block: str) -> None:
        name, data = "message", []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not field:
                self.comments += 1
            elif field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
        if data:
            self.events.append(SseEvent(name, json.loads("\n".join(data)), self.last_id))
