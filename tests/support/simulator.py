"""A simulator for a test: quick in everything that Evolution is slow in, and stopped at the end; and a raw client."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from yarl import URL

from ponteio.simulator import Simulator, SimulatorOptions
from ponteio.simulator.state import Instance

#: Times that only make tests slow, cut down.
QUICK: dict[str, Any] = {
    "load_s": 0.0,
    "reconnect_s": 0.0,
    "qr_delay_s": 0.01,
    "qr_interval_s": 5.0,
    "connect_wait_s": 0.1,
    "root_delay_s": 0.0,
    "destroy_upgrade_s": 0.05,
    "namespace_jitter_s": 0.0,
    "emitted_limit": None,
}


@asynccontextmanager
async def running_simulator(*, loaded: bool = True, **options: Any) -> AsyncIterator[Simulator]:
    """A started simulator with `QUICK` times and the given options; its instances are loaded unless told otherwise."""
    simulator = Simulator(SimulatorOptions(**{**QUICK, **options}))
    await simulator.start()
    try:
        if loaded:
            await all_loaded(simulator)
        yield simulator
    finally:
        await simulator.stop()


async def all_loaded(simulator: Simulator) -> None:
    """Wait until every instance is in memory and those with a paired phone are open."""
    await until(lambda: all(_is_settled(each) for each in simulator.world))


def _is_settled(instance: Instance) -> bool:
    if instance.memory is None:
        return False
    return not instance.is_paired or instance.memory.state == "open"


async def until(condition: Callable[[], object], *, timeout_s: float = 10.0) -> None:
    """Return as soon as `condition()` holds; TimeoutError after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


class RawClient:
    """A websocket to `/socket.io/` that keeps every frame, answers pings unless told otherwise, and repairs nothing."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self.frames: list[str | bytes] = []
        self.answers_pings = True
        self.close_code: int | None = None
        self.is_closed = False
        self.reader = asyncio.create_task(self._read())

    async def send(self, frame: str | bytes) -> None:
        """Send one frame."""
        await self._websocket.send(frame)

    async def join(self, namespace: str = "/") -> str:
        """Ask to join a namespace; the server's answer frame, whatever it is."""
        suffix = "" if namespace == "/" else f"{namespace},"
        before = len(self.frames)
        await self.send(f"40{suffix}")
        return await self.frame(lambda frame: frame.startswith((f"40{suffix}", f"44{suffix}")), after=before)

    async def frame(self, wanted: Callable[[str], bool], *, after: int = 0) -> str:
        """The first text frame that is `wanted`, looking from the frame number `after` on."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [each for each in self.frames[after:] if isinstance(each, str) and wanted(each)]
            return bool(found)

        await until(look)
        return found[0]

    def events(self, namespace: str = "/") -> list[tuple[str, Any]]:
        """The complete events of a namespace so far: name and envelope, with bytes where attachments belong."""
        return [(name, envelope) for where, name, envelope in self._decoded() if where == namespace]

    def _decoded(self) -> list[tuple[str, str, Any]]:
        decoded, index = [], 0
        while index < len(self.frames):
            frame = self.frames[index]
            index += 1
            match = (
                re.match(r"4(?:2|5(\d+)-)(?:(/[^,]*),)?(\[.*)", frame, re.DOTALL) if isinstance(frame, str) else None
            )
            if match is None:
                continue
            count = int(match[1] or 0)
            attachments = self.frames[index : index + count]
            if len(attachments) < count:
                break
            index += count
            name, *arguments = _fill(json.loads(match[3]), attachments)
            decoded.append((match[2] or "/", name, arguments[0] if arguments else None))
        return decoded

    async def _read(self) -> None:
        try:
            async for frame in self._websocket:
                self.frames.append(frame)
                if frame == "2" and self.answers_pings:
                    await self._websocket.send("3")
        except ConnectionClosed:
            pass
        self.is_closed = True
        self.close_code = self._websocket.close_code


def _fill(value: Any, attachments: list[Any]) -> Any:
    if isinstance(value, dict):
        if value.get("_placeholder"):
            return attachments[value["num"]]
        return {name: _fill(member, attachments) for name, member in value.items()}
    return [_fill(item, attachments) for item in value] if isinstance(value, list) else value


@asynccontextmanager
async def raw_client(
    simulator: Simulator, *, query: str = "", headers: Mapping[str, str] | None = None, eio: str = "4"
) -> AsyncIterator[RawClient]:
    """A connected raw client, its handshake done; `query` is appended to the address (`&apikey=…`)."""
    url = f"{simulator.url.replace('http', 'ws', 1)}/socket.io/?EIO={eio}&transport=websocket{query}"
    # No pings of the websocket protocol: Socket.IO has its own.
    async with connect(
        url, additional_headers=headers, max_size=None, compression=None, ping_interval=None, close_timeout=1
    ) as websocket:
        client = RawClient(websocket)
        try:
            yield client
        finally:
            client.reader.cancel()


class RestClient:
    """Calls the simulator's REST side; the global key unless another is given, none for an empty one."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """The status and the parsed body (None when it is empty)."""
        chosen = self._simulator.api_key if key is None else key
        headers = {"apikey": chosen} if chosen else {}
        address = URL(self._simulator.url + path, encoded=True)
        async with self._session.request(method, address, json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        """A GET call."""
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """A POST call."""
        return await self.call("POST", path, body, **options)

    async def delete(self, path: str, **options: Any) -> tuple[int, Any]:
        """A DELETE call."""
        return await self.call("DELETE", path, **options)
