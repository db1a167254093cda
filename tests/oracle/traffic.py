"""What the simulated Evolution is made to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.house import holds

from ponteio.simulator import Simulator


def rouse(simulator: Simulator, names: Sequence[str]) -> None:
    """Each instance says one thing, which makes its namespace and reaches nobody there."""
    for name in names:
        simulator.emit(name, "contacts.update", {"remoteJid": "5511900000000@s.whatsapp.net", "pushName": name})


def say(simulator: Simulator, name: str, number: int, text: str = "") -> None:
    """One small message, unlike all others."""
    simulator.emit(name, "messages.upsert", message(name, number, text))


def message(name: str, number: int, text: str = "") -> dict[str, Any]:
    """The data of a message."""
    return {
        "key": {"id": f"{name}-{number}", "remoteJid": "5511911111111@s.whatsapp.net", "fromMe": False},
        "message": {"conversation": f"{text} {number}"},
        "messageType": "conversation",
    }


async def busy(simulator: Simulator, names: Sequence[str], *, scenes: int = 500, burst: int = 60) -> None:
    """Every kind of traffic that the simulator knows, then a burst of messages on each instance."""
    before = len(simulator.emitted)
    simulator.traffic.rate = 1500
    await holds("the simulator has played scenes", lambda: len(simulator.emitted) >= before + scenes)
    simulator.traffic.rate = 0
    for name in names:
        await simulator.flood(name, burst)
