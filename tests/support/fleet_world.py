"""A fleet of stations on real rooms, in front of as many simulators as a test starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.databases import migrated, sqlite_url
from tests.support.link_rig import QUICK_OPTIONS
from tests.support.list_sink import ListSink
from tests.support.simulator import until

from ponteio.decode.redaction import KnownSecrets
from ponteio.eventlog.gaps import GapLog
from ponteio.fleet import Fleet
from ponteio.model.identity import Instance, OrganizationScope, Server
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.observe.counters import Counters
from ponteio.simulator import Simulator
from ponteio.station import StationNeeds
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.instance_events import InstanceEvents
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.tenancy.servers import Servers

SEALING_KEY = Vault.new_key()


@dataclass
class FleetWorld:
    """What a fleet works with, and what it told."""

    database: Database
    directory: Directory
    servers: Servers
    needs: StationNeeds
    fleet: Fleet
    sink: ListSink
    secrets: KnownSecrets
    notices: LimitNotices
    gaps: GapLog
    statuses: list[LinkStatus] = field(default_factory=list)
    told: list[Instance] = field(default_factory=list)

    async def server(self, simulator: Simulator, *, global_events: bool = False, key: str | None = None) -> Server:
        """A new server at the simulator's address, with its key unless another is given. No station has it yet."""
        return await self.servers.add(
            simulator.url, key or simulator.api_key, global_events=global_events, allow_private=True
        )

    async def organization(self, name: str) -> OrganizationScope:
        made = await self.directory.create_organization(name)
        return self.directory.scope_of(made.organization_id)

    async def give(self, scope: OrganizationScope, server: Server, *names: str) -> None:
        for name in names:
            await self.directory.assign(name, scope.organization_id, server_id=server.server_id)

    def link(self, server: Server, name: str | None = None) -> LinkStatus:
        links = self.fleet.station(server.server_id).links
        return links.status(LinkTarget(server.server_id, name))

    async def is_linked(self, server: Server, name: str | None = None) -> None:
        await until(lambda: self.link(server, name).state is LinkState.CONNECTED)

    async def is_known(self, server: Server, name: str) -> Instance:
        """The instance, once the list of its server was read."""

        def known() -> Instance | None:
            found = self.directory.find(server.server_id, name)
            return found if found is not None and found.upstream_id is not None else None

        await until(known)
        found = known()
        assert found is not None
        return found

    def heard(self, server: Server) -> list[str | None]:
        """Over which links of the server frames came, in order."""
        targets = [frame.target for frame in self.sink.frames]
        return [target.instance for target in targets if target.server_id == server.server_id]


@asynccontextmanager
async def fleet_world(
    folder: Path, *, sealing_key: str = SEALING_KEY, starts: bool = True, sync_s: int = 60
) -> AsyncIterator[FleetWorld]:
    """A fleet without servers, on the database in `folder`; nothing of it is left afterwards."""
    async with migrated(sqlite_url(folder)) as database:
        world = _world(database, sealing_key, sync_s)
        await world.directory.load()
        world.directory.on_change(world.fleet.reconcile)
        try:
            if starts:
                await world.fleet.open()
                await world.fleet.start()
            yield world
        finally:
            await world.fleet.hang_up()
            await world.fleet.close()


def _world(database: Database, sealing_key: str, sync_s: int) -> FleetWorld:
    directory, counters, sink, gaps = Directory(database), Counters(), ListSink(), GapLog(database)
    servers = Servers(database, directory, Vault([sealing_key]))
    secrets, notices = KnownSecrets(), LimitNotices(counters)
    statuses: list[LinkStatus] = []
    told: list[Instance] = []
    needs = StationNeeds(
        enabled=True,
        sync_s=sync_s,
        link_options=QUICK_OPTIONS,
        directory=directory,
        intents=LinkIntents(database),
        wishes=InstanceEvents(database),
        audit=AuditLog(database),
        gaps=gaps,
        counters=counters,
        notices=notices,
        secrets=secrets,
        sink=sink,
        on_status=statuses.append,
        on_instances=told.extend,
    )

    async def key_of(server: Server) -> str:
        return await servers.key(server.server_id)

    fleet = Fleet(needs, key_of)
    return FleetWorld(
        database, directory, servers, needs, fleet, sink, secrets, notices, gaps, statuses=statuses, told=told
    )
