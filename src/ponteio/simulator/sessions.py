"""The life of instances in memory: loading at a start, and the WhatsApp sessions of Baileys instances.

Source: monitor.service.ts and whatsapp.baileys.service.ts of 2.3.7. A transient close is never told: the next thing
seen is `connecting`. Only loggedOut and its like emit `close`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from ponteio.simulator import event_payloads as events
from ponteio.simulator.local_time import true_utc
from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.script import PlannedEvent
from ponteio.simulator.stage import Stage
from ponteio.simulator.state import Instance, Memory, QrCode, World
from ponteio.simulator.tasks import LifeTasks


class InstanceNotReadyError(Exception):
    """The instance is not loaded, or shows no QR code."""


class Sessions:
    """Moves instances between `close`, `connecting` and `open`, and tells about it as Evolution does."""

    def __init__(
        self,
        options: SimulatorOptions,
        world: World,
        stage: Stage,
        clock: Callable[[], datetime],
    ) -> None:
        self._options = options
        self._world = world
        self._stage = stage
        self._clock = clock
        self.tasks = LifeTasks()

    async def load_all(self) -> None:
        """Bring every known instance into memory, as a process start does after a while."""
        await asyncio.sleep(self._options.load_s)
        for instance in self._world:
            self.load(instance)

    def load(self, instance: Instance) -> None:
        """Bring one instance into memory."""
        if not instance.is_baileys:
            instance.memory = Memory("open")
            return
        instance.memory = Memory("close")
        if instance.db_state == "open":
            self.tasks.start(instance.name, self._resume(instance))
        elif instance.db_state == "connecting":
            self.connect(instance)

    def connect(self, instance: Instance, number: str | None = None) -> None:
        """Start a session: `connecting` at once; then the known phone answers, or QR codes are shown."""
        work = self._show_qr_codes(instance, number) if not instance.is_paired else self._resume(instance)
        self.tasks.start(instance.name, work)

    async def scan(self, instance: Instance) -> None:
        """A phone scans the QR code being shown; the session is open when this returns."""
        memory = instance.memory
        if memory is None or memory.qr is None:
            raise InstanceNotReadyError(f"instance {instance.name!r} shows no QR code")
        self.tasks.end(instance.name)
        memory.qr = None
        pen = self._stage.script(instance).pen
        instance.is_paired, instance.owner_jid = True, instance.owner_jid or pen.own_jid
        instance.profile_name = instance.profile_name or f"Perfil {instance.name}"
        await self._resume(instance)

    async def interrupt(self, instance: Instance, for_s: float = 0.0) -> None:
        """The phone's connection fails and comes back: `close` in memory, told to nobody, then connecting and open."""
        memory = _loaded(instance)
        memory.state = "close"
        await asyncio.sleep(for_s)
        await self._resume(instance)

    def log_out(self, instance: Instance) -> None:
        """End the session for good (401); the phone must scan again."""
        self.tasks.end(instance.name)
        memory, now = _loaded(instance), self._clock()
        memory.qr = None
        if not instance.is_baileys:
            # Nothing is emitted and the database keeps saying open: only memory knows.
            memory.state = "close"
            return
        memory.state = instance.db_state = "close"
        instance.disconnected_at, instance.disconnection_code = now, 401
        instance.disconnection_object = _boom(instance.name, now)
        closed = {
            "instance": instance.name,
            "status": "closed",
            "disconnectionAt": true_utc(now),
            "disconnectionReasonCode": 401,
            "disconnectionObject": instance.disconnection_object,
        }
        self._tell(instance, "status.instance", closed)
        self._tell(instance, "logout.instance", None)
        self._tell(instance, "connection.update", events.closed(instance.name))
        instance.is_paired = False

    async def end_all(self) -> None:
        """The process ends: memory is lost, the database stays."""
        await self.tasks.end_all()
        for instance in self._world:
            instance.unload()

    async def _resume(self, instance: Instance) -> None:
        memory = _loaded(instance)
        self._tell_connecting(instance, memory)
        await asyncio.sleep(self._options.reconnect_s)
        if instance.memory is not memory:
            return
        memory.wuid = instance.owner_jid
        memory.state = instance.db_state = "open"
        opened = events.opened(instance.name, memory.wuid or "", instance.profile_name)
        self._tell(instance, "connection.update", opened)

    async def _show_qr_codes(self, instance: Instance, number: str | None) -> None:
        memory = _loaded(instance)
        self._tell_connecting(instance, memory)
        await asyncio.sleep(self._options.qr_delay_s)
        instance.db_state = "connecting"
        for count in range(1, self._options.qr_limit + 1):
            memory.qr = self._draw(instance, count, number)
            shown = events.qr_code(instance.name, memory.qr.code, memory.qr.base64, memory.qr.pairing_code)
            self._tell(instance, "qrcode.updated", shown)
            await asyncio.sleep(self._options.qr_interval_s)
        memory.qr = None
        self._tell(instance, "qrcode.updated", events.QR_LIMIT_REACHED)
        self._tell(instance, "connection.update", events.refused(instance.name, memory.wuid))
        memory.state = instance.db_state = "close"

    def _draw(self, instance: Instance, count: int, number: str | None) -> QrCode:
        pen = self._stage.script(instance).pen
        code = f"2@{pen.blob(48).hex()},{pen.blob(32).hex()},{pen.blob(32).hex()}"
        pairing = pen.blob(4).hex().upper() if number else None
        return QrCode(code, events.QR_PNG, count, pairing)

    def _tell(self, instance: Instance, event: str, data: dict[str, Any] | None) -> None:
        self._stage.emit(instance, PlannedEvent(event, data))

    def _tell_connecting(self, instance: Instance, memory: Memory) -> None:
        memory.state = "connecting"
        self._tell(instance, "connection.update", events.connecting(instance.name))


def _loaded(instance: Instance) -> Memory:
    if instance.memory is None:
        raise InstanceNotReadyError(f"instance {instance.name!r} is not loaded yet")
    return instance.memory


def _boom(name: str, now: datetime) -> str:
    payload = {"statusCode": 401, "error": "Unauthorized", "message": f"Log out instance: {name}"}
    output = {"statusCode": 401, "payload": payload, "headers": {}}
    error = {"data": None, "isBoom": True, "isServer": False, "output": output}
    return orjson.dumps({"error": error, "date": true_utc(now)}).decode()
