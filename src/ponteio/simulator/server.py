"""The simulator: an invented Evolution API on a real port, and the handle to its mishaps."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ponteio.simulator.chaos import Chaos, Gate
from ponteio.simulator.control_routes import control_routes
from ponteio.simulator.emission import Emission, EmittedEvent
from ponteio.simulator.front import Front
from ponteio.simulator.handshake import Door, checks_keys, parse_allowed_hosts
from ponteio.simulator.http_server import Peer
from ponteio.simulator.ids import IdMint
from ponteio.simulator.life import Life, reserve_port
from ponteio.simulator.local_time import parse_tz
from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.packets import Frame
from ponteio.simulator.population import Maker
from ponteio.simulator.rest_context import RestContext
from ponteio.simulator.rest_routes import build_rest
from ponteio.simulator.script import PlannedEvent
from ponteio.simulator.sessions import Sessions
from ponteio.simulator.socket_server import SocketServer
from ponteio.simulator.stage import Stage
from ponteio.simulator.state import Instance, World
from ponteio.simulator.tasks import LifeTasks
from ponteio.simulator.traffic import Traffic


class SimulatorDownError(Exception):
    """The simulated process is down: it cannot emit."""


class UnknownInstanceError(LookupError):
    """The simulator has no instance of that name."""


def utc_now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


def _shifted(clock: Callable[[], datetime], ahead: timedelta) -> Callable[[], datetime]:
    return lambda: clock() + ahead


class Simulator:
    """An Evolution-shaped server in the caller's event loop: `start` it, play with it, `stop` it."""

    def __init__(self, options: SimulatorOptions | None = None, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.options = options = options or SimulatorOptions()
        ahead = timedelta(seconds=options.clock_ahead_s)
        self._clock = clock = _shifted(clock, ahead) if ahead else clock
        mint = IdMint(str(options.seed))
        self.world = World(options.api_key or mint.token())
        self.maker = Maker(options, mint, clock)
        self.maker.populate(self.world)
        self.chaos = Chaos()
        #: What clients emitted to us: (namespace, event). A receive-only client leaves it empty.
        self.client_events: list[tuple[str, str]] = []
        self.emission = self._new_emission()
        self._gate = Gate()
        self.stage = Stage(options, self.emission, self._gate, mint, clock)
        self.sessions = Sessions(options, self.world, self.stage, clock)
        self.traffic = Traffic(options.seed, options.rate, self._speaking, self.stage.play_scene)
        self._tasks = LifeTasks()
        self._life: Life | None = None
        self._holder: socket.socket | None = None
        self._host = options.host

    # --- start and stop

    @property
    def port(self) -> int:
        """The port, kept over restarts."""
        if self._holder is None:
            raise SimulatorDownError("the simulator has not been started")
        port: int = self._holder.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def api_key(self) -> str:
        """The global key."""
        return self.world.api_key

    @property
    def is_up(self) -> bool:
        """Whether the simulated process runs."""
        return self.stage.is_up

    async def start(self, host: str | None = None, port: int | None = None) -> None:
        """Serve, on `options.host` and `options.port` unless told otherwise; instances are loaded `load_s` later."""
        self._host = host or self.options.host
        self._holder = reserve_port(self._host, self.options.port if port is None else port)
        await self.come_up()
        self._tasks.start("traffic", self.traffic.run())

    async def stop(self) -> None:
        """Serve no more and give the port back; safe to call twice."""
        await self._tasks.end_all()
        await self.go_down()
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    # --- mishaps

    async def come_up(self) -> None:
        """Start the simulated process on the same port; of the namespaces only the root exists."""
        if self._life is not None:
            return
        server = self._new_socket_server() if self.options.websocket_enabled else None
        life = self._life = Life(server, self._gate)
        front = Front(
            socket_server=server,
            rest=build_rest(self._rest_context(), control_routes(self)),
            door=Door(self.world, parse_allowed_hosts(self.options.allowed_hosts), checks_keys(self.options.version)),
            chaos=self.chaos,
            gate=self._gate,
            cut=life.cut,
            destroy_upgrade_s=self.options.destroy_upgrade_s,
            clock=self._clock,
        )
        await life.begin(front, self._host, self.port)
        self.emission.socket_server = server
        self.stage.is_up = True
        self.sessions.tasks.start("load", self.sessions.load_all())

    async def go_down(self) -> None:
        """Kill the simulated process: transports drop without a close frame, the port refuses, namespaces are lost."""
        self.stage.is_up, self.emission.socket_server = False, None
        self.stage.forget_held()
        await self.sessions.end_all()
        if self._life is not None:
            await self._life.end()
            self._life = None

    async def restart(self, down_s: float = 0.5) -> None:
        """Kill the simulated process and start it again after `down_s`; returns when it listens."""
        await self.go_down()
        await asyncio.sleep(down_s)
        await self.come_up()

    def restart_soon(self, down_s: float = 0.5) -> None:
        """Begin a `restart` and return."""
        self._tasks.start("restart", self.restart(down_s))

    def freeze(self, for_s: float | None = None) -> None:
        """Answer nothing and ping nobody, as under SIGSTOP, until `thaw` or for `for_s`; connections are accepted."""
        self._gate.freeze()
        if self._life is not None:
            self._life.http.pause_websockets(True)
        if for_s is not None:
            self._tasks.start("thaw", self._thaw_after(float(for_s)))

    def thaw(self) -> None:
        """Go on where `freeze` stopped; what was to be emitted meanwhile goes out now, in order."""
        if self._life is not None:
            self._life.http.pause_websockets(False)
        self._gate.thaw()
        self.stage.release()

    def drop(self, *, spare: Peer | None = None) -> int:
        """Cut every connection without a close frame, except that of `spare`; how many were cut."""
        return 0 if self._life is None else self._life.http.drop_connections(spare=spare)

    def refuse_key(self, on: bool = True) -> None:
        """Treat every key as wrong, from every host, from the next request on."""
        self.chaos.refuse_key = on

    # --- events

    @property
    def emitted(self) -> Sequence[EmittedEvent]:
        """The last events that left, oldest first (see `emitted_limit`)."""
        return self.emission.emitted

    def instance(self, name: str) -> Instance:
        """The instance of that name."""
        found = self.world.get(name)
        if found is None:
            raise UnknownInstanceError(f"no instance {name!r}")
        return found

    def emit(self, instance: str, event: str, data: Any, /, **extra: Any) -> None:
        """Emit one event of `instance`, held while frozen; `extra` goes to the top of the envelope."""
        self._require_up()
        self.stage.emit(self.instance(instance), PlannedEvent(event, data, extra))

    def emit_raw(self, frames: Sequence[Frame], namespace: str = "/") -> int:
        """Send bare Socket.IO frames (text without the Engine.IO digit) to a namespace; how many sockets got them."""
        server = self.emission.socket_server
        return 0 if server is None else server.deliver(namespace, list(frames))

    async def flood(self, instance: str, count: int, *, size: int = 0) -> None:
        """Emit `count` messages of one instance as fast as the loop allows, each about `size` bytes if larger."""
        self._require_up()
        await self.stage.flood(self.instance(instance), count, size)

    def emit_big(self, instance: str, megabytes: float = 20.0) -> None:
        """Emit one picture with that many MB of base64 in its message."""
        self._require_up()
        self.stage.emit_big(self.instance(instance), megabytes)

    def stats(self) -> dict[str, dict[str, dict[str, int]]]:
        """How many events went out: by instance, event and surface (`root`, `namespace`, `nowhere`)."""
        table: dict[str, dict[str, dict[str, int]]] = {}
        for (instance, event, surface), count in sorted(self.emission.counts.items()):
            table.setdefault(instance, {}).setdefault(event, {})[surface] = count
        return table

    def summary(self) -> dict[str, Any]:
        """The state of the simulator in numbers, without any key."""
        server = self.emission.socket_server
        return {
            "rate": self.traffic.rate,
            "instances": {each.name: None if each.memory is None else each.memory.state for each in self.world},
            "sessions": 0 if server is None else server.session_count(),
            "namespaces": [] if server is None else sorted(server.namespaces),
            "client_events": len(self.client_events),
            "events": self.stats(),
        }

    # --- phones

    async def scan(self, instance: str) -> None:
        """A phone scans the QR code that a Baileys instance shows; it is open when this returns."""
        await self.sessions.scan(self.instance(instance))

    async def interrupt(self, instance: str, for_s: float = 0.0) -> None:
        """A phone loses its connection for a while: only `connecting` and `open` are told."""
        await self.sessions.interrupt(self.instance(instance), for_s)

    def bulk_connect(self) -> None:
        """Every loaded Baileys instance starts a session at once: paired ones open, the others show QR codes."""
        for instance in self.world:
            if instance.is_baileys and instance.memory is not None:
                self.sessions.connect(instance)

    # --- inside

    def _require_up(self) -> None:
        if not self.is_up:
            raise SimulatorDownError("the simulated process is down")

    def _new_emission(self) -> Emission:
        options = self.options
        return Emission(
            clock=self._clock,
            zone=parse_tz(options.tz),
            server_url=lambda: self.url if options.server_url is None else options.server_url,
            global_events=options.global_events,
            websocket_enabled=options.websocket_enabled,
            expose_apikey=options.expose_apikey,
            jitter_s=options.namespace_jitter_s,
            rng=random.Random(f"jitter:{options.seed}"),
            remember=options.emitted_limit,
        )

    def _new_socket_server(self) -> SocketServer:
        return SocketServer(
            ping_interval_s=self.options.ping_interval_s,
            ping_timeout_s=self.options.ping_timeout_s,
            connect_timeout_s=self.options.connect_timeout_s,
            on_client_event=lambda namespace, event: self.client_events.append((namespace, event)),
        )

    def _rest_context(self) -> RestContext:
        return RestContext(
            options=self.options,
            world=self.world,
            maker=self.maker,
            sessions=self.sessions,
            stage=self.stage,
            server_url=self.emission.server_url,
            chaos=self.chaos,
            clock=self._clock,
        )

    def _speaking(self) -> list[Instance]:
        if not self.is_up or self._gate.is_frozen:
            return []
        return [each for each in self.world if each.memory is not None and each.memory.state == "open"]

    async def _thaw_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.thaw()


async def run_simulator(
    options: SimulatorOptions,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[Simulator], None] = lambda _: None,
) -> None:
    """Run a simulator until `stop` is set; `on_ready` is called once it listens."""
    simulator = Simulator(options)
    try:
        await simulator.start()
        on_ready(simulator)
        await stop.wait()
    finally:
        await simulator.stop()
