"""The Node peer for a test: Evolution's socket on the real `socket.io` package, told what to do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NODE = Path(__file__).parent.parent / "node"
RECORDED_EVENTS = Path(__file__).parent.parent / "golden" / "captures" / "events.jsonl"
_LINE_LIMIT = 16 * 1024 * 1024


@dataclass(slots=True)
class EvolutionPeer:
    """A running peer. Commands take effect before their call returns."""

    process: asyncio.subprocess.Process
    port: int
    lock: asyncio.Lock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def tell(self, command: str, /, **arguments: Any) -> dict[str, Any]:
        """Carry out one command of `evolution_peer.mjs`; its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        async with self.lock:
            self.process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
            answer = json.loads(await self.process.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    async def emit(self, envelope: dict[str, Any], *, namespaces: bool = True) -> None:
        """Emit an envelope as Evolution would: on the root in global mode, and on the instance's namespace."""
        event, instance = envelope["event"], envelope["instance"]
        await self.tell("emit", instance=instance, event=event, envelope=envelope, namespaces=namespaces)

    async def state(self) -> dict[str, Any]:
        """`joined` (sockets by namespace), `tcp` (open connections), `handshakes`, `heard` (packets of clients)."""
        return await self.tell("state")

    async def joined(self, namespace: str) -> int:
        """How many sockets are in the namespace."""
        return int((await self.state())["joined"].get(namespace, 0))

    def freeze(self) -> None:
        """Stop the whole process: the kernel still takes connections, nobody answers."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@asynccontextmanager
async def evolution_peer(**options: Any) -> AsyncIterator[EvolutionPeer]:
    """A started peer: `key` (None: everybody may), `disabled`, `globalEvents`, `pingInterval`, `pingTimeout`,
    `connectTimeout` (milliseconds), `port`, `token` (asked for in CONNECT, which Evolution never does). It ends with
    the block.
    """
    process = await asyncio.create_subprocess_exec(
        "node",
        str(NODE / "evolution_peer.mjs"),
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
    )
    try:
        assert process.stdout is not None
        first = json.loads(await process.stdout.readline())
        yield EvolutionPeer(process, first["port"], asyncio.Lock())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


def recorded_envelopes() -> list[dict[str, Any]]:
    """Envelopes that a real Evolution API 2.3.7 sent, each once, in the order of the recording."""
    envelopes = []
    for line in RECORDED_EVENTS.read_text().splitlines():
        recorded = json.loads(line)
        if "event" in recorded and recorded["args"][0] not in envelopes:
            envelopes.append(recorded["args"][0])
    return envelopes
