"""The laws of the event log, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import make_url, text
from tests.support.databases import migrated, opened
from tests.support.log_world import LogWorld, decoded, log_world

from ponteio.eventlog.log import EventLog
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import CURSOR_EXPIRED, INVALID_CURSOR, ORGANIZATION_NOT_FOUND, Outcome, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageUnavailableError


@pytest.fixture
async def world(database: Database) -> LogWorld:
    return await log_world(database, "alpha", "beta")


@pytest.fixture
async def neighbours(database_url: str) -> AsyncIterator[list[Database]]:
    """The same database as three processes have it open."""
    opened = [await Database.open(database_url, checkpoints=not number) for number in range(3)]
    await opened[0].migrate()
    yield opened
    await asyncio.gather(*(one.close() for one in opened))


def _numbers(events: list[StoredEvent]) -> list[int]:
    return [event.seq for event in events]


async def test_numbers_are_dense_in_each_organization(world: LogWorld) -> None:
    """I2: 1, 2, 3…, whatever else is appended in between, in the order given."""
    mixed = [world.addressed(decoded(("alpha", "beta")[n % 3 == 0], n)) for n in range(30)]
    first = await world.log.append(mixed[:17])
    second = await world.log.append(mixed[17:])
    stored = first.stored + second.stored
    assert [event.instance for event in stored] == [event.decoded.instance for event in mixed]
    for name in ("alpha", "beta"):
        assert _numbers([event for event in stored if event.instance == name]) == list(
            range(1, len(await world.everything(name)) + 1)
        )
        assert await world.everything(name) == [event for event in stored if event.instance == name]


async def test_concurrent_appenders_leave_no_hole_and_no_double(neighbours: list[Database]) -> None:
    """I2: several processes append to the same organizations at once; each event gets one number, each number one
    event.
    """
    world = await log_world(neighbours[0], "alpha", "beta")
    logs = [EventLog(database) for database in neighbours]
    batches = [
        [world.addressed(decoded(random.choice(("alpha", "beta")), n)) for n in range(start, start + 7)]
        for start in range(0, 210, 7)
    ]
    await asyncio.gather(*(logs[number % 3].append(batch) for number, batch in enumerate(batches)))
    for name in ("alpha", "beta"):
        seen = await world.everything(name)
        assert _numbers(seen) == list(range(1, len(seen) + 1))
        wanted = [one.decoded.data for batch in batches for one in batch if one.decoded.instance == name]
        assert sorted(event.data for event in seen) == sorted(wanted)


async def test_the_same_events_from_several_processes_are_stored_once(neighbours: list[Database]) -> None:
    """I2: overlapping batches in different orders, at once: no double, no hole, nobody waits for ever."""
    world = await log_world(neighbours[0], "alpha", "beta")
    logs = [EventLog(database) for database in neighbours]
    batches = []
    for _ in range(12):
        numbers = random.sample(range(60), 40)
        batches.append([world.addressed(decoded(("alpha", "beta")[n % 2], n)) for n in numbers])
    answers = await asyncio.gather(*(logs[number % 3].append(batch) for number, batch in enumerate(batches)))
    different = {one.decoded.fingerprint for batch in batches for one in batch}
    assert sum(len(answer.stored) for answer in answers) == len(different)
    assert sum(len(answer.stored) + answer.duplicates for answer in answers) == 12 * 40
    for name in ("alpha", "beta"):
        seen = await world.everything(name)
        assert _numbers(seen) == list(range(1, len(seen) + 1))


async def test_a_reader_never_sees_a_number_before_the_one_below_it(neighbours: list[Database]) -> None:
    """I2: commit order is number order: a reader that follows the head misses nothing."""
    world = await log_world(neighbours[0], "alpha")
    writers, reader = [EventLog(neighbours[0]), EventLog(neighbours[1])], EventLog(neighbours[2])
    done = asyncio.Event()
    followed: list[int] = []

    async def follow() -> None:
        cursor = None
        while True:
            finished = done.is_set()
            page = await reader.read_after(world.scope("alpha"), cursor, limit=9)
            followed.extend(_numbers(page.events))
            cursor = page.next
            if finished and not page.more:
                return

    async def write(log: EventLog, offset: int) -> None:
        for start in range(offset, offset + 100, 5):
            await log.append(world.batch("alpha", range(start, start + 5)))

    following = asyncio.ensure_future(follow())
    await asyncio.gather(*(write(log, number * 1_000) for number, log in enumerate(writers)))
    done.set()
    await following
    assert followed == list(range(1, 201))


async def test_an_event_is_stored_once_over_both_links_and_every_retry(world: LogWorld) -> None:
    """I3: the fingerprint decides, within a batch and after it."""
    one, over_namespace = decoded("alpha", 1), decoded("alpha", 1, over="alpha")
    other = decoded("alpha", 2)
    first = await world.log.append([world.addressed(event) for event in (one, other, over_namespace, one)])
    assert ([event.data for event in first.stored], first.duplicates) == ([one.data, other.data], 2)
    again = await world.log.append([world.addressed(event) for event in (over_namespace, decoded("alpha", 3))])
    assert (_numbers(again.stored), again.duplicates) == ([3], 1)


async def test_an_event_stays_a_duplicate_when_its_instance_changes_hands(world: LogWorld) -> None:
    event = decoded("alpha", 1)
    await world.log.append([world.addressed(event)])
    await world.directory.assign("alpha", world.scope("beta").organization_id)
    assert (await world.log.append([world.addressed(event)])).duplicates == 1
    assert await world.everything("beta") == []


async def test_after_means_strictly_greater_and_nothing_is_before_one(world: LogWorld) -> None:
    """I11: 0 is before the beginning."""
    stored = (await world.log.append(world.batch("alpha", range(5)))).stored
    scope, head = world.scope("alpha"), await world.log.head(world.scope("alpha"))
    assert head == stored[-1].cursor
    for after in range(6):
        page = await world.log.read_after(scope, head.at(after))
        assert (_numbers(page.events), page.next, page.more) == (list(range(after + 1, 6)), head, False)
    from_nothing = await world.log.read_after(scope, None)
    assert from_nothing == await world.log.read_after(scope, head.at(0))


async def test_a_scope_sees_its_own_log_only(world: LogWorld) -> None:
    """I4: the same place in two logs holds two different events."""
    await world.log.append([*world.batch("alpha", range(5)), *world.batch("beta", range(3))])
    assert {event.instance for event in await world.everything("alpha")} == {"alpha"}
    assert {event.instance for event in await world.everything("beta")} == {"beta"}
    theirs = (await world.everything("alpha"))[0].cursor
    assert await world.log.get(world.scope("beta"), theirs) is None
    assert (await world.log.get(world.scope("alpha"), theirs)) == (await world.everything("alpha"))[0]
    beta_only = await world.everything("beta", EventFilter.of(["alpha"]))
    assert beta_only == []


@pytest.mark.parametrize(
    ("place", "outcome"),
    [
        (lambda head: Cursor("00000000", head.seq), CURSOR_EXPIRED),
        (lambda head: Cursor("ffffffff", 0 * head.seq), CURSOR_EXPIRED),
        (lambda head: head.at(head.seq + 1), INVALID_CURSOR),
        (lambda head: head.at(2**63 - 1), INVALID_CURSOR),
        (lambda head: head.at(-1), INVALID_CURSOR),
    ],
)
async def test_a_place_that_is_not_in_this_log_is_refused(world: LogWorld, place: object, outcome: Outcome) -> None:
    """I3: never a partial stream that looks whole."""
    await world.log.append(world.batch("alpha", range(3)))
    assert callable(place)
    cursor = place(await world.log.head(world.scope("alpha")))
    with pytest.raises(RefusalError) as refused:
        await world.log.read_after(world.scope("alpha"), cursor)
    assert refused.value.outcome is outcome


async def test_logs_have_epochs_of_their_own(world: LogWorld) -> None:
    alpha, beta = world.scope("alpha"), world.scope("beta")
    heads = await world.log.heads([alpha.organization_id, beta.organization_id, "nobody"])
    assert heads == {one.organization_id: await world.log.head(one) for one in (alpha, beta)}
    assert len({head.epoch for head in heads.values()}) == 2
    assert {head.seq for head in heads.values()} == {0}


async def test_a_page_is_bounded_by_bytes_and_never_empty_for_it(world: LogWorld) -> None:
    events = [decoded("alpha", n, data=b'"%s"' % (b"x" * 998)) for n in range(6)]
    await world.log.append([world.addressed(event) for event in events])
    scope = world.scope("alpha")
    for max_bytes, fitting in ((1, 1), (999, 1), (1_000, 1), (1_999, 1), (2_000, 2), (5_999, 5), (6_000, 6)):
        page = await world.log.read_after(scope, None, max_bytes=max_bytes)
        assert _numbers(page.events) == list(range(1, fitting + 1))
        assert (page.next.seq, page.more) == (fitting, fitting < 6)


async def test_a_batch_that_fails_leaves_no_hole(world: LogWorld) -> None:
    """I2: a rolled back number is given again."""
    await world.log.append(world.batch("alpha", [1]))
    bad = decoded("alpha", 3, data=b"\xff not UTF-8")
    with pytest.raises(UnicodeDecodeError):
        await world.log.append([*world.batch("alpha", [2]), world.addressed(bad)])
    again = await world.log.append(world.batch("alpha", [2, 3]))
    assert (_numbers(again.stored), again.duplicates) == ([2, 3], 0)


async def test_after_an_unanswered_commit_the_log_itself_has_what_is_to_be_announced(world: LogWorld) -> None:
    """I1: the batch was committed, the answer was lost; the caller sends it again and finds the events by place."""
    announced = (await world.log.append(world.batch("alpha", [1]))).stored[-1].cursor
    batch = world.batch("alpha", [2, 3])
    committed = (await world.log.append(batch)).stored
    again = await world.log.append([*batch, *world.batch("alpha", [4])])
    assert again.duplicates == len(batch)
    assert _numbers(again.stored) == [4]
    scope = world.scope("alpha")
    assert (await world.log.heads([scope.organization_id]))[scope.organization_id].seq == 4
    assert (await world.log.read_after(scope, announced)).events == committed + again.stored


@pytest.mark.postgres
async def test_a_connection_cut_in_the_middle_of_appending_leaves_no_hole(postgres_url: str) -> None:
    """I2: what was numbered in a transaction that died is numbered again; sent again, every event is there once."""
    victim = f"victim_{secrets.token_hex(4)}"
    url = make_url(postgres_url).update_query_dict({"application_name": victim}).render_as_string(hide_password=False)
    hold = text("SELECT head FROM event_logs FOR UPDATE")
    kill = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = :name AND wait_event_type = 'Lock'"
    )
    async with migrated(url) as database, opened(postgres_url) as other:
        world = await log_world(database, "alpha")
        for cut in range(3):
            batch = world.batch("alpha", range(cut * 10, cut * 10 + 10))
            async with asyncio.timeout(15), other.write() as connection:
                await connection.execute(hold)
                appending = asyncio.ensure_future(world.log.append(batch))
                killed = 0
                while not killed:
                    async with other.read() as killer:
                        killed = (await killer.execute(kill, {"name": victim})).scalar_one()
            with pytest.raises(StorageUnavailableError):
                await appending
            again = await world.log.append(batch)
            assert _numbers(again.stored) == list(range(cut * 10 + 1, cut * 10 + 11))
        seen = await world.everything("alpha")
        assert [event.data for event in seen] == [b'{"n":%d}' % n for n in range(30)]


async def test_an_organization_without_a_log_is_refused(world: LogWorld) -> None:
    with pytest.raises(RefusalError) as refused:
        await world.log.head(OrganizationScope("org_nobody"))
    assert refused.value.outcome is ORGANIZATION_NOT_FOUND
