from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.post_world import SECRET_WORDS, PostWorld, post_world

from ponteio.notify.attempt import DELIVERED, Attempt, Ending
from ponteio.notify.channel import Channel
from ponteio.notify.delivery_claims import (
    FAILING_DAYS,
    FAILING_TRIES,
    LEASE,
    Claim,
    DeliveryClaims,
    Settlement,
)
from ponteio.notify.dispatch import TRY_S
from ponteio.storage.database import Database

FAILED = Attempt(Ending.REJECTED, "It answered 500.", 500, retry=True)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[PostWorld]:
    async with post_world(database) as opened:
        yield opened


@pytest.fixture
def claims(world: PostWorld) -> DeliveryClaims:
    return DeliveryClaims(world.database, world.notices, world.clock)


async def taken(claims: DeliveryClaims) -> list[Claim]:
    return await claims.claim(await claims.due((), ()))


def ended(world: PostWorld, claim: Claim, attempt: Attempt, retry_s: float | None = None) -> Settlement:
    retry_at = None if retry_s is None else world.clock() + timedelta(seconds=retry_s)
    return Settlement(claim, attempt, world.clock(), 0.1, retry_at)


async def hook(world: PostWorld) -> Channel:
    return (await world.webhook(SECRET_WORDS))[0]


async def test_a_claim_is_one_processes_alone_until_its_time_is_over(world: PostWorld, claims: DeliveryClaims) -> None:
    await world.send(await hook(world))
    candidates = await claims.due((), ())
    mine, theirs = await asyncio.gather(claims.claim(candidates), claims.claim(candidates))
    assert len(mine) + len(theirs) == 1
    (first,) = mine or theirs
    assert (first.attempts, first.message) == (1, world.message())
    assert await claims.due((), ()) == []
    assert await claims.next_due_at() == world.clock() + LEASE
    world.turn(LEASE.total_seconds())
    (second,) = await taken(claims)
    assert (second.delivery_id, second.attempts) == (first.delivery_id, 2)


def test_no_try_outlives_its_claim() -> None:
    assert LEASE.total_seconds() > TRY_S


async def test_whoever_comes_late_settles_nothing(world: PostWorld, claims: DeliveryClaims) -> None:
    channel = await hook(world)
    await world.send(channel)
    (late,) = await taken(claims)
    world.turn(LEASE.total_seconds())
    (now,) = await taken(claims)
    assert await claims.settle([ended(world, late, FAILED)]) == []
    assert await world.outcomes(channel) == [None]
    await claims.settle([ended(world, now, DELIVERED)])
    assert await claims.settle([ended(world, late, FAILED)]) == []
    assert await world.outcomes(channel) == ["delivered"]
    assert (await world.office.channels.get(world.organization_id, channel.channel_id)).failures == 0


async def test_what_is_released_is_due_at_once(world: PostWorld, claims: DeliveryClaims) -> None:
    await world.send(await hook(world))
    (claim,) = await taken(claims)
    await claims.release([claim])
    assert len(await claims.due((), ())) == 1
    assert await claims.next_due_at() == world.clock()


async def test_the_longest_due_comes_first_without_those_left_out(world: PostWorld, claims: DeliveryClaims) -> None:
    one, two = await hook(world), await hook(world)
    other, _ = await world.webhook(SECRET_WORDS, organization_id=world.other_id)
    for channel in (one, two, other):
        await world.send(channel)
        world.turn(1)
    lanes = [it.lane for it in await claims.due((), ())]
    assert lanes == [one.channel_id, two.channel_id, other.channel_id]
    assert [it.lane for it in await claims.due({world.organization_id}, ())] == [other.channel_id]
    assert [it.lane for it in await claims.due((), {one.channel_id, other.channel_id})] == [two.channel_id]
    assert [it.lane for it in await taken(claims)] == lanes
    assert await claims.claim([]) == []


async def test_health_of_a_channel_is_kept(world: PostWorld, claims: DeliveryClaims) -> None:
    channel = await hook(world)

    async def settle(attempt: Attempt) -> Channel:
        await world.send(channel)
        (claim,) = await taken(claims)
        assert await claims.settle([ended(world, claim, attempt)]) == []
        return await world.office.channels.get(world.organization_id, channel.channel_id)

    began = world.clock()
    assert (await settle(FAILED)).failing_since == began
    world.turn(60)
    ill = await settle(FAILED)
    assert (ill.failures, ill.failing_since) == (2, began)
    assert await settle(Attempt(Ending.EXPIRED)) == ill
    assert await settle(Attempt(Ending.UNREADABLE)) == ill
    well = await settle(DELIVERED)
    assert (well.failures, well.failing_since, well.delivered_at) == (0, None, world.clock())


@pytest.mark.parametrize(
    ("tries", "days", "off"),
    [
        (FAILING_TRIES, FAILING_DAYS.days, True),
        (FAILING_TRIES - 1, FAILING_DAYS.days, False),
        (FAILING_TRIES, 1, False),
    ],
)
async def test_a_channel_is_switched_off_for_failing_long_and_often(
    world: PostWorld, claims: DeliveryClaims, tries: int, days: int, off: bool
) -> None:
    channel, stopped = await hook(world), []
    for number in range(tries):
        if number == tries - 1:
            world.turn(days * 86_400)
        await world.send(channel)
        (claim,) = await taken(claims)
        stopped += await claims.settle([ended(world, claim, FAILED)])
    assert stopped == ([(world.organization_id, channel.channel_id)] if off else [])
    found = await world.office.channels.get(world.organization_id, channel.channel_id)
    assert found.disabled_reason == ("failing" if off else None)


async def test_a_message_for_many_devices_becomes_one_each(world: PostWorld, claims: DeliveryClaims) -> None:
    channel = await world.web_push()
    await world.send(channel)
    (claim,) = await taken(claims)
    devices = [("psh_1", "a.example"), ("psh_2", "b.example"), ("psh_3", "a.example")]
    done = Settlement(claim, Attempt(Ending.SPREAD), world.clock(), 0.0, None, devices)
    await claims.settle([done])
    await claims.settle([done])
    found = await taken(claims)
    assert sorted(str(one.subscription_id) for one in found) == ["psh_1", "psh_2", "psh_3"]
    assert {one.lane for one in found} == {f"{world.organization_id} {host}" for host in ("a.example", "b.example")}
    assert {one.expires_at for one in found} == {claim.expires_at}
    assert len({one.delivery_id for one in found}) == 3
    assert await world.outcomes(channel) == [None] * 3, "what became many is not shown itself"


async def test_no_more_become_of_it_than_there_is_room_for(
    world: PostWorld, claims: DeliveryClaims, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.send(await world.web_push())
    (claim,) = await taken(claims)
    monkeypatch.setattr("ponteio.notify.deliveries.MAX_WAITING", 3)
    monkeypatch.setattr("ponteio.notify.delivery_claims.SPREAD_AT_ONCE", 2)
    devices = [(f"psh_{number}", "a.example") for number in range(5)]
    await claims.settle([Settlement(claim, Attempt(Ending.SPREAD), world.clock(), 0.0, None, devices)])
    assert len(await claims.due((), ())) == 2
    assert world.counters.refused["too_many_notifications"] == 3


async def test_one_that_waits_is_tried_again_at_its_time(world: PostWorld, claims: DeliveryClaims) -> None:
    channel = await hook(world)
    await world.send(channel)
    (claim,) = await taken(claims)
    await claims.settle([ended(world, claim, FAILED, 30)])
    (record,) = await world.office.deliveries.history(world.organization_id, channel.channel_id, 1)
    assert (record.outcome, record.status, record.detail) == ("rejected", 500, "It answered 500.")
    world.turn(29)
    assert await claims.due((), ()) == []
    world.turn(1.001)
    (again,) = await taken(claims)
    assert again.message == world.message()
