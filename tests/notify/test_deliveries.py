from __future__ import annotations

from collections.abc import AsyncIterator
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from tests.support.post_world import SECRET_WORDS, PostWorld, post_world, refused

from ponteio.model.outcome import TOO_MANY_NOTIFICATIONS
from ponteio.notify.attempt import DELIVERED, Attempt, Ending
from ponteio.notify.channel import Message, Urgency
from ponteio.notify.deliveries import KEPT, MAX_WAITING, new_row, packed, unpacked
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import deliveries


@pytest.fixture
async def world(database: Database) -> AsyncIterator[PostWorld]:
    async with post_world(database) as opened:
        yield opened


async def test_a_message_waits_for_each_usable_channel_of_its_organization(world: PostWorld) -> None:
    one, two = (await world.webhook(SECRET_WORDS))[0], await world.web_push()
    off = await world.web_push()
    await world.office.channels.change(world.organization_id, off.channel_id, {"enabled": False})
    foreign, _ = await world.webhook(SECRET_WORDS, organization_id=world.other_id)
    woken: list[int] = []
    world.office.deliveries.on_wake(lambda: woken.append(1))
    ids = [one.channel_id, two.channel_id, two.channel_id, off.channel_id, foreign.channel_id, "chn_x"]
    assert await world.office.deliveries.send(world.organization_id, ids, world.message()) == 2
    assert woken == [1]
    for channel, count in ((one, 1), (two, 1), (off, 0), (foreign, 0)):
        assert len(await world.office.deliveries.history(channel.organization_id, channel.channel_id, 10)) == count
    assert await world.office.deliveries.send(world.organization_id, [], world.message()) == 0


async def test_handed_in_within_a_transaction_it_shares_its_fate(world: PostWorld) -> None:
    channel = await world.web_push()
    queue, ids = world.office.deliveries, [channel.channel_id]

    async def undone() -> None:
        async with world.database.write() as connection:
            assert await queue.send_within(connection, world.organization_id, ids, world.message()) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert await world.outcomes(channel) == []
    async with world.database.write() as connection:
        await queue.send_within(connection, world.organization_id, ids, world.message())
    assert await world.outcomes(channel) == [None]


async def test_a_storm_is_cut_counted_and_told(world: PostWorld) -> None:
    await world.directory.set_limits(world.organization_id, {"notifications_per_hour": 3})
    one, two = await world.web_push(), await world.web_push()
    assert [await world.send(one, two) for _ in range(3)] == [2, 1, 0]
    (notice,) = world.notices.of(world.organization_id)
    assert (notice.code, notice.count) == ("too_many_notifications", 3)
    assert world.counters.refused["too_many_notifications"] == 3
    assert await refused(world.office.deliveries.require_room(world.organization_id)) is TOO_MANY_NOTIFICATIONS
    other, _ = await world.webhook(SECRET_WORDS, organization_id=world.other_id)
    assert await world.office.deliveries.send(world.other_id, [other.channel_id], world.message()) == 1
    world.turn(3_601)
    await world.office.deliveries.require_room(world.organization_id)
    assert await world.send(one, two) == 2
    await world.directory.set_limits(world.organization_id, {"notifications_per_hour": 0})
    assert await world.send(one) == 0


async def test_the_queue_of_an_organization_is_bounded(world: PostWorld) -> None:
    await world.directory.set_limits(world.organization_id, {"notifications_per_hour": 1_000_000})
    channel = await world.web_push()
    now = world.clock()
    rows = [
        new_row(world.organization_id, channel.channel_id, "lane", packed(world.message()), now, now)
        for _ in range(MAX_WAITING - 1)
    ]
    async with world.database.write() as connection:
        for start in range(0, len(rows), 1_000):
            await connection.execute(insert(deliveries), rows[start : start + 1_000])
    assert [await world.send(channel) for _ in range(3)] == [1, 0, 0]
    assert world.counters.refused["too_many_notifications"] == 2


async def test_a_test_counts_and_is_written_down(world: PostWorld) -> None:
    await world.directory.set_limits(world.organization_id, {"notifications_per_hour": 2})
    channel = await world.web_push()
    failed = Attempt(Ending.TIMEOUT, "x" * 1_000, None, retry=True)
    for attempt in (DELIVERED, failed):
        await world.office.deliveries.note_test(
            world.organization_id, channel.channel_id, attempt, world.clock(), 0.123
        )
    assert await world.send(channel) == 0
    found = await world.office.deliveries.history(world.organization_id, channel.channel_id, 10)
    assert sorted(str(one.outcome) for one in found) == ["delivered", "timeout"]
    assert all(one.finished_at and one.next_at is None and one.duration_ms == 123 for one in found)
    assert max(len(one.detail or "") for one in found) == 300


async def test_what_was_finished_a_week_ago_is_forgotten(world: PostWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.notify.deliveries._PRUNED_AT_ONCE", 2)
    channel = await world.web_push()
    for _ in range(5):
        await world.send(channel)
    async with world.database.write() as connection:
        await connection.execute(update(deliveries).values(finished_at=world.clock()))
    await world.send(channel)
    world.turn(KEPT.total_seconds())
    assert await world.office.deliveries.prune() == 0
    world.turn(1)
    assert await world.office.deliveries.prune() == 5
    assert await world.outcomes(channel) == [None]


async def test_a_page_is_bounded_and_begins_with_the_newest(world: PostWorld) -> None:
    channel = await world.web_push()
    for _ in range(4):
        await world.send(channel)
        world.turn(1)
    found = await world.office.deliveries.history(world.organization_id, channel.channel_id, 2)
    assert [(world.clock() - one.created_at).total_seconds() for one in found] == [1, 2]
    assert await world.office.deliveries.history(world.organization_id, channel.channel_id, -1) == []
    assert await world.office.deliveries.history(world.other_id, channel.channel_id, 10) == []


texts = st.text(max_size=40) | st.just("half \ud800 a character \x00")


@given(texts, texts, st.dictionaries(st.text(max_size=5), st.integers() | st.none() | st.lists(st.booleans())))
def test_a_message_comes_out_as_it_went_in(title: str, content: str, data: dict[str, object]) -> None:
    message = Message("org_1", title, "b", "t", urgency=Urgency.LOW, content=content, data=MappingProxyType(data))
    again = unpacked(packed(message))
    assert again.title == title.encode("utf-8", "replace").decode()
    assert again.content == content.encode("utf-8", "replace").decode()
    assert again.urgency is Urgency.LOW
    clean = {name.encode("utf-8", "replace").decode(): value for name, value in data.items()}
    assert again.data == clean


async def test_whatever_somebody_wrote_can_wait(world: PostWorld) -> None:
    channel = await world.web_push()
    await world.send(channel, content="half \ud800 a character, \x00 and 🙂")
    async with world.database.read() as connection:
        text = (await connection.execute(select(deliveries.c.message))).scalar_one()
    assert unpacked(text).content == "half ? a character, \x00 and 🙂"
