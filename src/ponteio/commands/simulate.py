"""Running the simulator by itself."""

from __future__ import annotations

import asyncio
import secrets

from ponteio.model.outcome import INVALID_REQUEST, RefusalError
from ponteio.simulator.misconfigurations import MISCONFIGURATIONS, misconfigured
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


async def simulate(wanted: SimulatorOptions, host: str, port: int, stop: asyncio.Event, wrong: str = "") -> None:
    """Run until `stop` is set, with one thing set up wrongly if `wrong` names it. Raises `RefusalError`
    INVALID_REQUEST for a name that is none.
    """
    if wrong and wrong not in MISCONFIGURATIONS:
        raise RefusalError(INVALID_REQUEST, f"There is no {wrong!r}. There are: {', '.join(MISCONFIGURATIONS)}.")
    simulator = Simulator(misconfigured(wanted, wrong) if wrong else wanted)
    await simulator.start(host, port)
    try:
        if wrong:
            MISCONFIGURATIONS[wrong].apply(simulator)
        print("# put these lines into .env and start the gateway: ./run ponteio serve")
        print(f"EVOLUTION_API_URL={simulator.url}")
        print(f"EVOLUTION_API_KEY={simulator.api_key}")
        print(f"WEBSOCKET_GLOBAL_EVENTS={str(wanted.global_events).lower()}", flush=True)
        await stop.wait()
    finally:
        await simulator.stop()
