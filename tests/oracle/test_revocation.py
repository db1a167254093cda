"""A key that another process revokes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.oracle.traffic import say
from tests.support.house import holds, house
from tests.support.js_client import js_client
from tests.support.simulator import running_simulator


@pytest.mark.node
async def test_sockets_of_a_revoked_key_close_within_two_seconds(tmp_path: Path, database_url: str) -> None:
    """I10: the sockets and the REST API know at once; the organization's other keys are not touched."""
    async with (
        running_simulator(instances=1) as simulator,
        house(tmp_path, database_url, url=simulator.url, key=simulator.api_key, global_events=True) as gateway,
    ):
        tenant, other = await gateway.tenant("acme", "loja-01"), await gateway.tenant("beta")
        await gateway.start()
        await gateway.is_linked(tenant.key)
        async with (
            js_client(gateway.url, tenant.key, name="default") as one,
            js_client(gateway.url, tenant.key, name="websocket", transports=["websocket"]) as two,
            js_client(gateway.url, other.key, name="of another key") as three,
        ):
            say(simulator, "loja-01", 1)
            await one.has(1)
            await two.has(1)
            await gateway.command("key", "revoke", tenant.key_id)
            revoked = asyncio.get_running_loop().time()
            for client in (one, two):
                await holds(
                    f"{client.name} is disconnected",
                    lambda: client.turns[-1]["was"] == "disconnect",  # noqa: B023
                    why=lambda: client.turns,  # noqa: B023
                )
                assert [(told["code"], told["retry"]) for told in client.named("goodbye")] == [("revoked", False)]
                assert client.turns[-1]["active"] is False  # it will not come back by itself
            assert asyncio.get_running_loop().time() - revoked < 2.2
            say(simulator, "loja-01", 2)
            answer = await gateway.call("GET", "events", tenant.key)
            assert (answer.status_code, answer.json()["code"]) == (401, "auth_invalid")
            assert three.turns[-1]["was"] != "disconnect"
            async with js_client(gateway.url, tenant.key, ready=False) as late:
                await holds("it is refused", lambda: late.turns)
                refused = late.turns[0]
                assert (refused["was"], refused["data"]["code"], refused["active"]) == (
                    "connect_error",
                    "auth_invalid",
                    False,
                )
            assert len(one.events) == len(two.events) == 1
