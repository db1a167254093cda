from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.post_world import PostWorld, refused, world_with_push, world_with_receiver
from tests.support.push_endpoint import PushService
from tests.support.webhook_receiver import answering

from ponteio.model.outcome import NOT_FOUND
from ponteio.notify.attempt import DELIVERED, Attempt, Ending
from ponteio.notify.delivery_claims import Claim
from ponteio.notify.dispatch import Dispatcher, _together
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault


def dispatcher_of(world: PostWorld) -> Dispatcher:
    return world.office.worker._dispatcher


def claim_of(world: PostWorld, channel_id: str, subscription_id: str | None = None) -> Claim:
    now = world.clock()
    return Claim(
        world.organization_id, "msg_1", channel_id, subscription_id, "lane", 1, now, now + timedelta(hours=1),
        world.message(),
    )  # fmt: skip


@pytest.fixture
async def pushing(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[tuple[PostWorld, PushService]]:
    async with world_with_push(sqlite_database, tmp_path) as opened:
        yield opened


async def test_a_channel_that_is_gone_or_off_takes_nothing(sqlite_database: Database) -> None:
    async with world_with_receiver(sqlite_database) as (world, server):
        channel, _ = await world.webhook(server.url)
        dispatcher, claim = dispatcher_of(world), claim_of(world, channel.channel_id)
        assert (await dispatcher.attempt(claim))[0].is_delivered
        await world.office.channels.change(world.organization_id, channel.channel_id, {"enabled": False})
        assert (await dispatcher.attempt(claim))[0].ending is Ending.STOPPED
        assert (await dispatcher.test(world.organization_id, channel.channel_id, world.message())).is_delivered
        await world.office.channels.remove(world.organization_id, channel.channel_id)
        assert (await dispatcher.attempt(claim))[0].ending is Ending.STOPPED
        call = dispatcher.test(world.organization_id, channel.channel_id, world.message())
        assert await refused(call) is NOT_FOUND
        assert await refused(dispatcher.test(world.other_id, "chn_x", world.message())) is NOT_FOUND
        assert len(server.calls) == 2


async def test_secrets_that_cannot_be_opened_are_tried_again_later(sqlite_database: Database) -> None:
    async with world_with_receiver(sqlite_database) as (world, server):
        channel, _ = await world.webhook(server.url)
        dispatcher = world.another(vault=Vault([Vault.new_key()])).worker._dispatcher
        attempt, _ = await dispatcher.attempt(claim_of(world, channel.channel_id))
        assert (attempt.ending, attempt.retry) == (Ending.UNREADABLE, True)


async def test_no_try_is_endless(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.notify.dispatch.TRY_S", 0.1)
    async with world_with_receiver(sqlite_database) as (world, server):
        channel, _ = await world.webhook(server.url)

        async def for_ever(_call: object, _writer: object) -> None:
            await asyncio.sleep(60)

        server.behave = for_ever
        attempt, _ = await dispatcher_of(world).attempt(claim_of(world, channel.channel_id))
        assert (attempt.ending, attempt.retry) == (Ending.TIMEOUT, True)


async def test_apprise_is_called_with_its_address(sqlite_database: Database) -> None:
    async with world_with_receiver(sqlite_database) as (world, server):
        server.behave = answering(200, body=b"{}")
        hosts = (f"127.0.0.1:{server.port}",)
        office = world.another(post=type(world.needs.post)(private_hosts=hosts))
        url = f"gotify://127.0.0.1:{server.port}/AbCdEfGhIjKlMnO"
        channel, _ = await office.channels.create(world.organization_id, "apprise", "phone", url=url)
        attempt, _ = await office.worker._dispatcher.attempt(claim_of(world, channel.channel_id))
        assert attempt.is_delivered
        assert server.calls[0].json["title"] == "loja-01 is down"


async def test_a_channel_of_web_push_becomes_its_devices(pushing: tuple[PostWorld, PushService]) -> None:
    world, service = pushing
    channel = await world.web_push()
    claim, dispatcher = claim_of(world, channel.channel_id), dispatcher_of(world)
    assert (await dispatcher.attempt(claim))[0].ending is Ending.NO_DEVICE
    assert (
        await dispatcher.test(world.organization_id, channel.channel_id, world.message())
    ).ending is Ending.NO_DEVICE
    browser, device_id = await world.device(service, await world.person("ana"))
    attempt, devices = await dispatcher.attempt(claim)
    assert attempt.ending is Ending.SPREAD
    assert list(devices) == [(device_id, f"127.0.0.1:{service.http.port}")]
    assert service.pushes(browser) == []
    assert (await dispatcher.attempt(claim_of(world, channel.channel_id, device_id)))[0].is_delivered
    assert (await dispatcher.attempt(claim_of(world, channel.channel_id, "psh_x")))[0].ending is Ending.STOPPED
    tested = await dispatcher.test(world.organization_id, channel.channel_id, world.message())
    assert (tested.is_delivered, tested.detail) == (True, "Reached 1 of 1 devices.")
    assert len(service.pushes(browser)) == 2


async def test_ones_own_devices_are_tried_and_the_dead_forgotten(pushing: tuple[PostWorld, PushService]) -> None:
    world, service = pushing
    ana, bia = await world.person("ana"), await world.person("bia", None)
    alive, first = await world.device(service, ana)
    dead, second = await world.device(service, ana)
    foreign, _ = await world.device(service, bia)
    service.http.by_path[dead.path] = answering(410)
    found = await dispatcher_of(world).test_devices(ana, world.message(content="Olá"))
    assert {one: attempt.ending for one, attempt in found.items()} == {first: Ending.DELIVERED, second: Ending.GONE}
    assert [one.subscription_id for one in await world.office.devices.list(ana)] == [first]
    assert service.pushes(foreign) == []
    assert "Olá" not in service.pushes(alive)[0].notification["body"]


def test_several_devices_end_together() -> None:
    gone = Attempt(Ending.GONE, "Gone.", 410)
    assert _together([]).ending is Ending.NO_DEVICE
    assert _together([DELIVERED, gone]) == Attempt(Ending.DELIVERED, "Reached 1 of 2 devices. Gone.", 410)
    assert _together([gone, gone]) == Attempt(Ending.GONE, "Reached 0 of 2 devices. Gone.", 410)
