"""What the live view of `tail` has in hand: rows to look at, and those that wait while it is paused. Bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ponteio.commands.event_line import clean, shown, summary

MOST_ROWS = 10_000
MOST_BYTES = 32 * 1024 * 1024
DETAIL_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One event: what its line shows, and all of it as JSON."""

    seq: int
    at: str
    event: str
    instance: str
    summary: str
    body: bytes

    @classmethod
    def of(cls, envelope: Mapping[str, Any]) -> Row:
        """The row of an event as the gateway sends it. Whatever is in it, its line is one line of harmless text."""
        at = datetime.fromisoformat(envelope["received_at"]).astimezone()
        return cls(
            seq=envelope["seq"],
            at=f"{at:%H:%M:%S.%f}"[:-3],
            event=clean(envelope["event"]),
            instance=clean(envelope["instance"]),
            summary=summary(envelope["event"], envelope.get("data")),
            body=orjson.dumps(envelope),
        )

    @property
    def detail(self) -> str:
        """The event as indented JSON that a terminal only shows; cut where it is too long to look at."""
        text = orjson.dumps(orjson.loads(self.body), option=orjson.OPT_INDENT_2).decode()
        cut = "" if len(text) <= DETAIL_CHARS else f"\n… {len(text) - DETAIL_CHARS} more characters"
        return shown(text[:DETAIL_CHARS]) + cut

    def has(self, folded: str) -> bool:
        """Whether this text (case-folded) is in the line or anywhere in the event."""
        line = f"{self.at} {self.event} {self.instance} {self.summary}"
        return folded in line.casefold() or folded in self.body.decode().casefold()


class Rows:
    """Rows in order; the oldest make room. While paused new ones wait, until as many wait as may be kept."""

    def __init__(self, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._rows: deque[Row] = deque()
        self._waiting: list[Row] = []
        self._bytes = 0
        self._waiting_bytes = 0
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self.is_paused = False
        self.dropped = 0
        """Rows that made room since the view was opened."""

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self._rows[index]

    @property
    def waiting(self) -> int:
        """Rows that came since the pause began."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more may wait: then nothing more should be read."""
        return len(self._waiting) >= self._most_rows or self._waiting_bytes >= self._most_bytes

    def add(self, row: Row) -> None:
        """Show the row, or let it wait."""
        if self.is_paused:
            self._waiting.append(row)
            self._waiting_bytes += len(row.body)
        else:
            self._show([row])

    def pause(self) -> None:
        """What is shown stays as it is."""
        self.is_paused = True

    def resume(self) -> None:
        """What has waited is shown."""
        self.is_paused = False
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._show(waiting)

    def find(self, text: str, start: int, step: int) -> int | None:
        """The next row that has `text`, from `start` on in steps of 1 or -1, once around; None when no row has it."""
        folded, amount = text.casefold(), len(self._rows)
        places = (index % amount for index in range(start, start + step * amount, step))
        return next((index for index in places if self._rows[index].has(folded)), None)

    def _show(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._rows.append(row)
            self._bytes += len(row.body)
        while len(self._rows) > self._most_rows or (self._bytes > self._most_bytes and len(self._rows) > 1):
            self._bytes -= len(self._rows.popleft().body)
            self.dropped += 1
