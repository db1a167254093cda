"""All Evolution servers: stations that come and go while the house runs. One that fails stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from ponteio.model.identity import Instance, Server
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import (
    ADDRESS_REFUSED,
    CLAIM_REFUSED,
    INVALID_REQUEST,
    SERVER_NOT_FOUND,
    Outcome,
    RefusalError,
)
from ponteio.observe.clock import utc_now
from ponteio.station import Station, StationNeeds
from ponteio.upstream.link_wishes import LinkLedger

log = structlog.get_logger(__name__)


class Fleet:
    """One station for each server of the directory that can be used. `key_of` gives a server's key, or refuses.

    A server whose key cannot be opened, or whose address cannot be used, has no station: `refusal_of` and a link status
    say why, and it is tried again once it is changed.
    """

    def __init__(self, needs: StationNeeds, key_of: Callable[[Server], Awaitable[str]]) -> None:
        self._needs = needs
        self._key_of = key_of
        self._ledger = LinkLedger(lambda owner: needs.directory.limits(owner).links)
        self._stations: dict[str, Station] = {}
        self._refused: dict[str, tuple[Server, RefusalError]] = {}
        self._changing = asyncio.Lock()
        self._is_running = False
        self._is_dialling = False

    async def open(self) -> None:
        """Every server has its station; nothing is dialled yet. Raises what the environment's server is refused for; of
        any other it is told.
        """
        self._is_running = True
        await self._end_gaps_of_removed()
        await self._catch_up()
        for server, refusal in self._refused.values():
            if server.is_from_environment:
                raise refusal.__cause__ or refusal

    async def start(self) -> None:
        """Every server is linked to."""
        async with self._changing:
            self._is_dialling = True
            for station in self.stations():
                await station.start()

    async def hang_up(self) -> None:
        """Nothing arrives any more; servers can still be asked."""
        async with self._changing:
            self._is_running = self._is_dialling = False
            await _all_of(station.hang_up() for station in self._stations.values())

    async def close(self) -> None:
        """Nothing is open any more."""
        async with self._changing:
            await _all_of(station.close() for station in self._stations.values())
            self._stations.clear()

    def station(self, server_id: str | None = None) -> Station:
        """The server's station; without an id the only one there is. Raises `RefusalError` SERVER_NOT_FOUND,
        INVALID_REQUEST when the id is needed, or what the server is refused for: SECRET_UNREADABLE, ADDRESS_REFUSED.
        """
        if server_id is None:
            if len(self._stations) > 1:
                raise RefusalError(INVALID_REQUEST, "Which Evolution API server? There are several.")
            server_id = next(iter(self._stations), "")
        found = self._stations.get(server_id)
        if found is not None:
            return found
        if server_id in self._refused:
            refusal = self._refused[server_id][1]
            raise RefusalError(refusal.outcome, refusal.detail)
        raise RefusalError(SERVER_NOT_FOUND)

    def stations(self) -> list[Station]:
        """Every station, by server."""
        return [self._stations[server_id] for server_id in sorted(self._stations)]

    def is_reachable(self, server_id: str) -> bool:
        """Whether the server has a station: not when its key could not be opened, or its address not be used."""
        return server_id in self._stations

    def refusal_of(self, server_id: str) -> Outcome | None:
        """Why the server has no station; None for one that has, and for one that is not there."""
        refused = self._refused.get(server_id)
        return None if refused is None else refused[1].outcome

    def reconcile(self) -> None:
        """Links are as the directory wants them. Call it after the directory changed."""
        for station in self._stations.values():
            station.links.reconcile()

    async def refresh(self) -> None:
        """Stations are as the list of servers wants them. To be called again and again; cheap when nothing changed."""
        if self._is_running and self._differs():
            await self._catch_up()

    async def claim(self, server_id: str | None, name: str, token: str, organization_id: str) -> Instance:
        """The instance belongs to the organization, which has proved its token to Evolution. Its events are the
        organization's from now on.

        Raises `RefusalError` CLAIM_REFUSED alike for an instance that is not there, a wrong token, and one that another
        organization owns; NAME_TAKEN when the token is right and the organization has an instance of this name on
        another server; and what `station` and a server that cannot be asked raise.
        """
        station = self.station(server_id)
        proved = await station.proved(name, token)
        if proved is None:
            raise RefusalError(CLAIM_REFUSED)
        claimed = await self._needs.directory.claim(
            name, organization_id, server_id=station.server_id, upstream_id=proved.change.upstream_id
        )
        self._needs.on_instances([claimed])
        return claimed

    def _differs(self) -> bool:
        settled = {server.server_id: server for server, _ in self._refused.values()}
        settled |= {station.server_id: station.server for station in self._stations.values()}
        return settled != self._wanted()

    def _wanted(self) -> dict[str, Server]:
        return {server.server_id: server for server in self._needs.directory.servers()}

    async def _catch_up(self) -> None:
        async with self._changing:
            if not self._is_running:
                return
            wanted = self._wanted()
            for station in self.stations():
                if station.server_id not in wanted:
                    await self._remove(station)
            refused = self._refused.items()
            self._refused = {server_id: one for server_id, one in refused if wanted.get(server_id) == one[0]}
            for server_id, server in wanted.items():
                if server_id not in self._refused:
                    await self._settle(server)

    async def _settle(self, server: Server) -> None:
        """The server has the station that it wants, or is refused."""
        station = self._stations.get(server.server_id)
        if station is not None and station.server == server:
            return
        try:
            key = await self._key_of(server)
            if station is not None and station.serves(server, key):
                station.server = server
                return
            if station is not None:
                await self._dismiss(station)
            await self._hire(server, key)
        except RefusalError as refusal:
            if station is not None and station.server_id in self._stations:
                await self._dismiss(station)
            self._refuse(server, refusal)

    async def _hire(self, server: Server, key: str) -> None:
        try:
            station = Station(server, key, self._needs, self._ledger)
        except ValueError as error:
            raise RefusalError(ADDRESS_REFUSED, "The address of this server cannot be used.") from error
        try:
            if self._is_dialling:
                await station.start()
        except BaseException:
            await station.close()
            raise
        self._stations[server.server_id] = station
        if station.key_is_public:
            log.warning("the key of an Evolution server is a default of its examples", server=server.server_id)

    def _refuse(self, server: Server, refusal: RefusalError) -> None:
        self._refused[server.server_id] = (server, refusal)
        code = refusal.outcome.code
        log.error("an Evolution server cannot be used", server=server.server_id, code=code)
        target = LinkTarget(server.server_id)
        self._needs.on_status(LinkStatus(target, LinkState.OFF, utc_now(), reason=code, detail=refusal.detail))

    async def _remove(self, station: Station) -> None:
        await self._dismiss(station)
        self._ledger.leave(station.server_id)
        await self._needs.gaps.close_all(station.server_id, utc_now())

    async def _dismiss(self, station: Station) -> None:
        del self._stations[station.server_id]
        await _all_of([station.hang_up()])
        await _all_of([station.close()])
        log.info("an Evolution server was removed or changed", server=station.server_id)

    async def _end_gaps_of_removed(self) -> None:
        """What was removed while nobody watched has no station that could end its gaps: nobody wants to hear it."""
        for server in self._needs.directory.removed_servers():
            if server.removed_at is not None:
                await self._needs.gaps.close_all(server.server_id, server.removed_at)


async def _all_of(work: Iterable[Awaitable[None]]) -> None:
    """All is done, though one part fails: that is told and stops no other."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a part of an Evolution server's station did not stop", error=type(result).__name__)
