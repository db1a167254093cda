"""The index of terms on PostgreSQL: a narrow table of `tsvector` with a GIN index.

GIN finds all rows that have a term, in no order. So that the newest can be had without all the others, the hashes of
the terms begin anew with every block of numbers: a block is searched as if it had an index of its own, the newest
first, then more and more blocks at once. Terms that few events have begin anew with much longer blocks, because each
block costs a search of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from zlib import crc32

from ponteio.eventlog.document_terms import Seeds, is_common, token
from ponteio.eventlog.search_reading import Stretch
from ponteio.eventlog.term_index import AllTerms, Candidates, Document, Term, TermQuery
from ponteio.model.cursor import Cursor
from ponteio.storage.database import Database
from ponteio.storage.script import Query, Script

BLOCK_BITS = 14
LONGER_BITS = 4
_MOST_BLOCKS = 256
_MOST_TERMS = 2_000
"""Of one query: more blocks at once for short queries, fewer for long ones."""

_ADD = (
    "INSERT INTO event_terms (organization_id, seq, terms) "
    "SELECT ?, place, array_to_tsvector(string_to_array(tokens, ' ')) "
    "FROM unnest(CAST(? AS bigint[]), CAST(? AS text[])) AS documents (place, tokens)"
)
# The sums keep the planner from walking the log by its key: it does not know how rare a hash is.
_CANDIDATES = (
    "SELECT seq FROM event_terms WHERE organization_id || '' = ? AND seq + 0 >= ? AND seq + 0 <= ? "
    "AND terms @@ CAST(? AS tsquery) ORDER BY seq "
)


class PostgresTermIndex:
    """`TermIndex` in the tables `indexed_logs` and `event_terms`."""

    def __init__(self, database: Database, block_bits: int = BLOCK_BITS) -> None:
        self._database = database
        self._block_bits = block_bits

    async def progress(self, organization_ids: Collection[str] | None = None) -> Mapping[str, Cursor]:
        """See `TermIndex`."""
        return await self._database.run_reading(_progress(organization_ids))

    def seeds(self, organization_id: str, seq: int) -> Seeds:
        """See `TermIndex`."""
        common, rare = seq >> self._block_bits, seq >> self._block_bits + LONGER_BITS
        return Seeds(crc32(f"{organization_id}/{common}".encode()), crc32(f"{organization_id}//{rare}".encode()))

    async def add(self, organization_id: str, former: Cursor | None, to: Cursor, documents: Sequence[Document]) -> bool:
        """See `TermIndex`."""
        return await self._database.run(_add(organization_id, former, to, documents))

    async def candidates(
        self, stretch: Stretch, query: TermQuery, limit: int, *, newest_first: bool, go_on: Callable[[], bool]
    ) -> Candidates:
        """See `TermIndex`."""
        # A rare term that fills no page in one block is cheap in many; a common one is not.
        bits, growth = (self._block_bits, 2) if _has_common(query) else (self._block_bits + LONGER_BITS, 8)
        most = max(1, min(_MOST_BLOCKS, _MOST_TERMS // _size(query)))
        pieces = (
            (low, high, self._expression(stretch.organization_id, low, high, bits, query))
            for low, high in _spans(stretch, bits, growth, most, newest_first=newest_first)
        )
        script = _candidates(stretch, pieces, limit, newest_first=newest_first, go_on=go_on)
        return await self._database.run_reading(script)

    async def sweep(self, oldest: Mapping[str, int]) -> None:
        """See `TermIndex`."""
        for organization_id in await self.progress():
            low = oldest.get(organization_id)
            while low is not None and await self._database.run(_removed_below(organization_id, low)):
                pass

    async def forget(self, organization_id: str) -> None:
        """See `TermIndex`."""
        await self._database.run(_forget(organization_id))

    async def remake(self) -> None:
        """See `TermIndex`."""
        for organization_id in await self.progress():
            await self.forget(organization_id)

    async def close(self) -> None:
        """See `TermIndex`. The database is not its own."""

    def _expression(self, organization_id: str, low: int, high: int, bits: int, query: TermQuery) -> str:
        blocks = range(low >> bits, (high >> bits) + 1)
        return " | ".join(_spelled(query, self.seeds(organization_id, block << bits)) for block in blocks)


def _spans(stretch: Stretch, bits: int, growth: int, most: int, *, newest_first: bool) -> Iterator[tuple[int, int]]:
    """The stretch in pieces of whole blocks, as the search meets them: one, then `growth` times as many each time."""
    first, last = stretch.low >> bits, stretch.high >> bits
    count = 1
    while first <= last:
        low, high = (max(last - count + 1, first), last) if newest_first else (first, min(first + count - 1, last))
        first, last = (first, low - 1) if newest_first else (high + 1, last)
        count = min(count * growth, most)
        yield max(low << bits, stretch.low), min(((high + 1) << bits) - 1, stretch.high)


def _progress(organization_ids: Collection[str] | None) -> Script[Mapping[str, Cursor]]:
    if organization_ids is None:
        rows = yield Query("SELECT organization_id, epoch, seq FROM indexed_logs", ())
    else:
        rows = yield Query(
            "SELECT organization_id, epoch, seq FROM indexed_logs WHERE organization_id = ANY (?)",
            (list(organization_ids),),
        )
    return {organization_id: Cursor(epoch, seq) for organization_id, epoch, seq in rows}


def _add(organization_id: str, former: Cursor | None, to: Cursor, documents: Sequence[Document]) -> Script[bool]:
    # First of all: another process that indexes the same log waits here, and then finds that it has been done.
    if former is None:
        rows = yield Query(
            "INSERT INTO indexed_logs (organization_id, epoch, seq) VALUES (?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING seq",
            (organization_id, to.epoch, to.seq),
        )
    else:
        rows = yield Query(
            "UPDATE indexed_logs SET epoch = ?, seq = ? WHERE organization_id = ? AND epoch = ? AND seq = ? "
            "RETURNING seq",
            (to.epoch, to.seq, organization_id, former.epoch, former.seq),
        )
    if rows and documents:
        places, tokens = [document.seq for document in documents], [document.tokens for document in documents]
        yield Query(f"{_ADD} RETURNING seq", (organization_id, places, tokens))
    return bool(rows)


def _candidates(
    stretch: Stretch,
    pieces: Iterator[tuple[int, int, str]],
    limit: int,
    *,
    newest_first: bool,
    go_on: Callable[[], bool],
) -> Script[Candidates]:
    order = "DESC" if newest_first else "ASC"
    # To start other processes takes longer than the search.
    yield Query(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)", ()
    )
    found: list[int] = []
    for low, high, expression in pieces:
        rows = yield Query(
            f"{_CANDIDATES}{order} LIMIT ?", (stretch.organization_id, low, high, expression, limit - len(found))
        )
        found += [seq for (seq,) in rows]
        if len(found) >= limit:
            return Candidates(found, found[-1])
        if not go_on():
            return Candidates(found, low if newest_first else high)
    return Candidates(found, stretch.low if newest_first else stretch.high)


def _removed_below(organization_id: str, low: int) -> Script[bool]:
    """A portion of the oldest rows, as far as they are below `low`, is gone; whether there was one."""
    rows = yield Query(
        "DELETE FROM event_terms WHERE organization_id = ? AND seq IN "
        "(SELECT seq FROM event_terms WHERE organization_id = ? AND seq < ? ORDER BY seq LIMIT 2000) RETURNING seq",
        (organization_id, organization_id, low),
    )
    return bool(rows)


def without_terms(organization_id: str, seqs: Collection[int]) -> Script[None]:
    """These events' terms are gone, for whoever removes the events. On SQLite, whose index knows its old parts only as
    a whole, there is nothing to do.
    """
    marks = ", ".join("?" * len(seqs))
    yield Query(
        f"DELETE FROM event_terms WHERE organization_id = ? AND seq IN ({marks}) RETURNING seq",  # noqa: S608
        (organization_id, *seqs),
    )


def _forget(organization_id: str) -> Script[None]:
    yield Query("DELETE FROM indexed_logs WHERE organization_id = ? RETURNING seq", (organization_id,))
    yield Query(
        "WITH gone AS (DELETE FROM event_terms WHERE organization_id = ? RETURNING 1) SELECT count(*) FROM gone",
        (organization_id,),
    )


def _size(query: TermQuery) -> int:
    return 1 if isinstance(query, Term) else sum(map(_size, query.parts))


def _has_common(query: TermQuery) -> bool:
    return is_common(query.text) if isinstance(query, Term) else any(map(_has_common, query.parts))


def _spelled(query: TermQuery, seeds: Seeds) -> str:
    """In the language of `tsquery`: nothing but hexadecimal digits, parentheses and its own signs."""
    if isinstance(query, Term):
        return token(query.text, seeds)
    between = " & " if isinstance(query, AllTerms) else " | "
    return f"({between.join(_spelled(part, seeds) for part in query.parts)})"
