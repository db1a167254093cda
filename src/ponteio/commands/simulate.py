"""Running the simulator by itself."""

from __future__ import annotations

import asyncio
import secrets

from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.server import Simulator


def options(instances: int, rate: float, global_events: bool, api_key: str, tz: str, seed: int) -> SimulatorOptions:
    """What the command line's options mean to the simulator."""
    return SimulatorOptions(
        instances=instances,
        rate=rate,
        global_events=global_events,
        api_key=api_key or secrets.token_hex(16),
        tz=tz,
        seed=seed,
    )


async def simulate(wanted: SimulatorOptions, host: str, port: int, stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    simulator = Simulator(wanted)
    await simulator.start(host, port)
    try:
        print("# put these lines into .env and start the gateway: ./run ponteio serve")
        print(f"EVOLUTION_API_URL={simulator.url}")
        print(f"EVOLUTION_API_KEY={simulator.api_key}")
        print(f"WEBSOCKET_GLOBAL_EVENTS={str(wanted.global_events).lower()}", flush=True)
        await stop.wait()
    finally:
        await simulator.stop()
