"""A whole filtered history as one file, made while it is read: a page of it is in memory, never more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import orjson

from ponteio.api import event_csv
from ponteio.api.event_csv import Separator
from ponteio.api.event_pages import EventSlice
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.outcome import INTERNAL, NOT_READY, Outcome, RefusalError
from ponteio.model.sight import Sight
from ponteio.storage.errors import StorageError

EXPORT_EVENTS = 500
EXPORT_BYTES = 1024 * 1024
"""Most that one page of an export holds, unless one event alone is larger."""


class Format(Protocol):
    """How a file is written. `stop` is the last line instead of `tail` where the export ends early."""

    @property
    def media_type(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    def head(self) -> bytes: ...
    def line(self, event: StoredEvent) -> bytes: ...
    def tail(self, cursor: Cursor, count: int) -> bytes: ...
    def stop(self, cursor: Cursor | None, outcome: Outcome) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Ndjson:
    """An envelope a line; the last line says `end`."""

    sight: Sight
    media_type: str = "application/x-ndjson"
    suffix: str = "ndjson"

    def head(self) -> bytes:
        return b""

    def line(self, event: StoredEvent) -> bytes:
        envelope = event.envelope(self.sight)
        if b"\n" in envelope or b"\r" in envelope:  # between the values of JSON only: in a text they are escaped
            envelope = envelope.replace(b"\n", b" ").replace(b"\r", b" ")
        return envelope + b"\n"

    def tail(self, cursor: Cursor, count: int) -> bytes:
        return _json_line(end=True, cursor=str(cursor), events=count)

    def stop(self, cursor: Cursor | None, outcome: Outcome) -> bytes:
        place = None if cursor is None else str(cursor)
        return _json_line(end=False, cursor=place, code=outcome.code, retry=outcome.retry)


@dataclass(frozen=True, slots=True)
class Csv:
    """A row for each event, for spreadsheets; see `event_csv`."""

    sight: Sight
    separator: Separator = ","
    media_type: str = "text/csv; charset=utf-8; header=present"
    suffix: str = "csv"

    def head(self) -> bytes:
        return event_csv.head(self.separator)

    def line(self, event: StoredEvent) -> bytes:
        return event_csv.row(event, self.sight, self.separator)

    def tail(self, cursor: Cursor, count: int) -> bytes:
        return event_csv.tail(cursor, count, self.separator)

    def stop(self, cursor: Cursor | None, outcome: Outcome) -> bytes:
        return event_csv.stop(cursor, outcome.code, self.separator)


async def exported(
    read: Callable[[Cursor | None], Awaitable[EventSlice]],
    after: Cursor | None,
    head: Cursor,
    form: Format,
    stopped: Callable[[], Outcome | None],
) -> AsyncGenerator[bytes, None]:
    """The pieces of a file with what `read` gives after `after`, as far as `head`.

    `stopped` is asked before each page; its answer, and what `read` raises, end the file early, which its last line
    then says, with the cursor to go on from.
    """
    yield form.head()
    place, count, outcome = after, 0, stopped()
    while outcome is None and (place is None or place.seq < head.seq):
        try:
            page = await read(place)
        except RefusalError as refusal:
            outcome = refusal.outcome
        except StorageError:
            outcome = NOT_READY
        except Exception:  # noqa: BLE001 - the reader hears that this is not all, and no more
            outcome = INTERNAL
        else:
            events = [event for event in page.events if event.seq <= head.seq]
            outcome = stopped()
            if outcome is None:
                yield b"".join(map(form.line, events))
                place, count = min(page.next, head, key=lambda cursor: cursor.seq), count + len(events)
    yield form.tail(head, count) if outcome is None else form.stop(place, outcome)


def _json_line(**members: object) -> bytes:
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)
