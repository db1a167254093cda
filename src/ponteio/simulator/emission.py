"""From an event to its envelopes: who gets it, in which order, and a record of it for comparison.

Source: websocket.controller.ts of 2.3.7. Root first and at once (global mode, no filter at all); then, after a read of
the database, the instance's own namespace if its filter lets the event pass. The event that makes a namespace reaches
nobody there.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from ponteio.simulator.local_time import fake_utc
from ponteio.simulator.packets import EncodedEvent, encode_event
from ponteio.simulator.socket_server import SocketServer
from ponteio.simulator.state import Instance


@dataclass(slots=True)
class EmittedEvent:
    """One event that left the simulator, and where it went."""

    serial: int
    instance: str
    event: str
    #: As encoded; bytes leaves are still bytes. Holds the token when the simulator exposes it.
    envelope: dict[str, Any] = field(repr=False)
    #: How many sockets were on the root namespace; None when global mode is off.
    root_recipients: int | None = None
    #: How many sockets were on the instance's namespace; None when its filter stopped the event.
    namespace_recipients: int | None = None
    #: This event made the namespace, so nobody can have received it there.
    made_namespace: bool = False


@dataclass(slots=True, kw_only=True)
class Emission:
    """Makes envelopes and hands them to the Socket.IO server of the current process life."""

    clock: Callable[[], datetime]
    zone: tzinfo
    server_url: Callable[[], str | None]
    global_events: bool
    websocket_enabled: bool
    expose_apikey: bool
    jitter_s: float
    rng: random.Random
    remember: int | None
    #: The living Socket.IO server; None while the process is down.
    socket_server: SocketServer | None = None
    #: Every event goes out twice while set.
    duplicate: bool = False
    #: Number of events by (instance, event, surface); a surface is `root`, `namespace` or `nowhere`.
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    emitted: deque[EmittedEvent] = field(init=False)
    _serial: int = 0

    def __post_init__(self) -> None:
        self.emitted = deque(maxlen=self.remember)

    def emit(self, instance: Instance, event: str, data: Any, extra: dict[str, Any] | None = None) -> EmittedEvent:
        """Send one event of `instance`; the root's share is on its way when this returns."""
        self._serial += 1
        record = EmittedEvent(self._serial, instance.name, event, self._envelope(instance, event, data, extra))
        self.emitted.append(record)
        for _ in range(2 if self.duplicate else 1):
            self._send(instance, record)
        return record

    def _envelope(self, instance: Instance, event: str, data: Any, extra: dict[str, Any] | None) -> dict[str, Any]:
        envelope = {**(extra or {}), "event": event, "instance": instance.name, "data": data}
        if server_url := self.server_url():
            envelope["server_url"] = server_url
        envelope["date_time"] = fake_utc(self.clock(), self.zone)
        if instance.memory is not None and instance.memory.wuid is not None:
            envelope["sender"] = instance.memory.wuid
        envelope["apikey"] = (instance.token or "Apikey not found") if self.expose_apikey else None
        return envelope

    def _send(self, instance: Instance, record: EmittedEvent) -> None:
        server = self.socket_server
        wanted = self.websocket_enabled and instance.wants(record.event)
        if server is None or not self.websocket_enabled or not (self.global_events or wanted):
            self._count(record, "nowhere")
            return
        encoded = encode_event(record.event, record.envelope)
        if self.global_events:
            record.root_recipients = server.deliver("/", encoded.frames("/"))
            self._count(record, "root")
        if wanted:
            delay_s = self.rng.uniform(0, self.jitter_s)
            asyncio.get_running_loop().call_later(delay_s, self._send_to_namespace, server, record, encoded)

    def _send_to_namespace(self, server: SocketServer, record: EmittedEvent, encoded: EncodedEvent) -> None:
        if server is not self.socket_server:
            return
        namespace = f"/{record.instance}"
        record.made_namespace = server.open_namespace(namespace) or record.made_namespace
        record.namespace_recipients = server.deliver(namespace, encoded.frames(namespace))
        self._count(record, "namespace")

    def _count(self, record: EmittedEvent, surface: str) -> None:
        self.counts[record.instance, record.event, surface] += 1
