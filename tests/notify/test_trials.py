from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.post_world import refused, world_with_push, world_with_receiver
from tests.support.webhook_receiver import Behaviour, answering, resetting

from ponteio.model.outcome import NOT_FOUND, TOO_MANY_NOTIFICATIONS
from ponteio.storage.database import Database


@pytest.mark.parametrize(
    ("behaviour", "delivered", "outcome", "status"),
    [
        (answering(200), True, "delivered", 200),
        (answering(404), False, "rejected", 404),
        (resetting, False, "unreachable", None),
    ],
)
async def test_the_button_says_what_happened(
    sqlite_database: Database, behaviour: Behaviour, delivered: bool, outcome: str, status: int | None
) -> None:
    async with world_with_receiver(sqlite_database) as (world, server):
        channel, secret = await world.webhook(server.url)
        server.behave = behaviour
        trial = await world.office.trials.channel(world.organization_id, channel.channel_id)
        assert (trial.delivered, trial.outcome, trial.status) == (delivered, outcome, status)
        assert trial.duration_ms >= 0
        assert await world.outcomes(channel) == [outcome]
        assert server.calls[0].verified(secret)["type"] == "test"
        assert len(server.calls) == 1


async def test_it_is_no_way_around_the_limit(sqlite_database: Database) -> None:
    async with world_with_receiver(sqlite_database) as (world, server):
        await world.directory.set_limits(world.organization_id, {"notifications_per_hour": 1})
        channel, _ = await world.webhook(server.url)
        await world.office.trials.channel(world.organization_id, channel.channel_id)
        call = world.office.trials.channel(world.organization_id, channel.channel_id)
        assert await refused(call) is TOO_MANY_NOTIFICATIONS
        assert await refused(world.office.trials.channel(world.other_id, channel.channel_id)) is NOT_FOUND
        assert len(server.calls) == 1


async def test_ones_own_devices(sqlite_database: Database, tmp_path: Path) -> None:
    async with world_with_push(sqlite_database, tmp_path) as (world, service):
        ana = await world.person("ana")
        assert await world.office.trials.devices(ana) == {}
        browser, device_id = await world.device(service, ana)
        found = await world.office.trials.devices(ana, world.organization_id)
        assert {one: trial.delivered for one, trial in found.items()} == {device_id: True}
        assert service.pushes(browser)[0].notification["title"] == "Ponteio"
