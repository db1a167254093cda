from __future__ import annotations

from datetime import datetime, timedelta

from tests.support.log_world import NOON

from ponteio.eventlog.gaps import GapLog
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.storage.database import Database

_GLOBAL, _ALPHA = LinkTarget("main"), LinkTarget("main", "a/b, ç")
_LATER, _LATEST = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)


async def test_a_gap_has_a_beginning_and_then_an_end(database: Database) -> None:
    """I8: an outage leaves a row with from and to."""
    gaps = GapLog(database)
    gap_id = await gaps.open(_ALPHA, GapKind.LINK_DOWN, NOON, "transport close")
    assert await gaps.list("main", 10) == [Gap(_ALPHA, GapKind.LINK_DOWN, NOON, None, "transport close")]
    await gaps.close(gap_id, _LATER)
    await gaps.close(gap_id, _LATEST)
    assert await gaps.list("main", 10) == [Gap(_ALPHA, GapKind.LINK_DOWN, NOON, _LATER, "transport close")]


async def test_who_listens_hears_of_each_gap_once_when_it_opens_and_when_it_ends(database: Database) -> None:
    gaps, heard = GapLog(database), list[tuple[int, Gap]]()
    gaps.on_gap(lambda gap_id, gap: heard.append((gap_id, gap)))
    gap_id = await gaps.open(_ALPHA, GapKind.LINK_DOWN, NOON, "gone")
    assert await gaps.open(_ALPHA, GapKind.LINK_DOWN, _LATER, "again") == gap_id
    await gaps.close(gap_id, _LATER)
    await gaps.close(gap_id, _LATEST)
    other = await gaps.record(Gap(_GLOBAL, GapKind.OVERSIZE, NOON, NOON))
    assert heard == [
        (gap_id, Gap(_ALPHA, GapKind.LINK_DOWN, NOON, None, "gone")),
        (gap_id, Gap(_ALPHA, GapKind.LINK_DOWN, NOON, _LATER, "gone")),
        (other, Gap(_GLOBAL, GapKind.OVERSIZE, NOON, NOON)),
    ]


async def test_opening_what_is_open_continues_it(database: Database) -> None:
    gaps = GapLog(database)
    first = await gaps.open(_ALPHA, GapKind.LINK_DOWN, NOON)
    assert await gaps.open(_ALPHA, GapKind.LINK_DOWN, _LATER, "again") == first
    assert await gaps.open(_ALPHA, GapKind.NAMESPACE_PENDING, _LATER) != first
    assert await gaps.open(_GLOBAL, GapKind.LINK_DOWN, _LATER) != first
    await gaps.close(first, _LATER)
    assert await gaps.open(_ALPHA, GapKind.LINK_DOWN, _LATEST) != first


async def test_what_a_dead_process_left_open_is_continued_or_ended(database: Database) -> None:
    """I8: we stay deaf from the first outage until the link is back, over a restart."""
    dead = GapLog(database)
    for target in (_GLOBAL, _ALPHA, LinkTarget("other")):
        await dead.open(target, GapKind.LINK_DOWN, NOON)
    gaps = GapLog(database)
    continued = await gaps.open(_GLOBAL, GapKind.LINK_DOWN, _LATER)
    assert await gaps.close_stale("main", _LATEST) == 1
    assert {(gap.target, gap.from_at, gap.to_at) for gap in await gaps.list("main", 10)} == {
        (_GLOBAL, NOON, None),
        (_ALPHA, NOON, _LATEST),
    }
    assert [gap.to_at for gap in await gaps.list("other", 10)] == [None]
    await gaps.close(continued, _LATEST)
    assert await gaps.close_stale("main", _LATEST) == 0


async def test_the_newest_gaps_come_first(database: Database) -> None:
    gaps = GapLog(database)
    for minute in range(5):
        moment = NOON + timedelta(minutes=minute)
        await gaps.record(Gap(_GLOBAL, GapKind.OVERSIZE, moment, moment, f"frame of {minute} MiB\x00"))
    assert [gap.detail for gap in await gaps.list("main", 2)] == ["frame of 4 MiB\x00", "frame of 3 MiB\x00"]


async def test_all_gaps_of_a_removed_server_end(database: Database) -> None:
    """I8: what nobody wants to hear any more is no gap that lasts."""
    gaps = GapLog(database)
    await gaps.open(_GLOBAL, GapKind.LINK_DOWN, NOON)
    await gaps.open(_ALPHA, GapKind.LINK_DOWN, _LATEST)
    await gaps.open(LinkTarget("other"), GapKind.LINK_DOWN, NOON)
    assert await gaps.close_all("main", _LATER) == 2
    assert {(gap.from_at, gap.to_at) for gap in await gaps.list("main", 10)} == {(NOON, _LATER), (_LATEST, _LATEST)}
    assert [gap.to_at for gap in await gaps.list("other", 10)] == [None]
    assert await gaps.close_all("main", _LATEST) == 0


async def test_the_gaps_of_some_targets_that_reach_into_a_span(database: Database) -> None:
    gaps = GapLog(database)
    beta, elsewhere = LinkTarget("main", "beta"), LinkTarget("other", "a/b, ç")

    def minute(number: int) -> datetime:
        return NOON + timedelta(minutes=number)

    for target in (_ALPHA, beta, elsewhere, _GLOBAL):
        for begin, end in ((0, 10), (10, 20), (15, 40), (30, 40), (40, 50)):
            await gaps.record(Gap(target, GapKind.LINK_DOWN, minute(begin), minute(end)))
    await gaps.open(_ALPHA, GapKind.LINK_DOWN, minute(5))
    await gaps.open(_ALPHA, GapKind.NAMESPACE_PENDING, minute(45))

    found = await gaps.between([_ALPHA], minute(20), minute(40), 10)
    assert [(gap.from_at, gap.to_at) for gap in found] == [
        (minute(30), minute(40)),
        (minute(15), minute(40)),
        (minute(5), None),
    ]
    both = await gaps.between([_ALPHA, elsewhere], minute(20), minute(40), 10)
    assert {gap.target for gap in both} == {_ALPHA, elsewhere}
    assert len(both) == 5
    assert len(await gaps.between([_ALPHA, beta, _GLOBAL], minute(0), minute(60), 4)) == 4
    assert await gaps.between([], minute(0), minute(60), 4) == []


async def test_gaps_are_counted_by_kind(database: Database) -> None:
    gaps = GapLog(database)
    assert await gaps.counts() == {}
    await gaps.open(_ALPHA, GapKind.LINK_DOWN, NOON)
    await gaps.record(Gap(_GLOBAL, GapKind.LINK_DOWN, NOON, _LATER))
    await gaps.record(Gap(_GLOBAL, GapKind.OVERSIZE, NOON, NOON))
    assert await gaps.counts() == {GapKind.LINK_DOWN: (2, 1), GapKind.OVERSIZE: (1, 0)}
