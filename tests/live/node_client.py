"""The real `socket.io-client`, run by Node and told what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.gateway_edge import eventually

NODE = Path(__file__).parent.parent / "node"


@dataclass
class NodeClient:
    """A running client. `said` is everything that it has told, in order: `{was, …}`."""

    process: asyncio.subprocess.Process
    said: list[dict[str, Any]] = field(default_factory=list)

    async def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        await self.process.stdin.drain()

    def told(self, was: str) -> list[dict[str, Any]]:
        """What it told of this kind: connect, connect_error, disconnect, event or upgrade."""
        return [one for one in self.said if one["was"] == was]

    def events(self, name: str) -> list[Any]:
        """The bodies of the events of this name, in order of arrival."""
        return [one["body"] for one in self.told("event") if one["name"] == name]

    @property
    def seqs(self) -> list[int]:
        return [body["seq"] for body in self.events("evolution-event")]

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually(condition, within_s=20, why=lambda: self.said[:14])


@asynccontextmanager
async def node_client(script: str = "client_events.mjs", **arguments: Any) -> AsyncIterator[NodeClient]:
    """`tests/node/<script>` with `arguments` as JSON. It ends with the block."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(NODE / script),
        json.dumps(arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=16 * 1024 * 1024,
    )
    client = NodeClient(process)
    reading = asyncio.create_task(_read(client))
    try:
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _read(client: NodeClient) -> None:
    assert client.process.stdout is not None
    while line := await client.process.stdout.readline():
        client.said.append(json.loads(line))
