"""A whole house in which much has happened: everything that is counted was counted at least once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracle.traffic import say
from tests.support.house import House, Tenant, holds, house
from tests.support.plain_socket import plain_socket
from tests.support.simulator import running_simulator

from ponteio.simulator import Simulator

UNHEARD_EVENT = "custom.canary-event"
CONTENT = "canary-content"
WORDS = ("canary-acme", "canary-beta", UNHEARD_EVENT, CONTENT, "5511911111111", "loja-0", "canary-path", "org_", "pnt_")
"""None of these may be seen by whoever only watches the house."""


@dataclass
class BusyHouse:
    """`acme` owns loja-01 and loja-02, `beta` loja-03, nobody loja-04."""

    house: House
    simulator: Simulator
    acme: Tenant
    beta: Tenant
    operator: str

    async def text(self) -> str:
        """What Prometheus is shown."""
        answer = await self.house._http.get(self.house.url + "/metrics", headers=bearer(self.operator))
        assert answer.status_code == 200
        return answer.text

    async def stored(self, tenant: Tenant, events: int) -> None:
        """Waits until the tenant's log has so many events."""

        async def are_stored() -> bool:
            return len(await self.house.whole_log(tenant.key)) >= events

        await holds(f"{events} events are stored", are_stored)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def busy_house(folder: Path, database_url: str = "", **settings: Any) -> AsyncIterator[BusyHouse]:
    """Two organizations with sockets, traffic of every kind, refusals, a link that was lost and is back, and calls."""
    url = database_url or f"sqlite:///{folder / 'house.db'}"
    damped = {"live_per_minute": 2, "live_burst": 2, **settings}
    async with (
        running_simulator(instances=4, global_events=True) as simulator,
        house(folder, url, url=simulator.url, key=simulator.api_key, global_events=True, **damped) as it,
    ):
        await it.start()
        operator = await it.operator()
        await it.is_linked(operator)
        await it.knows(operator, "loja-01", "loja-03", "loja-04")
        acme, beta = await it.tenant("canary-acme", "loja-01", "loja-02"), await it.tenant("canary-beta", "loja-03")
        await it.knows(acme.key, "loja-01", "loja-02")
        await it.knows(beta.key, "loja-03")
        here = BusyHouse(it, simulator, acme, beta, operator)
        await _knock(here)
        ticket = (await it.post("tickets", acme.key, {}))["ticket"]
        async with plain_socket(it.url, acme.key) as service, plain_socket(it.url, ticket) as browser:
            await holds("sockets are there", lambda: service.named("ready") and browser.named("ready"))
            await _speak(here)
            await holds("events are delivered", lambda: len(service.events) >= 21)
            yield here


async def _knock(here: BusyHouse) -> None:
    """Calls that are answered and calls that are refused."""
    http, url = here.house._http, here.house.url
    await http.get(f"{url}/healthz")
    await http.get(f"{url}/api/nowhere/canary-path")
    await http.get(f"{url}/api/instances/canary-path", headers=bearer(here.acme.key))
    await http.get(f"{url}/api/events", headers=bearer(here.operator))


async def _speak(here: BusyHouse) -> None:
    simulator = here.simulator
    for number in range(20):
        say(simulator, "loja-01", number, CONTENT)
        say(simulator, "loja-03", number, CONTENT)
    simulator.emit("loja-01", UNHEARD_EVENT, {"text": CONTENT})
    say(simulator, "loja-04", 1, CONTENT)
    await here.stored(here.acme, 21)
    simulator.drop()

    async def is_back() -> bool:
        return bool((await here.house.global_link(here.operator))["reconnects"] >= 1)

    await holds("the link is back", is_back)
