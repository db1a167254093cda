from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from tests.support.databases import empty, opened

from ponteio.eventlog.document_terms import token
from ponteio.eventlog.postgres_terms import PostgresTermIndex, without_terms
from ponteio.eventlog.search_reading import Stretch
from ponteio.eventlog.term_index import AllTerms, AnyTerm, Candidates, Document, Term, TermQuery
from ponteio.model.cursor import Cursor
from ponteio.storage.database import Database

EPOCH = "0123abcd"
A, B = Term(b"a"), Term(b"b")
# Rare, so that its blocks are longer.
X = Term(b"@")
pytestmark = pytest.mark.postgres


@pytest.fixture
async def database(shared_postgres_url: str) -> AsyncIterator[Database]:
    await empty(shared_postgres_url)
    async with opened(shared_postgres_url) as database:
        yield database


@pytest.fixture
def index(database: Database) -> PostgresTermIndex:
    return PostgresTermIndex(database, block_bits=1)


async def add(index: PostgresTermIndex, owner: str, *terms: bytes, after: int = 0) -> bool:
    """A document for each of `terms`, whose letters are its terms."""
    found = [
        Document(seq, " ".join(token(bytes([letter]), index.seeds(owner, seq)) for letter in word))
        for seq, word in enumerate(terms, start=after + 1)
    ]
    return await index.add(owner, Cursor(EPOCH, after) if after else None, Cursor(EPOCH, after + len(terms)), found)


async def found(
    index: PostgresTermIndex,
    owner: str,
    query: TermQuery,
    *,
    low: int = 1,
    high: int = 20,
    limit: int = 99,
    newest_first: bool = True,
    go_on: bool = True,
) -> Candidates:
    stretch = Stretch(owner, EPOCH, low, high)
    return await index.candidates(stretch, query, limit, newest_first=newest_first, go_on=lambda: go_on)


async def test_what_was_added_is_found_across_blocks(index: PostgresTermIndex) -> None:
    assert await add(index, "one", b"a", b"ab", b"b", b"a", b"c", b"ab", b"x")
    assert await index.progress() == {"one": Cursor(EPOCH, 7)}
    assert await found(index, "one", A) == Candidates([6, 4, 2, 1], 1)
    assert await found(index, "one", A, newest_first=False) == Candidates([1, 2, 4, 6], 20)
    assert await found(index, "one", AllTerms((A, B))) == Candidates([6, 2], 1)
    assert await found(index, "one", AnyTerm((B, Term(b"x")))) == Candidates([7, 6, 3, 2], 1)
    assert await found(index, "one", AllTerms((A, AnyTerm((B, Term(b"c")))))) == Candidates([6, 2], 1)
    assert await found(index, "one", A, limit=2) == Candidates([6, 4], 4)
    assert await found(index, "one", A, low=2, high=5) == Candidates([4, 2], 2)
    assert await found(index, "one", Term(b"nothing"), low=3) == Candidates([], 3)


async def test_rare_terms_are_found_across_longer_blocks(index: PostgresTermIndex) -> None:
    await add(index, "one", *[b"@" if number % 10 == 5 else b"a" for number in range(100)])
    places = list(range(96, 0, -10))
    assert (await found(index, "one", X, high=100)).seqs == places
    assert (await found(index, "one", AnyTerm((X, B)), high=100)).seqs == places
    assert (await found(index, "one", X, high=100, newest_first=False)).seqs == places[::-1]
    assert await found(index, "one", X, high=100, go_on=False) == Candidates([96], 96)


async def test_a_search_without_time_has_looked_at_one_block(index: PostgresTermIndex) -> None:
    await add(index, "one", b"a", b"b", b"b")
    assert await found(index, "one", A, high=3, go_on=False) == Candidates([], 2)
    assert await found(index, "one", A, high=1, go_on=False) == Candidates([1], 1)


async def test_logs_do_not_see_each_other(index: PostgresTermIndex) -> None:
    await add(index, "one", b"a", b"a")
    await add(index, "other", b"b")
    assert await found(index, "other", A) == Candidates([], 1)
    assert await index.progress(["other", "nobody"]) == {"other": Cursor(EPOCH, 1)}


async def test_of_many_who_add_the_same_one_does(index: PostgresTermIndex) -> None:
    done = await asyncio.gather(*(add(index, "one", b"a") for _ in range(4)))
    assert sorted(done) == [False, False, False, True]
    done = await asyncio.gather(*(add(index, "one", b"a", after=1) for _ in range(4)))
    assert sorted(done) == [False, False, False, True]
    assert await found(index, "one", A) == Candidates([2, 1], 1)
    assert await index.add("one", Cursor(EPOCH, 2), Cursor(EPOCH, 9), [])


async def test_what_is_gone_is_forgotten(index: PostgresTermIndex, database: Database) -> None:
    await add(index, "one", b"a", b"a", b"a", b"a")
    await add(index, "other", b"a", b"a")
    await index.sweep({"one": 3, "other": 1})
    assert (await found(index, "one", A)).seqs == [4, 3]
    await database.run(without_terms("one", [4, 9]))
    assert (await found(index, "one", A)).seqs == [3]
    assert (await found(index, "other", A)).seqs == [2, 1]
    await index.forget("one")
    assert (await found(index, "one", A)).seqs == []
    assert await index.progress() == {"other": Cursor(EPOCH, 2)}
    await index.remake()
    assert await index.progress() == {}
    await index.close()


async def test_long_questions_are_answered(index: PostgresTermIndex) -> None:
    await add(index, "one", b"a")
    many = tuple(Term(b"x%d" % number) for number in range(2000))
    assert await found(index, "one", AnyTerm((*many, A))) == Candidates([1], 1)
    assert await found(index, "one", AllTerms((*many, A))) == Candidates([], 1)


async def test_the_planner_has_no_other_way_than_the_index(index: PostgresTermIndex, database: Database) -> None:
    await add(index, "one", b"a")
    async with database.read() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.execute(
            text(
                "EXPLAIN SELECT seq FROM event_terms WHERE organization_id || '' = 'one' AND seq + 0 >= 1 "
                "AND seq + 0 <= 9 AND terms @@ CAST('00000000' AS tsquery) ORDER BY seq DESC LIMIT 9"
            )
        )
        assert "ix_event_terms_terms" in "\n".join(line for (line,) in plan)
