from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ponteio.eventlog.document_terms import token
from ponteio.eventlog.search_reading import Stretch
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.eventlog.term_index import (
    AllTerms,
    AnyTerm,
    Candidates,
    Document,
    Term,
    TermIndexDamagedError,
    TermQuery,
)
from ponteio.model.cursor import Cursor
from ponteio.storage.errors import StorageUnavailableError
from ponteio.storage.script import Query, Rows, Script
from ponteio.storage.search_file import SearchFile

EPOCH = "0123abcd"
A, B = Term(b"a"), Term(b"b")


@pytest.fixture
async def file(sqlite_file_url: str) -> AsyncIterator[SearchFile]:
    file = await SearchFile.beside(sqlite_file_url)
    yield file
    await file.close()


@pytest.fixture
def index(file: SearchFile) -> SqliteTermIndex:
    return SqliteTermIndex(file, part=3)


def documents(index: SqliteTermIndex, owner: str, *terms: bytes, first: int = 1) -> list[Document]:
    """A document for each of `terms`, whose letters are its terms."""
    seeds = index.seeds(owner, 0)
    return [
        Document(seq, " ".join(token(bytes([letter]), seeds) for letter in word))
        for seq, word in enumerate(terms, start=first)
    ]


async def add(index: SqliteTermIndex, owner: str, *terms: bytes, after: int = 0) -> bool:
    former = Cursor(EPOCH, after) if after else None
    return await index.add(
        owner, former, Cursor(EPOCH, after + len(terms)), documents(index, owner, *terms, first=after + 1)
    )


async def found(
    index: SqliteTermIndex,
    owner: str,
    query: TermQuery,
    *,
    low: int = 1,
    high: int = 99,
    limit: int = 99,
    newest_first: bool = True,
    go_on: bool = True,
) -> Candidates:
    stretch = Stretch(owner, EPOCH, low, high)
    return await index.candidates(stretch, query, limit, newest_first=newest_first, go_on=lambda: go_on)


async def ask(file: SearchFile, statement: str) -> Rows:
    def script() -> Script[Rows]:
        return (yield Query(statement, ()))

    return await file.database.run(script())


async def test_what_was_added_is_found_across_parts(index: SqliteTermIndex) -> None:
    for after, word in enumerate([b"a", b"ab", b"b", b"a", b"c", b"ab", b"x"]):
        assert await add(index, "one", word, after=after)
    assert await index.progress() == {"one": Cursor(EPOCH, 7)}
    assert await found(index, "one", A) == Candidates([6, 4, 2, 1], 1)
    assert await found(index, "one", A, newest_first=False) == Candidates([1, 2, 4, 6], 99)
    assert await found(index, "one", AllTerms((A, B))) == Candidates([6, 2], 1)
    assert await found(index, "one", AnyTerm((B, Term(b"x")))) == Candidates([7, 6, 3, 2], 1)
    assert await found(index, "one", AllTerms((A, AnyTerm((B, Term(b"c")))))) == Candidates([6, 2], 1)
    assert await found(index, "one", A, limit=2) == Candidates([6, 4], 4)
    assert await found(index, "one", A, low=2, high=5) == Candidates([4, 2], 2)
    assert await found(index, "one", Term(b"nothing"), low=3) == Candidates([], 3)


async def test_a_search_without_time_has_looked_at_one_part(index: SqliteTermIndex) -> None:
    await add(index, "one", b"b", b"b", b"a")
    await add(index, "one", b"b", after=3)
    assert await found(index, "one", A, go_on=False) == Candidates([], 4)
    assert await found(index, "one", A, high=3, go_on=False) == Candidates([3], 1)


async def test_logs_do_not_see_each_other(index: SqliteTermIndex) -> None:
    await add(index, "one", b"a", b"a")
    await add(index, "other", b"b")
    assert await found(index, "other", A) == Candidates([], 1)
    assert await found(index, "nobody", A) == Candidates([], 1)
    assert await index.progress(["other", "nobody"]) == {"other": Cursor(EPOCH, 1)}


async def test_nothing_is_added_twice(index: SqliteTermIndex) -> None:
    assert await add(index, "one", b"a")
    assert not await add(index, "one", b"a")
    assert not await add(index, "one", b"a", after=5)
    assert await found(index, "one", A) == Candidates([1], 1)
    # A stretch without events is passed over.
    assert await index.add("one", Cursor(EPOCH, 1), Cursor(EPOCH, 9), [])
    assert await index.progress() == {"one": Cursor(EPOCH, 9)}


async def test_what_is_forgotten_does_not_come_back_with_a_new_log(index: SqliteTermIndex) -> None:
    await add(index, "one", b"a", b"a")
    await index.forget("one")
    assert await index.progress() == {}
    await add(index, "one", b"b")
    assert await found(index, "one", A) == Candidates([], 1)
    assert await found(index, "one", B) == Candidates([1], 1)


async def test_parts_without_events_are_dropped(index: SqliteTermIndex, file: SearchFile) -> None:
    await add(index, "one", b"a", b"a", b"a")
    await add(index, "one", b"a", after=3)
    await add(index, "other", b"a", b"a")
    await add(index, "one", b"a", after=4)
    tables = "SELECT count(*) FROM sqlite_master WHERE name GLOB 'terms_[0-9]'"
    assert await ask(file, tables) == [(3,)]
    await index.sweep({"one": 3, "other": 1})
    assert await ask(file, tables) == [(3,)]
    await index.sweep({"one": 4, "other": 1})
    assert await ask(file, tables) == [(2,)]
    assert await found(index, "one", A) == Candidates([5, 4], 1)
    # The newest part is never dropped; a log that is gone keeps nothing.
    await index.forget("other")
    await index.sweep({"one": 9})
    assert await ask(file, tables) == [(1,)]
    await add(index, "one", b"a", after=5)
    assert (await found(index, "one", A)).seqs == [6, 5]


async def test_a_damaged_index_says_so_and_can_be_made_anew(index: SqliteTermIndex, file: SearchFile) -> None:
    await add(index, "one", b"a")
    await ask(file, "DROP TABLE terms_1")
    with pytest.raises(TermIndexDamagedError):
        await found(index, "one", A)
    await index.remake()
    assert await index.progress() == {}
    assert await add(index, "one", b"a")
    await index.close()
    with pytest.raises(StorageUnavailableError):
        await found(index, "one", A)


async def test_long_questions_are_answered(index: SqliteTermIndex) -> None:
    await add(index, "one", b"a")
    many = tuple(Term(b"x%d" % number) for number in range(2000))
    assert await found(index, "one", AnyTerm((*many, A))) == Candidates([1], 1)
    assert await found(index, "one", AllTerms((*many, A))) == Candidates([], 1)
