"""Clients of the whole house, and what they heard: here the real `socket.io-client`, run by Node."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.house import holds

SCRIPT = Path(__file__).parent.parent / "node" / "client_events.mjs"
LINE_LIMIT = 16 * 1024 * 1024


@dataclass
class Heard:
    """What one client heard, in order of arrival, and when each event did. `notices` are server events other than
    `evolution-event`; `lines` is everything as text.
    """

    name: str = "client"
    events: list[dict[str, Any]] = field(default_factory=list)
    notices: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    arrivals: list[datetime] = field(default_factory=list)

    def take(self, name: str, body: dict[str, Any]) -> None:
        if name == "evolution-event":
            self.events.append(body)
            self.arrivals.append(datetime.now(UTC))
        else:
            self.notices.append((name, body))

    def named(self, name: str) -> list[dict[str, Any]]:
        """The bodies of the notices of this name."""
        return [body for told, body in self.notices if told == name]

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    @property
    def cursor(self) -> str:
        """Where a client of its own would go on."""
        return str(self.events[-1]["cursor"] if self.events else self.named("ready")[0]["cursor"])

    async def is_ready(self, times: int = 1) -> dict[str, Any]:
        """The body of the newest `ready`, once there were so many."""
        await holds(f"{self.name} is ready", lambda: len(self.named("ready")) >= times, why=lambda: self.turns[-3:])
        return self.named("ready")[-1]

    async def has(self, amount: int, *, within_s: float = 20.0) -> None:
        """Waits for `amount` events in all."""
        await holds(
            f"{self.name} has {amount} events",
            lambda: len(self.events) >= amount,
            within_s=within_s,
            why=lambda: f"but {len(self.events)}; {self.turns[-3:]} {self.notices[-2:]}",
        )


@dataclass
class JsClient(Heard):
    """A running client. It comes back with its cursor by itself."""

    process: asyncio.subprocess.Process | None = None

    def die(self) -> None:
        """The client is gone between two instructions."""
        self._signal(signal.SIGKILL)

    def stop_reading(self) -> None:
        self._signal(signal.SIGSTOP)

    def read_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@asynccontextmanager
async def js_client(
    url: str,
    token: str,
    *,
    name: str = "js",
    cursor: str | None = None,
    transports: Sequence[str] | None = None,
    ready: bool = True,
) -> AsyncIterator[JsClient]:
    """A client that has been told `ready`; `transports` None is the default: polling, then an upgrade."""
    options = {} if transports is None else {"transports": list(transports)}
    wanted = {"url": url, "token": token, "options": options, **({} if cursor is None else {"cursor": cursor})}
    process = await asyncio.create_subprocess_exec(
        *("node", str(SCRIPT), json.dumps(wanted)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT,
    )
    client = JsClient(name=name, process=process)
    reading = asyncio.create_task(_read(client))
    try:
        if ready:
            await client.is_ready()
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading
        if process.stdin is not None:
            process.stdin.close()


async def _read(client: JsClient) -> None:
    assert client.process is not None
    assert client.process.stdout is not None
    while line := await client.process.stdout.readline():
        if not line.endswith(b"\n"):
            return  # the client died in the middle of a word
        client.lines.append(line.decode())
        told = json.loads(line)
        if told["was"] == "event":
            client.take(told["name"], told["body"])
        else:
            client.turns.append(told)
