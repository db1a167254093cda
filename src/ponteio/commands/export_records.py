"""The records of an export as they arrive: lines of JSON or rows of CSV, each with its cursor, and the last word."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ponteio.model.outcome import CATALOGUE

_CURSOR = re.compile(rb'(?:\{"cursor":)?"([0-9a-f]{8}-[0-9]+)"')
_QUOTE = b'"'


@dataclass(frozen=True, slots=True)
class LastWord:
    """How an export ended: whole, or for `code`; `retry` says whether going on can help."""

    is_whole: bool
    cursor: str
    code: str = ""
    retry: bool = False


class Records:
    """Bytes in, whole records out; what was cut off in the middle of one is not given out."""

    def __init__(self, *, is_csv: bool) -> None:
        self._is_csv = is_csv
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The records that are whole now, with their line ends."""
        self._rest += chunk
        if b"\n" not in chunk:
            return
        lines = bytes(self._rest).splitlines(keepends=True)
        record = b""
        for line in lines:
            record += line
            # Inside quotes a line end belongs to the text.
            if line.endswith(b"\n") and not (self._is_csv and record.count(_QUOTE) % 2):
                yield record
                record = b""
        self._rest = bytearray(record)

    def cursor(self, record: bytes) -> str | None:
        """The cursor of an event's record; None for any other."""
        found = _CURSOR.match(record)
        return None if found is None else found[1].decode()

    def last_word(self, record: bytes) -> LastWord | None:
        """What the record says of the end of the export, if it does."""
        return _of_row(record) if self._is_csv else _of_line(record)


def _of_line(record: bytes) -> LastWord | None:
    if not record.startswith(b'{"end":'):
        return None
    said = json.loads(record)
    code = str(said.get("code", ""))
    return LastWord(said["end"] is True, str(said.get("cursor") or ""), code, bool(said.get("retry")))


def _of_row(record: bytes) -> LastWord | None:
    if not record.startswith((b'"end"', b'"stopped"')):
        return None
    separator = record[record.index(_QUOTE, 1) + 1 :][:1].decode()
    (cells,) = csv.reader(io.StringIO(record.decode(), newline=""), delimiter=separator)
    is_whole = cells[0] == "end"
    known = None if is_whole else CATALOGUE.get(cells[2])
    return LastWord(is_whole, cells[1], "" if is_whole else cells[2], bool(known and known.retry))
