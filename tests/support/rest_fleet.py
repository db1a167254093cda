"""The REST desk over a real fleet: servers can be added to it, and instances claimed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.support.link_rig import QUICK_OPTIONS
from tests.support.rest_house import SERVER
from tests.support.tenant_desk import TenantDesk

from ponteio.decode.redaction import KnownSecrets
from ponteio.fleet import Fleet
from ponteio.model.identity import Server
from ponteio.simulator import Simulator
from ponteio.station import StationNeeds
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.instance_events import InstanceEvents
from ponteio.tenancy.link_intents import LinkIntents


@asynccontextmanager
async def on_a_fleet(here: TenantDesk) -> AsyncIterator[Fleet]:
    """The desk's routes work with a running fleet of whatever servers the directory has."""
    house, services = here.desk.house, here.desk.services
    needs = StationNeeds(
        enabled=True,
        sync_s=60,
        link_options=QUICK_OPTIONS,
        directory=house.directory,
        intents=LinkIntents(house.database),
        wishes=InstanceEvents(house.database),
        audit=AuditLog(house.database),
        gaps=house.gaps,
        counters=house.counters,
        notices=services.notices,
        secrets=KnownSecrets(),
        sink=house.sink,
        on_status=lambda _status: None,
        on_instances=house.told.extend,
    )

    async def key_of(server: Server) -> str:
        if server.server_id == SERVER:
            return house.simulator.api_key
        return await services.servers.key(server.server_id)

    fleet = Fleet(needs, key_of)
    house.directory.on_change(fleet.reconcile)
    here.desk.services = here.desk.app.state.services = replace(services, fleet=fleet)
    await fleet.open()
    await fleet.start()
    try:
        yield fleet
    finally:
        await fleet.hang_up()
        await fleet.close()


async def another_server(here: TenantDesk, simulator: Simulator, **more: Any) -> str:
    """The id of a server that the operator added over REST; no answer may show its secrets."""
    here.desk.api_keys += [simulator.api_key, *(each.token for each in simulator.world if each.token)]
    wanted = {"url": simulator.url, "key": simulator.api_key, "allow_private": True, **more}
    made = await here.operators[0].caller.post("/api/servers", json=wanted)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def token_of(simulator: Simulator, name: str) -> str:
    """The instance's own token."""
    found = simulator.instance(name).token
    assert found
    return found
