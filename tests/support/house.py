"""The whole house for a test: the real gateway, in this process or one of its own, on a database that outlives it."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import structlog

from ponteio.app import Gateway
from ponteio.commands.admin import put_into_hands
from ponteio.commands.office import office
from ponteio.config import GatewaySettings, Settings
from ponteio.observe.logging import configure_logging
from ponteio.simulator import Simulator
from ponteio.upstream.backoff import RetryPolicy
from ponteio.upstream.link import LinkOptions

OWN_NAMES = ("EVOLUTION_API_URL", "EVOLUTION_API_KEY", "WEBSOCKET_ENABLED", "WEBSOCKET_GLOBAL_EVENTS")

#: The waits between tries, cut down. A process of its own keeps the real ones.
QUICK_LINKS = LinkOptions(
    retry=RetryPolicy(
        base_s=0.05, cap_s=0.2, auth_base_s=0.1, auth_cap_s=0.3, pending_base_s=0.05, pending_cap_s=0.1, steady_s=0.5
    ),
    dials_per_second=200,
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization and its one key."""

    name: str
    organization_id: str
    key_id: str
    key: str


@dataclass
class House:
    """A gateway that can be stopped, killed and started again: same database, same port from the first start on.

    `values` are its settings: the four that Evolution's users know under their own names, all others in lower case.
    `said` is every answer of the REST API, `log_lines` what a process of its own wrote.
    """

    values: dict[str, Any]
    folder: Path
    in_process: bool = True
    url: str = ""
    said: list[str] = field(default_factory=list)
    log_lines: list[str] = field(default_factory=list)
    gateway: Gateway | None = None
    process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _http: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(timeout=30))

    @property
    def database_url(self) -> str:
        return str(self.values["database_url"])

    # Life and death.

    async def start(self) -> None:
        """The gateway answers."""
        if self.in_process:
            self.gateway = Gateway(GatewaySettings(**self.values, _env_file=None), QUICK_LINKS)
            await self.gateway.start()
            self.url = self.gateway.url
        else:
            await self._spawn()
        self.values["port"] = int(self.url.rsplit(":", 1)[1])

    async def stop(self) -> int:
        """Orderly, as on SIGTERM; the exit status of a process. Harmless when nothing runs."""
        if self.gateway is not None:
            gateway, self.gateway = self.gateway, None
            await gateway.stop()
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """The process is gone between two instructions (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def close(self) -> None:
        await self.stop()
        await self._http.aclose()

    # People.

    async def tenant(self, name: str, *instances: str) -> Tenant:
        """A new organization that owns `instances`, with a key; made as the command line makes it."""
        async with office(self._settings) as here:
            made = await here.directory.create_organization(name)
            key, secret = await here.keys.create(made.organization_id, "oracle")
            for instance in instances:
                await put_into_hands(here, instance, made.organization_id)
        return Tenant(name, made.organization_id, key.key_id, secret)

    async def operator(self) -> str:
        """A new operator's key."""
        async with office(self._settings) as here:
            return (await here.keys.create(None, "oracle"))[1]

    async def command(self, *words: str) -> str:
        """What `ponteio WORDS` prints, run in a process of its own; it must succeed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ponteio", *words),
            cwd=self.folder,
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, f"ponteio {' '.join(words)}: {err.decode()}"
        return out.decode()

    # The REST API.

    async def call(self, method: str, path: str, key: str, **options: Any) -> httpx2.Response:
        """One call under `/api` with `key`."""
        headers = {"Authorization": f"Bearer {key}"}
        answer = await self._http.request(method, f"{self.url}/api/{path}", headers=headers, **options)
        self.said.append(answer.text)
        return answer

    async def get(self, path: str, key: str, **params: Any) -> Any:
        """The body of an answer that is no refusal."""
        answer = await self.call("GET", path, key, params=params)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    async def post(self, path: str, key: str, body: Any = None) -> Any:
        """The body of an answer that is no refusal."""
        answer = await self.call("POST", path, key, json=body)
        assert answer.status_code in (200, 201), f"{path}: {answer.text}"
        return answer.json()

    async def whole_log(self, key: str) -> list[dict[str, Any]]:
        """Every event of the key's organization, page by page from the beginning."""
        events: list[dict[str, Any]] = []
        after = "0"
        while True:
            page = await self.get("events", key, after=after, limit=500)
            events += page["events"]
            after = page["next"]
            if not page["more"]:
                assert page["next"] == page["head"]
                return events

    async def gaps(self, key: str) -> list[dict[str, Any]]:
        """The gaps that the key may see, oldest first."""
        return list(reversed((await self.get("gaps", key, limit=500))["gaps"]))

    async def links(self, key: str) -> dict[str, str]:
        """The state of each instance's way to us, by name."""
        found = (await self.get("websocket/instances", key))["instances"]
        return {one["name"]: one["link"]["state"] for one in found}

    async def global_link(self, key: str) -> dict[str, Any]:
        """The global link, as the key may see it."""
        found: dict[str, Any] = (await self.get("websocket/status", key))["global_link"]
        return found

    async def is_linked(self, key: str, *instances: str, within_s: float = 15.0) -> None:
        """Waits until the links of `instances`, or the global link if there are none, are connected."""

        async def linked() -> bool:
            if not instances:
                return bool((await self.global_link(key))["state"] == "connected")
            states = await self.links(key)
            return all(states.get(name) == "connected" for name in instances)

        await holds(f"links are connected: {instances or 'global'}", linked, within_s=within_s)

    async def knows(self, key: str, *instances: str) -> None:
        """Waits until the gateway has learned from Evolution, or from an event, that `instances` are there."""

        async def known() -> bool:
            return set(instances) <= set(await self.links(key))

        await holds(f"{instances} are known", known)

    # Inside.

    @property
    def _settings(self) -> Settings:
        return Settings(data_dir=self.folder, database_url=self.database_url, _env_file=None)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PONTEIO_", *OWN_NAMES))}
        for name, value in self.values.items():
            variable = name if name in OWN_NAMES else f"PONTEIO_{name.upper()}"
            kept[variable] = str(value).lower() if isinstance(value, bool) else str(value)
        return kept

    async def _spawn(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ponteio", "serve"),
            cwd=self.folder,
            env=self._environment(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=1024 * 1024,
        )
        before = len(self.log_lines)
        self._reader = asyncio.create_task(self._read(self.process))

        def listens() -> bool:
            for line in self.log_lines[before:]:
                if '"listening"' in line:
                    self.url = json.loads(line)["url"]
                    return True
            assert self.process is not None
            assert self.process.returncode is None, f"the gateway ended: {self.log_lines[before:]}"
            return False

        await holds("the gateway's process listens", listens, within_s=20)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self.log_lines.append(line.decode())

    async def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            raise
        if self._reader is not None:
            await self._reader
        return process.returncode or 0


@asynccontextmanager
async def house(
    folder: Path, database_url: str, *, url: str, key: str, global_events: bool, in_process: bool = True, **more: Any
) -> AsyncIterator[House]:
    """A house that has not been started, in front of the Evolution server at `url`; it is down afterwards."""
    values = {
        "data_dir": folder,
        "database_url": database_url,
        "EVOLUTION_API_URL": url,
        "EVOLUTION_API_KEY": key,
        "WEBSOCKET_ENABLED": True,
        "WEBSOCKET_GLOBAL_EVENTS": global_events,
        "host": "127.0.0.1",
        "port": 0,
        **more,
    }
    made = House(values, folder, in_process)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def separate_house(simulator: Simulator, folder: Path, database_url: str, **more: Any) -> AsyncIterator[House]:
    """A house in a process of its own, in front of `simulator`, in global mode: it can be killed."""
    server: dict[str, Any] = {"url": simulator.url, "key": simulator.api_key, "global_events": True}
    async with house(folder, database_url, in_process=False, **server, **more) as made:
        yield made


async def holds(
    what: str,
    condition: Callable[[], object | Awaitable[object]],
    *,
    within_s: float = 15.0,
    why: Callable[[], object] = lambda: "",
) -> None:
    """Returns once `condition()` holds; fails with `what`, and `why()`, when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        found = condition()
        if await found if inspect.isawaitable(found) else found:
            return
        assert loop.time() < deadline, f"not within {within_s} s: {what} {why()}"
        await asyncio.sleep(0.01)


@contextmanager
def logged_to(path: Path, form: str = "json") -> Iterator[None]:
    """Everything that this process logs, at every level, is written to `path`, as a process of its own would do it."""
    root, ours = logging.getLogger(), logging.getLogger("ponteio")
    before = (list(root.handlers), root.level, ours.level)
    with path.open("w") as out:
        lines = configure_logging("debug", form, out)
        try:
            yield
        finally:
            lines.stop()
            structlog.reset_defaults()
            root.handlers = before[0]
            root.setLevel(before[1])
            ours.setLevel(before[2])
