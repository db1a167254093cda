"""What an index of terms must do. It is asked for places where an event may fit, and may name too many, never too few:
whoever asks looks at each event again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ponteio.eventlog.document_terms import Seeds
from ponteio.eventlog.search_reading import Stretch
from ponteio.model.cursor import Cursor
from ponteio.storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Term:
    """Events that have this term."""

    text: bytes


@dataclass(frozen=True, slots=True)
class AllTerms:
    """Events for which every part holds; at least one part."""

    parts: tuple[TermQuery, ...]


@dataclass(frozen=True, slots=True)
class AnyTerm:
    """Events for which a part holds; at least one part."""

    parts: tuple[TermQuery, ...]


TermQuery: TypeAlias = Term | AllTerms | AnyTerm


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places in the order of the search, and the last number that was looked at."""

    seqs: list[int]
    reached: int


@dataclass(frozen=True, slots=True)
class Document:
    """An event's place, and its tokens: eight hexadecimal digits each, with spaces between."""

    seq: int
    tokens: str


class TermIndexDamagedError(StorageError):
    """The index is there and cannot be used: it must be made again."""


class TermIndex(Protocol):
    """An index over the logs of all organizations, each up to a place of its own. Its methods raise `StorageError`."""

    async def progress(self, organization_ids: Collection[str] | None = None) -> Mapping[str, Cursor]:
        """How far each log is indexed; a log that is not named is not indexed at all."""
        ...

    def seeds(self, organization_id: str, seq: int) -> Seeds:
        """What the hashes of an event's terms begin with (`document_terms`)."""
        ...

    async def add(self, organization_id: str, former: Cursor | None, to: Cursor, documents: Sequence[Document]) -> bool:
        """The documents between the two places are in the index, and the log is indexed up to `to`: all or nothing.
        False, and nothing was done, if the log is not indexed up to `former` (None: not at all).
        """
        ...

    async def candidates(
        self, stretch: Stretch, query: TermQuery, limit: int, *, newest_first: bool, go_on: Callable[[], bool]
    ) -> Candidates:
        """The first places of the stretch where the query may hold, about `limit`. It ends early when `go_on` says no,
        but never without having looked at something.
        """
        ...

    async def sweep(self, oldest: Mapping[str, int]) -> None:
        """What the index holds of events that are gone, because these are the oldest numbers of the logs, is forgotten
        as far as that is cheap.
        """
        ...

    async def forget(self, organization_id: str) -> None:
        """The log is not indexed at all."""
        ...

    async def remake(self) -> None:
        """The index is empty, and sound."""
        ...

    async def close(self) -> None:
        """Nothing of it is open. May be called again."""
        ...
