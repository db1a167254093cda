"""Gap rows are written in order, survive the database's absence, and are continued by the next process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.databases import migrated, sqlite_url
from tests.support.simulator import until

from ponteio.eventlog.gaps import GapLog
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory
from ponteio.upstream import link_gaps
from ponteio.upstream.link_gaps import GapKeeper

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
ALPHA, BETA = LinkTarget("main", "alpha"), LinkTarget("main", "beta")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with migrated(sqlite_url(tmp_path)) as opened:
        yield opened


async def test_gaps_begin_end_and_are_recorded_in_order(database: Database) -> None:
    """I8: an outage and an oversize frame each leave a row with its span."""
    log = GapLog(database)
    keeper = GapKeeper(log, Counters())
    keeper.start()
    keeper.begin(ALPHA, GapKind.LINK_DOWN, NOON, "broke")
    keeper.end(ALPHA, GapKind.LINK_DOWN, LATER)
    keeper.begin(ALPHA, GapKind.NAMESPACE_PENDING, LATER, None)
    keeper.record(Gap(BETA, GapKind.OVERSIZE, NOON, NOON, "70 MB"))
    keeper.end(BETA, GapKind.LINK_DOWN, LATER)
    await keeper.stop(2.0)
    assert list(reversed(await log.list("main", 10))) == [
        Gap(ALPHA, GapKind.LINK_DOWN, NOON, LATER, "broke"),
        Gap(ALPHA, GapKind.NAMESPACE_PENDING, LATER, None, None),
        Gap(BETA, GapKind.OVERSIZE, NOON, NOON, "70 MB"),
    ]


async def test_the_next_process_continues_the_gaps_of_wanted_links_and_ends_the_others(database: Database) -> None:
    first = GapKeeper(GapLog(database), Counters())
    first.start()
    first.begin(ALPHA, GapKind.LINK_DOWN, NOON, "the gateway stopped")
    first.begin(BETA, GapKind.LINK_DOWN, NOON, None)
    await first.stop(2.0)

    log = GapLog(database)
    second = GapKeeper(log, Counters())
    assert await second.adopt("main", {ALPHA}, LATER) == {ALPHA: GapKind.LINK_DOWN}
    second.start()
    hour = NOON + timedelta(hours=1)
    second.end(ALPHA, GapKind.LINK_DOWN, hour)
    await second.stop(2.0)
    assert list(reversed(await log.list("main", 10))) == [
        Gap(ALPHA, GapKind.LINK_DOWN, NOON, hour, "the gateway stopped"),
        Gap(BETA, GapKind.LINK_DOWN, NOON, LATER, None),
    ]


async def test_notes_wait_while_the_database_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_gaps, "_RETRY_S", 0.01)
    async with migrated(sqlite_url(tmp_path)) as closed:
        pass
    counters = Counters()
    away = GapKeeper(GapLog(closed), counters)
    away.start()
    away.begin(ALPHA, GapKind.LINK_DOWN, NOON, None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(away.settled(), 0.1)
    await away.stop(0.05)
    assert counters.total("gaps_unrecorded") == 1


@pytest.mark.parametrize(
    "broken",
    [
        Gap(ALPHA, GapKind.OVERSIZE, None, NOON),  # type: ignore[arg-type]
        Gap(ALPHA, None, NOON, NOON),  # type: ignore[arg-type]
    ],
)
async def test_a_note_that_cannot_be_written_is_counted_and_does_not_hold_up_the_rest(
    database: Database, broken: Gap
) -> None:
    log, counters = GapLog(database), Counters()
    keeper = GapKeeper(log, counters)
    keeper.start()
    keeper.record(broken)
    keeper.record(Gap(BETA, GapKind.OVERSIZE, NOON, NOON))
    await until(lambda: counters.total("gaps_unrecorded") == 1)
    await keeper.stop(2.0)
    assert [gap.target for gap in await log.list("main", 10)] == [BETA]


async def test_notes_beyond_the_bound_are_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_gaps, "_MAX_WAITING", 3)
    counters = Counters()
    keeper = GapKeeper(GapLog(database), counters)
    for _ in range(5):
        keeper.record(Gap(ALPHA, GapKind.OVERSIZE, NOON, NOON))
    assert counters.total("gaps_unrecorded") == 2
    keeper.start()
    await keeper.stop(2.0)


async def _with_server(database: Database) -> GapLog:
    directory = Directory(database)
    await directory.ensure_server("main", "http://evolution")
    return GapLog(database)


async def _dies(keeper: GapKeeper) -> None:
    for task in asyncio.all_tasks():
        if task.get_name().startswith("gap keeper"):
            task.cancel()
            await asyncio.wait([task])


async def test_a_death_without_notice_leaves_a_gap_from_the_last_sign_of_life(database: Database) -> None:
    """I8: nobody was there to write that we went deaf; the next process sees it and says so."""
    log = await _with_server(database)
    first = GapKeeper(log, Counters(), clock=lambda: NOON)
    assert await first.adopt("main", {ALPHA}, NOON) == {}
    first.start()
    async with asyncio.timeout(5):
        while await log.last_alive("main") is None:
            await asyncio.sleep(0.005)
    await _dies(first)

    second = GapKeeper(GapLog(database), Counters(), clock=lambda: LATER)
    assert await second.adopt("main", {ALPHA, BETA}, LATER) == {ALPHA: GapKind.LINK_DOWN, BETA: GapKind.LINK_DOWN}
    second.start()
    second.end(ALPHA, GapKind.LINK_DOWN, LATER)
    await second.stop(2.0)
    found = {gap.target: gap for gap in await log.list("main", 10)}
    assert found[ALPHA] == Gap(ALPHA, GapKind.LINK_DOWN, NOON, LATER, link_gaps.DIED)
    assert found[BETA].from_at == NOON
    assert found[BETA].to_at is None


async def test_an_orderly_end_leaves_no_sign_of_life(database: Database) -> None:
    log = await _with_server(database)
    first = GapKeeper(log, Counters())
    await first.adopt("main", {ALPHA}, NOON)
    first.start()
    await first.stop(2.0)
    assert await log.last_alive("main") is None
    assert await GapKeeper(GapLog(database), Counters()).adopt("main", {ALPHA}, LATER) == {}
