"""A client of the whole house without a library's help: Socket.IO packets over one WebSocket, kept as they came."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from tests.support.house import holds

PATH = "/socket.io/?EIO=4&transport=websocket"
LEAVE_S = 3.0
EVENT = '42["evolution-event",'


@dataclass
class PlainSocket:
    """What one client was sent. `events` are the texts of events, `notices` those of all other packets, in order.

    With a `judge` events are counted and judged instead of kept: for more of them than fit into memory.
    """

    name: str
    ws: aiohttp.ClientWebSocketResponse
    events: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    count: int = 0
    """Events so far."""
    has_ended: bool = False
    judge: Callable[[str], None] | None = None
    most: int | None = None
    """Read no more after so many events, until `read_on`."""
    _reader: asyncio.Task[None] | None = None
    _may_read: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def texts(self) -> list[str]:
        return [*self.events, *self.notices]

    def bodies(self) -> list[dict[str, Any]]:
        """The events' envelopes."""
        return [json.loads(text[len(EVENT) : -1]) for text in self.events]

    def named(self, name: str) -> list[dict[str, Any]]:
        """The bodies of the notices of this name."""
        head = f'42["{name}",'
        return [json.loads(text[len(head) : -1]) for text in self.notices if text.startswith(head)]

    @property
    def refusal(self) -> dict[str, Any] | None:
        """The `data` of the answer to CONNECT, if that was no."""
        found = [json.loads(text[text.index("{") :]) for text in self.notices if text.startswith("44")]
        return found[0]["data"] if found else None

    @property
    def goodbye(self) -> str | None:
        """The code with which the socket was closed."""
        found = self.named("goodbye")
        return str(found[-1]["code"]) if found else None

    async def send(self, packet: str) -> None:
        await self.ws.send_str(packet)

    async def has(self, amount: int, *, within_s: float = 20.0) -> None:
        """Waits for so many events."""
        why = f"but {self.name} has"
        await holds(f"{amount} events", lambda: self.count >= amount, within_s=within_s, why=lambda: self._state(why))

    async def is_answered(self) -> None:
        """Waits for `ready`, or for no."""
        await holds(f"{self.name} is answered", lambda: self.named("ready") or self.refusal or self.has_ended)

    async def ends(self, *, within_s: float = 5.0) -> None:
        """Waits until the connection is closed."""
        await holds(f"{self.name} is closed", lambda: self.has_ended, within_s=within_s, why=lambda: self._state(""))

    def read_on(self) -> None:
        self.most = None
        self._may_read.set()

    async def _read(self) -> None:
        async for message in self.ws:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            text = message.data
            if text.startswith(EVENT):
                self.count += 1
                if self.judge is None:
                    self.events.append(text)
                else:
                    self.judge(text)
                if self.most is not None and self.count >= self.most:
                    await self._may_read.wait()
            elif text == "2":
                await self.ws.send_str("3")
            else:
                self.notices.append(text)
        self.has_ended = True

    def _state(self, why: str) -> str:
        return f"{why} {self.count}, {self.notices[-3:]}"


@asynccontextmanager
async def plain_socket(
    url: str,
    token: object = None,
    *,
    name: str = "socket",
    headers: Mapping[str, str] | None = None,
    most: int | None = None,
    judge: Callable[[str], None] | None = None,
    answered: bool = True,
    **auth: Any,
) -> AsyncIterator[PlainSocket]:
    """A client that has been told `ready` or no. `auth` are further members of its CONNECT."""
    async with aiohttp.ClientSession() as session:
        ws = await session.ws_connect(url + PATH, headers=dict(headers or {}), max_msg_size=0, compress=0)
        client = PlainSocket(name, ws, judge=judge, most=most)
        client._reader = asyncio.create_task(client._read())
        try:
            said = {**({} if token is None else {"token": token}), **auth}
            await client.send("40" + json.dumps(said))
            if answered:
                await client.is_answered()
            yield client
        finally:
            client.read_on()
            client._reader.cancel()
            await asyncio.wait({client._reader}, timeout=LEAVE_S)
            # A polite goodbye, if there is one; the session cuts the connection in any case.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await ws.close()


def own_page(url: str, cookie: str | None = None) -> dict[str, str]:
    """The headers of a browser that shows our own page, with the session cookie of whoever looks at it."""
    return {"Origin": url, **({} if cookie is None else {"Cookie": cookie})}
