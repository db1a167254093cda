"""Clients without manners: Engine.IO packets by hand, over WebSocket and polling."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from tests.support.gateway_edge import event_of

PATH = "/socket.io/?EIO=4&transport="


@dataclass
class RawWebSocket:
    """One WebSocket; pings are answered, everything else is the test's."""

    ws: aiohttp.ClientWebSocketResponse
    opening: dict[str, Any] = field(default_factory=dict)

    async def send(self, packet: str) -> None:
        await self.ws.send_str(packet)

    async def connect(self, token: str | None, **auth: Any) -> dict[str, Any]:
        """Authenticate; the body of `ready`."""
        await self.send("40" + json.dumps({"token": token, **auth}))
        assert (await self.packet()).startswith('40{"sid":')
        name, body = event_of(await self.packet())
        assert name == "ready"
        assert isinstance(body, dict)
        return body

    async def packet(self) -> str:
        """The next packet that is no ping; raises `ConnectionError` at the end."""
        while True:
            message = await asyncio.wait_for(self.ws.receive(), 10)
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionError(message.type.name)
            if message.data != "2":
                return str(message.data)
            await self.ws.send_str("3")

    async def event(self, wanted: str) -> Any:
        """The body of the next event called `wanted`; others are passed over."""
        while True:
            name, body = event_of(await self.packet())
            if name == wanted:
                return body

    async def rest(self) -> list[str]:
        """All packets until the end of the connection."""
        packets = []
        with contextlib.suppress(ConnectionError):
            while True:
                packets.append(await self.packet())
        return packets


@asynccontextmanager
async def raw_websocket(url: str, sid: str | None = None, **headers: str) -> AsyncIterator[RawWebSocket]:
    """A WebSocket on the edge; the opening packet has been read unless this is an upgrade of `sid`."""
    address = url + PATH + "websocket" + ("" if sid is None else f"&sid={sid}")
    async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=headers, max_msg_size=0) as ws:
        client = RawWebSocket(ws)
        if sid is None:
            client.opening = json.loads((await client.packet())[1:])
        yield client


@dataclass
class RawPolling:
    """One polling session."""

    http: aiohttp.ClientSession
    address: str
    opening: dict[str, Any]

    @property
    def sid(self) -> str:
        return str(self.opening["sid"])

    async def post(self, *packets: str) -> int:
        """Send packets in one body; the status."""
        async with self.http.post(self.address, data="\x1e".join(packets)) as response:
            return response.status

    async def poll(self) -> list[str]:
        """What waits, or comes next; raises `ConnectionError` when the session is not known any more."""
        async with self.http.get(self.address) as response:
            if response.status != 200:
                raise ConnectionError(response.status)
            body = await response.text()
            return body.split("\x1e") if body else []

    async def packets(self, amount: int) -> list[str]:
        """At least `amount` packets, pings not counted."""
        found: list[str] = []
        while len(found) < amount:
            for packet in await self.poll():
                if packet == "2":
                    await self.post("3")
                else:
                    found.append(packet)
        return found

    async def rest(self) -> list[str]:
        """All packets until the end of the session."""
        found: list[str] = []
        with contextlib.suppress(ConnectionError):
            while not found or found[-1] != "1":
                found += await self.poll()
        return found


@asynccontextmanager
async def raw_polling(url: str) -> AsyncIterator[RawPolling]:
    """A polling session that has said nothing yet."""
    async with aiohttp.ClientSession() as http:
        async with http.get(url + PATH + "polling") as response:
            opening = json.loads((await response.text())[1:])
        client = RawPolling(http, f"{url}{PATH}polling&sid={opening['sid']}", opening)
        yield client
        with contextlib.suppress(aiohttp.ClientError):
            await client.post("1")
