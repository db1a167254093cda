"""The index of terms on SQLite: FTS5 tables in a file beside the database.

Each event is a row of hashes without content, whose number is the log's (the upper bits) and the event's place in it
(the lower 40): rows come out newest first without sorting, and a range of numbers is one log's. The tables are parts of
the whole in the order of indexing, so that a part whose events are all gone can be dropped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar
from zlib import crc32

from ponteio.eventlog.document_terms import Seeds, token
from ponteio.eventlog.search_reading import Stretch
from ponteio.eventlog.term_index import (
    AllTerms,
    Candidates,
    Document,
    Term,
    TermIndexDamagedError,
    TermQuery,
)
from ponteio.model.cursor import Cursor
from ponteio.storage.errors import StorageError, StorageUnavailableError
from ponteio.storage.script import Query, Script
from ponteio.storage.search_file import SearchFile

T = TypeVar("T")

PART = 1_000_000
"""Documents of a part, before the next is begun."""
_PLACE_BITS = 40
_ROWS_AT_ONCE = 500

_PARTS = "SELECT part, low, high FROM part_logs WHERE number = ? AND high >= ? AND low <= ? ORDER BY part "


class SqliteTermIndex:
    """`TermIndex` in a `SearchFile`."""

    def __init__(self, file: SearchFile, part: int = PART) -> None:
        self._file = file
        self._part = part

    async def progress(self, organization_ids: Collection[str] | None = None) -> Mapping[str, Cursor]:
        """See `TermIndex`."""
        return await _undamaged(self._file.database.run_reading(_progress(organization_ids)))

    def seeds(self, organization_id: str, seq: int) -> Seeds:
        """See `TermIndex`."""
        del seq
        return Seeds.alike(crc32(organization_id.encode()))

    async def add(self, organization_id: str, former: Cursor | None, to: Cursor, documents: Sequence[Document]) -> bool:
        """See `TermIndex`."""
        return await _undamaged(self._file.database.run(_add(organization_id, former, to, documents, self._part)))

    async def candidates(
        self, stretch: Stretch, query: TermQuery, limit: int, *, newest_first: bool, go_on: Callable[[], bool]
    ) -> Candidates:
        """See `TermIndex`."""
        expression = _expression(query, self.seeds(stretch.organization_id, 0))
        script = _candidates(stretch, expression, limit, newest_first=newest_first, go_on=go_on)
        return await _undamaged(self._file.database.run_reading(script))

    async def sweep(self, oldest: Mapping[str, int]) -> None:
        """See `TermIndex`: parts all of whose events are gone are dropped."""
        await _undamaged(self._file.database.run(_sweep(oldest)))

    async def forget(self, organization_id: str) -> None:
        """See `TermIndex`."""
        await _undamaged(self._file.database.run(_forget(organization_id)))

    async def remake(self) -> None:
        """See `TermIndex`."""
        await self._file.remake()

    async def close(self) -> None:
        """See `TermIndex`."""
        await self._file.close()


async def _undamaged(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except StorageUnavailableError:
        raise
    except StorageError as error:
        raise TermIndexDamagedError(str(error)) from None


def _progress(organization_ids: Collection[str] | None) -> Script[Mapping[str, Cursor]]:
    if organization_ids is None:
        rows = yield Query("SELECT organization_id, epoch, seq FROM logs", ())
    else:
        marks = ", ".join("?" * len(organization_ids))
        rows = yield Query(
            f"SELECT organization_id, epoch, seq FROM logs WHERE organization_id IN ({marks})",  # noqa: S608
            tuple(organization_ids),
        )
    return {organization_id: Cursor(epoch, seq) for organization_id, epoch, seq in rows}


def _add(
    organization_id: str, former: Cursor | None, to: Cursor, documents: Sequence[Document], part_size: int
) -> Script[bool]:
    rows = yield Query("SELECT number, epoch, seq FROM logs WHERE organization_id = ?", (organization_id,))
    if (Cursor(rows[0][1], rows[0][2]) if rows else None) != former:
        return False
    if not rows:
        rows = yield Query(
            "INSERT INTO logs (organization_id, epoch, seq) VALUES (?, ?, 0) RETURNING number",
            (organization_id, to.epoch),
        )
    number = rows[0][0]
    if documents:
        part = yield from _current_part(part_size)
        yield from _insert(part, number, documents)
    yield Query("UPDATE logs SET epoch = ?, seq = ? WHERE number = ?", (to.epoch, to.seq, number))
    return True


def _current_part(part_size: int) -> Script[int]:
    rows = yield Query("SELECT part, documents FROM parts ORDER BY part DESC LIMIT 1", ())
    if rows and rows[0][1] < part_size:
        return int(rows[0][0])
    if rows:
        # Nothing is added to it any more: in one piece it answers quickest.
        yield Query(f"INSERT INTO terms_{rows[0][0]} (terms_{rows[0][0]}) VALUES ('optimize')", ())  # noqa: S608
    part = rows[0][0] + 1 if rows else 1
    yield Query("INSERT INTO parts (part, documents) VALUES (?, 0)", (part,))
    yield Query(
        f"CREATE VIRTUAL TABLE terms_{part} "
        "USING fts5(tokens, content = '', detail = none, columnsize = 0, tokenize = 'ascii')",
        (),
    )
    return int(part)


def _insert(part: int, number: int, documents: Sequence[Document]) -> Script[None]:
    base = number << _PLACE_BITS
    for start in range(0, len(documents), _ROWS_AT_ONCE):
        some = documents[start : start + _ROWS_AT_ONCE]
        yield Query(
            f"INSERT INTO terms_{part} (rowid, tokens) VALUES {', '.join(['(?, ?)'] * len(some))}",  # noqa: S608
            tuple(value for document in some for value in (base | document.seq, document.tokens)),
        )
    yield Query("UPDATE parts SET documents = documents + ? WHERE part = ?", (len(documents), part))
    yield Query(
        "INSERT INTO part_logs (number, part, low, high) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (number, part) DO UPDATE SET high = excluded.high",
        (number, part, documents[0].seq, documents[-1].seq),
    )


def _candidates(
    stretch: Stretch, expression: str, limit: int, *, newest_first: bool, go_on: Callable[[], bool]
) -> Script[Candidates]:
    order, end = ("DESC", stretch.low) if newest_first else ("ASC", stretch.high)
    rows = yield Query("SELECT number FROM logs WHERE organization_id = ?", (stretch.organization_id,))
    if not rows:
        return Candidates([], end)
    base = rows[0][0] << _PLACE_BITS
    found: list[int] = []
    for part, first, last in (yield Query(_PARTS + order, (rows[0][0], stretch.low, stretch.high))):
        low, high = max(first, stretch.low), min(last, stretch.high)
        rows = yield Query(
            f"SELECT rowid - ? FROM terms_{part} WHERE terms_{part} MATCH ? AND rowid >= ? AND rowid <= ? "  # noqa: S608
            f"ORDER BY rowid {order} LIMIT ?",
            (base, expression, base + low, base + high, limit - len(found)),
        )
        found += [seq for (seq,) in rows]
        if len(found) >= limit:
            return Candidates(found, found[-1])
        if not go_on():
            return Candidates(found, low if newest_first else high)
    return Candidates(found, end)


def _sweep(oldest: Mapping[str, int]) -> Script[None]:
    rows = yield Query(
        "SELECT part, organization_id, high FROM parts LEFT JOIN part_logs USING (part) LEFT JOIN logs USING (number) "
        "WHERE part < (SELECT max(part) FROM parts)",
        (),
    )
    kept = {part for part, owner, high in rows if owner is not None and high >= oldest.get(owner, high + 1)}
    for part in sorted({part for part, _, _ in rows} - kept):
        yield Query(f"DROP TABLE terms_{part}", ())
        yield Query("DELETE FROM part_logs WHERE part = ?", (part,))
        yield Query("DELETE FROM parts WHERE part = ?", (part,))


def _forget(organization_id: str) -> Script[None]:
    rows = yield Query("DELETE FROM logs WHERE organization_id = ? RETURNING number", (organization_id,))
    for (number,) in rows:
        yield Query("DELETE FROM part_logs WHERE number = ?", (number,))


def _expression(query: TermQuery, seeds: Seeds) -> str:
    """In the language of FTS5: nothing but hexadecimal digits, parentheses and its own words."""
    if isinstance(query, Term):
        return token(query.text, seeds)
    between = " AND " if isinstance(query, AllTerms) else " OR "
    return f"({between.join(_expression(part, seeds) for part in query.parts)})"
