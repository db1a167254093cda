"""Who is told what: links and instances, over real sockets of two organizations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from tests.support.house import Tenant
from tests.support.house import house as a_house
from tests.support.simulator import running_simulator

from ponteio.upstream.event_stream import listen


class Ear:
    """Everything that one organization's socket is told."""

    def __init__(self, url: str, tenant: Tenant) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(listen(url, auth={"token": tenant.key}, on_event=self._hear))

    def _hear(self, payload: bytes, _attachments: tuple[bytes, ...]) -> None:
        name, body = orjson.loads(payload)
        self.heard.append((name, body))
        self._changed.set()

    async def until(self, name: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                for heard, body in self.heard:
                    if heard == name and fits(body):
                        return body
                self._changed.clear()
                await self._changed.wait()

    def of(self, name: str) -> list[dict[str, Any]]:
        return [body for heard, body in self.heard if heard == name]


async def test_status_reaches_those_concerned_and_nobody_else(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'house.db'}"
    async with (
        running_simulator(instances=2, global_events=True) as simulator,
        a_house(tmp_path, database, url=simulator.url, key=simulator.api_key, global_events=True) as house,
    ):
        await house.start()
        ours = await house.tenant("Ours", "loja-01")
        theirs = await house.tenant("Theirs", "loja-02")
        operator = await house.operator()
        await house.knows(operator, "loja-01", "loja-02")
        us, them = Ear(house.url, ours), Ear(house.url, theirs)
        for ear in (us, them):
            await ear.until("ready", lambda _body: True)

        await house.post("websocket/connect/instance/loja-01", ours.key)
        await us.until("connection-status", lambda body: body.get("instance") == "loja-01")
        await house.post("websocket/disconnect/global", operator)
        for ear in (us, them):
            await ear.until("connection-status", lambda body: body["link"] == "global" and body["state"] == "off")
        await house.post("websocket/connect/global", operator)
        await us.until("connection-status", lambda body: body["link"] == "global" and body["state"] == "connected")

        state = {"instance": "loja-01", "state": "close", "statusReason": 401}
        simulator.emit("loja-01", "connection.update", state)
        told = await us.until("instance-status", lambda body: body["state"] == "close")
        assert (told["instance"], told["reason"]) == ("loja-01", 401)
        (seen,) = (await house.get("websocket/instances", ours.key))["instances"]
        assert seen["link"]["last_event_at"] is not None

        for name in ("connection-status", "instance-status"):
            assert all(body.get("instance") in (None, "loja-02") for body in them.of(name))
        for ear in (us, them):
            ear.task.cancel()
        await asyncio.gather(us.task, them.task, return_exceptions=True)
