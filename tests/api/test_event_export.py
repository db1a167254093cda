"""A file of events: whole and said so, or not whole and said so."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.stored import EPOCH, stored

from ponteio.api.event_export import Csv, Format, Ndjson, exported
from ponteio.api.event_pages import EventSlice
from ponteio.model.cursor import Cursor
from ponteio.model.outcome import CURSOR_EXPIRED, REVOKED, Outcome, RefusalError
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.storage.errors import StorageError


class Log:
    """Pages of `size` from a log of `amount` events, of which the even ones fit; fails at `fails_at`."""

    def __init__(self, amount: int, size: int, fails_at: int = 0, error: Exception | None = None) -> None:
        self._amount = amount
        self._size = size
        self._fails_at = fails_at
        self._error = error
        self.reads = 0

    async def read(self, place: Cursor | None) -> EventSlice:
        self.reads += 1
        start = 0 if place is None else place.seq
        if self._error is not None and start >= self._fails_at:
            raise self._error
        end = min(start + self._size, self._amount)
        events = [stored(seq) for seq in range(start + 1, end + 1) if seq % 2 == 0]
        head = Cursor(EPOCH, self._amount)
        return EventSlice(events, head.at(end), head, head, end < self._amount, complete=True)


async def lines(
    log: Log, head: int, form: Format, *, after: int | None = None, stopped: Callable[[], Outcome | None] = lambda: None
) -> list[bytes]:
    start = None if after is None else Cursor(EPOCH, after)
    pieces = [piece async for piece in exported(log.read, start, Cursor(EPOCH, head), form, stopped)]
    return b"".join(pieces).splitlines()


def seqs(found: list[bytes]) -> list[int]:
    return [orjson.loads(line)["seq"] for line in found[:-1]]


@given(st.integers(0, 40), st.integers(0, 10), st.integers(1, 9), st.integers(0, 40))
async def test_what_was_there_at_the_beginning_is_in_it_and_nothing_later(
    head: int, later: int, size: int, after: int
) -> None:
    start = min(after, head)
    found = await lines(Log(head + later, size), head, Ndjson(ALL_SEEN), after=start or None)
    expected = [seq for seq in range(start + 1, head + 1) if seq % 2 == 0]
    assert seqs(found) == expected
    assert orjson.loads(found[-1]) == {"end": True, "cursor": f"{EPOCH}-{head}", "events": len(expected)}


FAULTS: list[tuple[Exception, str, bool]] = [
    (RefusalError(CURSOR_EXPIRED), "cursor_expired", False),
    (StorageError("away"), "not_ready", True),
    (RuntimeError("secret"), "internal", True),
]


@pytest.mark.parametrize(("error", "code", "retry"), FAULTS, ids=lambda it: str(it)[:12])
async def test_a_fault_is_the_last_line_with_where_to_go_on(error: Exception, code: str, retry: bool) -> None:
    found = await lines(Log(20, 4, 8, error), 20, Ndjson(ALL_SEEN))
    assert seqs(found) == [2, 4, 6, 8]
    assert orjson.loads(found[-1]) == {"end": False, "cursor": f"{EPOCH}-8", "code": code, "retry": retry}
    assert b"secret" not in found[-1]


async def test_a_right_that_ends_is_the_last_line() -> None:
    """I10: nothing that was read after the end of the right is written."""
    log = Log(20, 4)
    found = await lines(log, 20, Ndjson(ALL_SEEN), stopped=lambda: REVOKED if log.reads == 2 else None)
    assert seqs(found) == [2, 4]
    assert orjson.loads(found[-1]) == {"end": False, "cursor": f"{EPOCH}-4", "code": "revoked", "retry": False}
    none = await lines(Log(20, 4), 20, Ndjson(ALL_SEEN), stopped=lambda: REVOKED)
    assert orjson.loads(none[0]) == {"end": False, "cursor": None, "code": "revoked", "retry": False}


async def test_as_rows_with_a_head_and_an_end() -> None:
    pieces = await lines(Log(6, 2), 6, Csv(ALL_SEEN, ";"))
    rows = list(csv.reader(io.StringIO(b"\n".join(pieces).decode("utf-8-sig")), delimiter=";"))
    assert rows[0][0] == "cursor"
    assert [row[0] for row in rows[1:-1]] == [f"{EPOCH}-{seq}" for seq in (2, 4, 6)]
    assert rows[-1][:3] == ["end", f"{EPOCH}-6", "3"]
    stopped = await lines(Log(6, 2), 6, Csv(ALL_SEEN), stopped=lambda: REVOKED)
    assert stopped[-1].startswith(b'"stopped","","revoked"')


def test_an_event_is_one_line_and_without_what_its_reader_may_not_see() -> None:
    event = stored(1, data=b'{"message":\n{"conversation":"secret"},\r"status":"READ"}')
    line = Ndjson(ALL_SEEN).line(event)
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    shown: dict[str, Any] = orjson.loads(Ndjson(Sight(content=False)).line(event))
    assert (shown["data"], shown["withheld"]) == ({"status": "READ"}, "content")


@pytest.mark.parametrize(
    ("form", "media_type", "suffix"), [(Ndjson(ALL_SEEN), "x-ndjson", "ndjson"), (Csv(ALL_SEEN), "text/csv", "csv")]
)
def test_what_a_file_is_called(form: Format, media_type: str, suffix: str) -> None:
    assert media_type in form.media_type
    assert form.suffix == suffix
