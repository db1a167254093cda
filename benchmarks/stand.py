"""The test stand: a simulator and many readers in this process, the gateway in one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.server import Simulator
from ponteio.upstream.event_stream import listen

INSTANCE = "loja-01"
Hear = Callable[[bytes], None]


@dataclass
class Stand:
    """A gateway with one organization that owns the simulator's only speaking instance."""

    simulator: Simulator
    pid: int
    url: str
    api_key: str
    folder: Path

    @asynccontextmanager
    async def readers(self, count: int, hear: Hear) -> AsyncIterator[None]:
        """`count` sockets, each of which gives `hear` the payload of every `evolution-event`."""
        ready = asyncio.Semaphore(0)

        def on_event(payload: bytes, _attachments: tuple[bytes, ...]) -> None:
            if payload.startswith(b'["evolution-event"'):
                hear(payload)
            elif payload.startswith(b'["ready"'):
                ready.release()

        tasks = [
            asyncio.create_task(listen(self.url, auth={"token": self.api_key}, on_event=on_event)) for _ in range(count)
        ]
        try:
            for _ in range(count):
                await asyncio.wait_for(ready.acquire(), 30)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


_SERVE = ("-m", "ponteio", "serve")
_WITHOUT_HISTORY = """
import asyncio, sys
from ponteio import cli, indexing
indexing.Indexing.run = lambda self: asyncio.Event().wait()
sys.argv = ["ponteio", "serve"]
cli.main()
"""


@asynccontextmanager
async def stand(*, history: bool = True) -> AsyncIterator[Stand]:
    """A fresh gateway on SQLite with full durability, linked to a fresh simulator in global mode; without `history` it
    neither indexes nor counts its events.
    """
    simulator = Simulator(SimulatorOptions(instances=1, rate=0.0, global_events=True, load_s=0.0, emitted_limit=0))
    await simulator.start()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PONTEIO_")},
            "EVOLUTION_API_URL": simulator.url,
            "EVOLUTION_API_KEY": simulator.api_key,
            "WEBSOCKET_GLOBAL_EVENTS": "true",
            "PONTEIO_DATA_DIR": folder,
            "PONTEIO_PORT": "0",
            "PONTEIO_LOG_FORMAT": "json",
            "PONTEIO_SOCKETS_PER_ORGANIZATION": "1000",
            "PONTEIO_SOCKETS_PER_ADDRESS": "1000",
            "PONTEIO_ARRIVALS_PER_S": "1000",
        }
        await _command(environment, "org", "create", "Bench")
        key = json.loads(await _command(environment, "key", "create", "--org", "Bench", "--json"))
        await _command(environment, "instance", "assign", INSTANCE, "Bench")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *(_SERVE if history else ("-c", _WITHOUT_HISTORY))),
            env=environment,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            url = await _said(process, r'"url": "(http://[^"]+)"')
            await _said(process, r'"event": "link connected"()')
            drain = asyncio.create_task(_drain(process))
            yield Stand(simulator, process.pid, url, key["api_key"], Path(folder))
            drain.cancel()
        finally:
            process.terminate()
            await process.wait()
            await simulator.stop()


async def _command(environment: dict[str, str], *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ponteio", *words), env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"ponteio {words[0]} failed")
    return out.decode()


async def _said(process: asyncio.subprocess.Process, pattern: str) -> str:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if found := re.search(pattern, line.decode()):
            return found[1]
    raise RuntimeError("the gateway ended at its start")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.readline():
        pass
