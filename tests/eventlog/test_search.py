from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.filter_drawing import NOON
from tests.support.search_world import SearchWorld, search_world

from ponteio.eventlog import search
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.search import SearchPage
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.model.cursor import Cursor
from ponteio.model.event import Origin
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import CURSOR_EXPIRED, INVALID_CURSOR, ORGANIZATION_NOT_FOUND, RefusalError
from ponteio.model.sight import Sight
from ponteio.storage.database import Database


@pytest.fixture
async def world(database: Database, database_url: str) -> AsyncIterator[SearchWorld]:
    async with search_world(database, database_url) as world:
        yield world


@pytest.fixture
async def scope(world: SearchWorld) -> OrganizationScope:
    """A log of ten events; every third is a call."""
    scope = await world.organization("one")
    await world.put_all(
        scope,
        [
            (b'{"n":%d}' % n, "messages.upsert" if n % 3 else "call", "alpha", 60 * (10 - n), Origin.LIVE)
            for n in range(10)
        ],
    )
    return scope


def seqs(page: SearchPage) -> list[int]:
    return [event.seq for event in page.events]


async def test_the_newest_come_first_and_pages_go_both_ways(world: SearchWorld, scope: OrganizationScope) -> None:
    log, calls = world.log, parse_filter("event:call", NOON)
    first = await log.search(scope, calls, limit=2)
    assert (seqs(first), first.complete) == ([10, 7], True)
    assert first.next == first.head.at(7)
    assert first.previous == first.head == await log.head(scope)
    second = await log.search(scope, calls, limit=2, before=first.next)
    assert (seqs(second), second.complete, second.next) == ([4, 1], True, None)
    back = await log.search(scope, calls, limit=2, after=first.head.at(1))
    assert seqs(back) == [4, 7]
    assert back.next == first.head.at(7)
    assert back.previous == first.head.at(2)
    assert seqs(await log.search(scope, calls, before=back.previous)) == [1]
    assert seqs(await log.search(scope, calls, after=back.next)) == [10]
    between = await log.search(scope, calls, after=first.head.at(2), before=first.head.at(9))
    assert (seqs(between), between.next) == ([4, 7], None)
    await world.put(scope, {}, "call")
    assert seqs(await log.search(scope, calls, after=first.previous)) == [11]


async def test_an_empty_log_has_an_empty_page(world: SearchWorld) -> None:
    scope = await world.organization("empty")
    head = await world.log.head(scope)
    assert await world.log.search(scope, EVERY) == SearchPage([], None, head, head, True, head)
    found = await world.log.search(scope, EVERY, after=head)
    assert (found.events, found.next, found.complete) == ([], None, True)


async def test_places_that_are_none_are_refused(world: SearchWorld, scope: OrganizationScope) -> None:
    head = await world.log.head(scope)
    assert seqs(await world.log.search(scope, EVERY, before=head.at(11), limit=1)) == [10]
    elsewhere = Cursor("ffffffff", 1)
    for after, before, outcome in [
        (head.at(11), None, INVALID_CURSOR),
        (None, head.at(12), INVALID_CURSOR),
        (None, elsewhere, CURSOR_EXPIRED),
        (elsewhere, None, CURSOR_EXPIRED),
    ]:
        with pytest.raises(RefusalError) as caught:
            await world.log.search(scope, EVERY, after=after, before=before)
        assert caught.value.outcome is outcome
    with pytest.raises(RefusalError) as caught:
        await world.log.search(OrganizationScope("nobody"), EVERY)
    assert caught.value.outcome is ORGANIZATION_NOT_FOUND


@pytest.mark.parametrize("is_indexed", [True, False])
async def test_nobody_finds_what_is_not_theirs(world: SearchWorld, scope: OrganizationScope, is_indexed: bool) -> None:
    other = await world.organization("other")
    await world.put(other, {"key": {"id": "3EB0"}, "message": {"conversation": "segredo"}}, "call", "alpha")
    await world.put(scope, {"key": {"id": "3EB1"}, "message": {"conversation": "segredo"}}, "call", "beta")
    if is_indexed:
        await world.indexer.catch_up()
    for text in ("text:segredo", "id:3EB0,3EB1", "event:call text:segredo"):
        found = await world.log.search(scope, parse_filter(text, NOON))
        assert [event.instance for event in found.events] == ["beta"]
        assert {event.organization_id for event in found.events} == {scope.organization_id}
    narrow = replace(scope, allowed=EventFilter.of(["alpha"]))
    assert seqs(await world.log.search(narrow, parse_filter("text:segredo", NOON))) == []
    blind = replace(scope, sight=Sight(content=False))
    assert seqs(await world.log.search(blind, parse_filter("text:segredo", NOON))) == []
    assert seqs(await world.log.search(blind, parse_filter("id:3EB1", NOON))) == [11]


async def test_a_search_without_time_says_so_and_goes_on(
    world: SearchWorld, scope: OrganizationScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_FIRST_WINDOW", 4)
    wanted = parse_filter("data.n:0 -event:nothing", NOON)
    page = await world.log.search(scope, wanted, budget_s=0.0)
    assert (seqs(page), page.complete) == ([], False)
    assert page.next == page.scanned_to == page.head.at(7)
    places = []
    while page.next is not None:
        places.append(page.next.seq)
        page = await world.log.search(scope, wanted, budget_s=0.0, before=page.next)
    assert places == [7, 3]
    assert (seqs(page), page.complete) == ([1], True)


async def test_bytes_are_bounded(world: SearchWorld, scope: OrganizationScope) -> None:
    page = await world.log.search(scope, EVERY, max_bytes=len(b'{"n":1}') * 3 + 1)
    assert (seqs(page), page.next) == ([10, 9, 8], page.head.at(8))
    assert seqs(await world.log.search(scope, EVERY, max_bytes=1)) == [10]


async def test_beginnings_of_names_are_found_before_and_after_they_are_counted(
    world: SearchWorld, scope: OrganizationScope
) -> None:
    await world.put(scope, {}, "call", "beta-1")
    await world.indexer.catch_up()
    wanted = parse_filter("inst:be* event:call", NOON)
    assert seqs(await world.log.search(scope, wanted)) == [11]


async def test_events_that_were_removed_are_not_found(world: SearchWorld, scope: OrganizationScope) -> None:
    await world.indexer.catch_up()
    async with world.database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM events WHERE seq = 7")
    assert seqs(await world.log.search(scope, parse_filter("event:call", NOON))) == [10, 4, 1]


async def test_an_index_that_is_gone_only_makes_it_slower(sqlite_file_url: str, sqlite_database: Database) -> None:
    async with search_world(sqlite_database, sqlite_file_url) as world:
        scope = await world.organization("one")
        for _ in range(3):
            await world.put(scope, {}, "call")
        await world.indexer.catch_up()
        await world.index.close()
        assert seqs(await world.log.search(scope, parse_filter("event:call", NOON))) == [3, 2, 1]


async def test_a_damaged_index_only_makes_it_slower(
    sqlite_file_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    async with search_world(sqlite_database, sqlite_file_url) as world:
        scope = await world.organization("one")
        for _ in range(3):
            await world.put(scope, {}, "call")
        await world.indexer.catch_up()
        assert isinstance(world.index, SqliteTermIndex)
        async with world.index._file.database.write() as connection:
            await connection.exec_driver_sql("DROP TABLE terms_1")
        assert seqs(await world.log.search(scope, parse_filter("event:call", NOON))) == [3, 2, 1]


async def test_few_search_at_once(world: SearchWorld, scope: OrganizationScope) -> None:
    wanted = parse_filter("event:call", NOON)
    found = await asyncio.gather(*(world.log.search(scope, wanted) for _ in range(20)))
    assert {tuple(seqs(page)) for page in found} == {(10, 7, 4, 1)}


async def test_a_log_without_an_index_can_be_searched(world: SearchWorld, scope: OrganizationScope) -> None:
    log = EventLog(world.database)
    assert seqs(await log.search(scope, parse_filter("event:call", NOON))) == [10, 7, 4, 1]
    log.use(world.index)
    assert seqs(await log.search(scope, parse_filter("event:call", NOON))) == [10, 7, 4, 1]
