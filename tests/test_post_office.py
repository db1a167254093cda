"""The whole house: from an alert's channel to the browser and the webhook, over restarts and kills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House, house
from tests.support.post_world import SECRET_WORDS, post_world
from tests.support.simulator import until
from tests.support.webhook_receiver import Receiver, receiver, silent

from ponteio.model.outcome import SECRET_UNREADABLE
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiver() as opened:
        yield opened


def options_of(server: Receiver) -> dict[str, Any]:
    """A gateway without an Evolution server, which may reach this receiver."""
    reached = f"127.0.0.1:{server.port}"
    return {"url": "http://127.0.0.1:9", "key": "x", "global_events": False, "private_hosts": reached}


async def _hook(opened: House, key: str, url: str) -> tuple[str, str]:
    body = {"kind": "webhook", "name": "hook", "url": url}
    answer = (await opened.call("POST", "channels", key, json=body)).json()
    return answer["channel"]["id"], answer["secret"]


async def test_the_gateway_has_a_post_office(tmp_path: Path, database_url: str, server: Receiver) -> None:
    async with house(tmp_path, database_url, **options_of(server)) as opened:
        await opened.start()
        tenant = await opened.tenant("shop")
        channel_id, secret = await _hook(opened, tenant.key, server.url)
        tried = await opened.call("POST", f"channels/{channel_id}/test", tenant.key)
        assert tried.json()["delivered"]
        assert server.calls[0].verified(secret)["type"] == "test"
        refused = await opened.call("POST", "channels", tenant.key, json={"kind": "sms", "name": "x"})
        assert refused.status_code == 422


async def test_what_waited_when_it_was_killed_is_sent_by_the_next(
    tmp_path: Path, database_url: str, server: Receiver
) -> None:
    """A kill between handing in and delivery loses nothing; a kill between sending and writing down sends again, with
    the same id.
    """
    server.behave = silent
    async with house(tmp_path, database_url, in_process=False, **options_of(server)) as opened:
        await opened.start()
        tenant = await opened.tenant("shop")
        channel_id, secret = await _hook(opened, tenant.key, server.url)
        database = await Database.open(database_url, checkpoints=False)
        async with post_world(database) as world:
            await world.office.deliveries.send(tenant.organization_id, [channel_id], world.message())
            await server.has(1)
            await opened.kill()
            assert len(server.calls) == 1
            await opened.start()
            await _lease_over(database)
            await server.has(2)
        await database.close()
        first, second = server.calls[:2]
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        first.verified(secret)


async def _lease_over(database: Database) -> None:
    """As if the time of whoever was killed had passed."""
    async with database.write() as connection:
        await connection.exec_driver_sql("UPDATE deliveries SET due_at = created_at")


async def test_without_its_keys_it_works_and_says_so(sqlite_database: Database) -> None:
    async with post_world(sqlite_database) as world:
        await world.office.vapid.pair()
        locked = world.another(vault=Vault([Vault.new_key()]))
        async with world.working(locked):
            channel, _ = await world.webhook(SECRET_WORDS)
            await world.send(channel)
            await world.settled(channel, "secret_unreadable")
            await until(lambda: world.counters.total("deliveries_secret_unreadable") == 1)
        assert SECRET_UNREADABLE.status == 503


async def test_what_is_over_is_forgotten(sqlite_database: Database) -> None:
    async with post_world(sqlite_database) as world:
        channel, _ = await world.webhook("http://127.0.0.1:9/")
        async with world.working():
            await world.send(channel, valid_s=1)
            await world.settled(channel, "unreachable")
        world.turn(8 * 86_400)
        await asyncio.sleep(0)
        await world.office.prune()
        assert await world.outcomes(channel) == []
