"""All Evolution servers: stations that come and go while the house runs. One that fails stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ponteio.model.identity import Instance, Server
from ponteio.model.outcome import CLAIM_REFUSED, INVALID_REQUEST, SERVER_NOT_FOUND, RefusalError
from ponteio.station import Station, StationNeeds
from ponteio.tenancy.servers import is_public_default

log = structlog.get_logger(__name__)


class Fleet:
    """One station for each server of the directory. `key_of` gives a server's key, or refuses."""

    def __init__(self, needs: StationNeeds, key_of: Callable[[Server], Awaitable[str]]) -> None:
        self._needs = needs
        self._key_of = key_of
        self._stations: dict[str, Station] = {}
        self._refused: dict[str, Server] = {}
        self._changing = asyncio.Lock()
        self._is_running = False

    async def start(self) -> None:
        """Every server is linked to. Raises what the environment's station raises; any other is only logged."""
        self._is_running = True
        await self._catch_up()

    async def hang_up(self) -> None:
        """Nothing arrives any more; servers can still be asked."""
        async with self._changing:
            self._is_running = False
            await asyncio.gather(*(station.hang_up() for station in self._stations.values()))

    async def close(self) -> None:
        """Nothing is open any more."""
        async with self._changing:
            for station in self._stations.values():
                await station.close()
            self._stations.clear()

    def station(self, server_id: str | None = None) -> Station:
        """The server's station; without an id the only one there is. Raises `RefusalError` SERVER_NOT_FOUND, or
        INVALID_REQUEST when the id is needed.
        """
        if server_id is None:
            if len(self._stations) > 1:
                raise RefusalError(INVALID_REQUEST, "Which Evolution API server? There are several.")
            server_id = next(iter(self._stations), "")
        found = self._stations.get(server_id)
        if found is None:
            raise RefusalError(SERVER_NOT_FOUND)
        return found

    def stations(self) -> list[Station]:
        """Every station, by server."""
        return [self._stations[server_id] for server_id in sorted(self._stations)]

    def is_reachable(self, server_id: str) -> bool:
        """Whether the server has a station: not when its key could not be opened, or its address not be used."""
        return server_id in self._stations

    def reconcile(self) -> None:
        """Links are as the directory wants them. Call it after the directory changed."""
        for station in self._stations.values():
            station.links.reconcile()

    async def refresh(self) -> None:
        """Stations are as the list of servers wants them. To be called again and again; cheap when nothing changed."""
        if self._is_running and self._differs():
            await self._catch_up()

    async def claim(self, server_id: str | None, name: str, token: str, organization_id: str) -> Instance:
        """The instance belongs to the organization, which has proved its token. Raises `RefusalError` CLAIM_REFUSED
        alike for an instance that is not there, a wrong token, and one that somebody owns.
        """
        station = self.station(server_id)
        is_proved = await station.proves(name, token)
        known = self._needs.directory.find(station.server_id, name)
        owner = None if known is None or known.removed_at is not None else known.organization_id
        if not is_proved or owner not in (None, organization_id):
            raise RefusalError(CLAIM_REFUSED)
        claimed = await self._needs.directory.assign(name, organization_id, server_id=station.server_id)
        self._needs.on_instances([claimed])
        return claimed

    def _differs(self) -> bool:
        wanted = {server.server_id: server for server in self._needs.directory.servers()}
        settled = {**self._refused, **{one.server_id: one.server for one in self._stations.values()}}
        return wanted != settled

    async def _catch_up(self) -> None:
        async with self._changing:
            if not self._is_running:
                return
            wanted = {server.server_id: server for server in self._needs.directory.servers()}
            for station in self.stations():
                if wanted.get(station.server_id) != station.server:
                    await self._dismiss(station)
            self._refused = {
                server_id: server for server_id, server in self._refused.items() if wanted.get(server_id) == server
            }
            for server_id, server in wanted.items():
                if server_id not in self._stations and server_id not in self._refused:
                    await self._hire(server)

    async def _hire(self, server: Server) -> None:
        try:
            key = await self._key_of(server)
            station = Station(server, key, self._needs)
            await station.start()
        except (RefusalError, ValueError) as error:
            if server.is_from_environment:
                raise
            self._refused[server.server_id] = server
            code = error.outcome.code if isinstance(error, RefusalError) else type(error).__name__
            log.error("an Evolution server cannot be used", server=server.server_id, code=code)
            return
        self._stations[server.server_id] = station
        if is_public_default(key):
            log.warning("the key of an Evolution server is a default of its examples", server=server.server_id)

    async def _dismiss(self, station: Station) -> None:
        del self._stations[station.server_id]
        await station.hang_up()
        await station.close()
        log.info("an Evolution server was removed or changed", server=station.server_id)
