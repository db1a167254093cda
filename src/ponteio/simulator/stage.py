"""Where scripts are played: events are made here, stored, held while the process is frozen, and emitted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from ponteio.simulator.cast import Pen
from ponteio.simulator.chaos import Gate
from ponteio.simulator.emission import Emission
from ponteio.simulator.ids import IdMint
from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.script import PlannedEvent, Script
from ponteio.simulator.state import Instance, StoredMessage

#: How many events of a flood go out between two turns of the loop.
BATCH = 20
#: What an event with an empty text weighs, roughly: what a flood's `size` is measured against.
BARE_EVENT_BYTES = 900


class Stage:
    """Makes events happen on instances; what happens while the process is down does not happen at all."""

    def __init__(
        self,
        options: SimulatorOptions,
        emission: Emission,
        gate: Gate,
        mint: IdMint,
        clock: Callable[[], datetime],
    ) -> None:
        self._seed = options.seed
        self._saves_messages = options.save_messages
        self._emission = emission
        self._gate = gate
        self._mint = mint
        self._clock = clock
        self._scripts: dict[str, Script] = {}
        self._held: list[tuple[Instance, PlannedEvent]] = []
        #: Whether the simulated process runs.
        self.is_up = False

    def script(self, instance: Instance) -> Script:
        """The instance's script; a new instance under an old name begins a new one."""
        script = self._scripts.get(instance.instance_id)
        if script is None:
            pen = Pen(self._seed, instance.name, instance.instance_id)
            script = Script(pen, instance.integration, instance.number)
            self._scripts[instance.instance_id] = script
        return script

    def emit(self, instance: Instance, planned: PlannedEvent) -> None:
        """Emit one event, or hold it while frozen; nothing at all while the process is down."""
        if not self.is_up:
            return
        if self._gate.is_frozen:
            self._held.append((instance, planned))
            return
        instance.note(planned.event, planned.data)
        if planned.is_stored and (self._saves_messages or not instance.is_baileys):
            instance.messages.append(StoredMessage(self._mint.row_id(), planned.data))
        self._emission.emit(instance, planned.event, planned.data, dict(planned.extra))

    def play_scene(self, instance: Instance) -> int:
        """Play the next scene of an instance; how many events it had."""
        scene = self.script(instance).next_scene(self._clock())
        for planned in scene:
            self.emit(instance, planned)
        return len(scene)

    async def flood(self, instance: Instance, count: int, size: int) -> None:
        """Emit `count` messages as fast as the loop allows, each padded to about `size` bytes."""
        script = self.script(instance)
        for index in range(count):
            self.emit(instance, script.message(self._clock(), max(0, size - BARE_EVENT_BYTES)))
            if index % BATCH == BATCH - 1:
                await asyncio.sleep(0)

    def emit_big(self, instance: Instance, megabytes: float) -> None:
        """Emit one picture with that many MB of base64 in its message; it is not stored."""
        planned = self.script(instance).message(self._clock())
        image = {"caption": planned.data["message"]["conversation"], "mimetype": "image/jpeg"}
        message = {"imageMessage": image, "base64": "QUJD" * int(megabytes * 250_000)}
        data = {**planned.data, "message": message, "messageType": "imageMessage"}
        self.emit(instance, PlannedEvent("messages.upsert", data))

    def release(self) -> None:
        """Emit what was held, in order; the gate must be open."""
        held, self._held = self._held, []
        for instance, planned in held:
            self.emit(instance, planned)

    def forget_held(self) -> None:
        """The process died frozen: what was held never happens."""
        self._held.clear()
