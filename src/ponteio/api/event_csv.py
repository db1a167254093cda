"""Events as the rows of a spreadsheet, which cannot make formulas of what strangers wrote.

Excel, LibreOffice and Google Sheets run a cell that begins with one of a few characters, quoted or not (OWASP, "CSV
Injection"), and split cells by the separator of the reader's language, not by ours.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent, utc_text
from ponteio.model.message_story import message_ids
from ponteio.model.message_text import texts
from ponteio.model.sight import Sight

Separator: TypeAlias = Literal[",", ";"]

COLUMNS = (
    *("cursor", "received_at", "occurred_at", "instance", "event", "origin", "chat", "participant", "from_me"),
    *("message_id", "message_type", "status", "name", "text", "withheld"),
)
END = "end"
"""The first cell of the last row, which has the cursor and the number of rows. A file without it is not whole."""
STOPPED = "stopped"
"""The first cell of the last row of an export that ended early: the cursor to go on from, and why."""
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
TEXT_CHARS = 32_000
"""A cell of Excel holds 32 767."""

_FORMULA = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_DANGEROUS = re.compile(rf"(\A[ \u00a0\"']*)(?=[{_FORMULA}\t\r\n])|([;,\t\r\n|][ \u00a0\"']*)(?=[{_FORMULA}])")
"""Where a spreadsheet could begin a cell, before what would make it a formula: full-width forms count too."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def head(separator: Separator) -> bytes:
    """The beginning of a file: the byte order mark and the names of the columns."""
    return BOM.encode() + _row(COLUMNS, separator)


def row(event: StoredEvent, sight: Sight, separator: Separator) -> bytes:
    """One event, for a reader with this sight. Of an event with several messages the columns of a message are filled
    as far as all agree.
    """
    data = event.facts(sight).data
    parts = [part for part in (data if isinstance(data, list) else [data]) if isinstance(part, Mapping)]
    ids = message_ids(event.event, data)
    cells = (
        str(event.cursor),
        utc_text(event.received_at),
        utc_text(event.occurred_at),
        event.instance,
        event.event,
        event.origin,
        _agreed(_first(part, "remoteJid", "chatId", "id") for part in parts),
        _agreed(_first(part, "participant") for part in parts),
        _agreed(_first(part, "fromMe") for part in parts),
        ids[0] if len(ids) == 1 else "",
        _agreed(part.get("messageType") for part in parts),
        _agreed(part.get("status") for part in parts),
        _agreed(part.get("pushName") for part in parts),
        "\n".join(text for part in parts for text in texts(part))[:TEXT_CHARS],
        "" if sight.is_whole(event.event) else "yes",
    )
    return _row(cells, separator)


def tail(cursor: Cursor | None, count: int, separator: Separator) -> bytes:
    """The last row of a whole file."""
    return _row([END, str(cursor or ""), str(count), *[""] * (len(COLUMNS) - 3)], separator)


def stop(cursor: Cursor | None, code: str, separator: Separator) -> bytes:
    """The last row of a file that ends early because of `code`."""
    return _row([STOPPED, str(cursor or ""), code, *[""] * (len(COLUMNS) - 3)], separator)


def defused(text: str) -> str:
    """`text` with an apostrophe wherever a spreadsheet would take what follows for a formula, whatever separator it
    goes by, and without control characters.
    """
    return _DANGEROUS.sub(r"\g<0>'", _CONTROLS.sub(" ", text))


def _row(cells: Sequence[str], separator: Separator) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(defused, cells))
    return out.getvalue().encode("utf-8", "replace")


def _first(part: Mapping[str, Any], *names: str) -> Any:
    """The first of these members that is there, in the message's key or beside it."""
    key = part.get("key")
    for name in names:
        for holder in (key, part):
            value = holder.get(name) if isinstance(holder, Mapping) else None
            if isinstance(value, bool) or (isinstance(value, str) and (name != "id" or "@" in value)):
                return value
    return None


def _agreed(values: Any) -> str:
    """The one value that all have; nothing where they differ or there is none."""
    found = {value for value in values if isinstance(value, str | bool)}
    if len(found) != 1:
        return ""
    (value,) = found
    return value if isinstance(value, str) else str(value).lower()
