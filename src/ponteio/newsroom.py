"""What is told to people who are not looking, put together: alerts, and the post office that carries them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from ponteio.config import GatewaySettings
from ponteio.fleet import Fleet
from ponteio.foundation import Foundation
from ponteio.live.edge import LiveEdge
from ponteio.model.link import GapKind, LinkState, LinkStatus
from ponteio.notify.alert_desk import AlertDesk
from ponteio.notify.incidents import Incidents
from ponteio.notify.lease import Lease
from ponteio.notify.makers import Makers
from ponteio.notify.messages import Wording
from ponteio.notify.preview import Previewer
from ponteio.notify.preview_sources import PreviewSources
from ponteio.notify.rules import Rules
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch import Watch, WatchNeeds
from ponteio.notify.watch_board import Board
from ponteio.notify.watch_ledger import Ledger
from ponteio.notify.watch_memory import WatchMemory
from ponteio.notify.watch_options import WatchOptions
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.post_office import PostOffice, post_office
from ponteio.storage.errors import StorageError
from ponteio.switchboard import Switchboard
from ponteio.tenancy.limit_notices import LimitNotices

log = structlog.get_logger(__name__)

LEASE = "alerts"
STOP_S = 10.0
OPEN_GAPS = 500
"""Newest gaps of a server among which those that an earlier process left open are looked for."""


class Links(Protocol):
    """The links to one server."""

    def statuses(self) -> Sequence[LinkStatus]: ...


class Stations(Protocol):
    """One server, as far as the newsroom asks."""

    @property
    def links(self) -> Links: ...


@dataclass(frozen=True, slots=True)
class NewsroomNeeds:
    """What the newsroom works with. `stations` are the Evolution servers of the moment."""

    base: Foundation
    office: PostOffice
    live: LiveEdge
    notices: LimitNotices
    counters: Counters
    stations: Callable[[], Sequence[Stations]]
    public_url: str = ""
    options: WatchOptions = field(default_factory=WatchOptions)


class Newsroom:
    """Hears from the moment it is made (`board`), and tells while `run` runs. `desk` is what people work at."""

    def __init__(self, needs: NewsroomNeeds) -> None:
        self._needs = needs
        self._watching: asyncio.Task[None] | None = None
        self._is_stopping = False
        base, office = needs.base, needs.office
        talk = self._talk = TalkHours(base.database)
        self.office = office
        self.board = Board(talk)
        needs.notices.on_notice(self.board.note_limit)
        rules, incidents = Rules(base.database, office.channels), Incidents(base.database)
        wording = Wording(needs.public_url, lambda server_id: _server_name(base, server_id))
        sources = PreviewSources(base.database, base.events, base.gaps, base.audit, base.directory, talk)
        self.desk = AlertDesk(
            rules, incidents, office.channels, office.deliveries, wording, Previewer(sources, needs.options)
        )
        incidents.on_change(needs.live.incident)
        watch_needs = WatchNeeds(
            board=self.board,
            rules=rules,
            incidents=incidents,
            ledger=Ledger(base.database, office.deliveries, wording, needs.live.incident),
            lease=Lease(base.database, LEASE),
            talk=talk,
            makers=Makers(base.database, base.keys),
            memory=WatchMemory(base.database, base.events, base.directory, self.board),
            directory=base.directory,
            counters=needs.counters,
            is_settled=self._is_settled,
        )
        self.watch = Watch(watch_needs, needs.options)

    async def run(self) -> None:
        """Messages leave, and rules are watched, until cancelled; the watch only until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.office.run(), name="post")
            if not self._is_stopping:
                self._watching = tasks.create_task(self._watch(), name="alerts")

    async def stop(self) -> None:
        """Nothing is watched any more, and another process may begin to. To be called before the links go: our own end
        is no outage.
        """
        self._is_stopping = True
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching], timeout=STOP_S)
            await self.watch.close()

    async def prune(self) -> None:
        """What is over is forgotten. Raises `StorageError`."""
        await self.office.prune()
        await self.desk.incidents.prune()
        await self._talk.prune(utc_now())

    async def _watch(self) -> None:
        try:
            await self._remember_outages()
        except StorageError as error:
            log.warning("earlier outages could not be looked up", error=type(error).__name__)
        await self.watch.run()

    async def _remember_outages(self) -> None:
        """Links that were down when an earlier process ended have been down since then."""
        for server in self._needs.base.directory.servers():
            found = await self._needs.base.gaps.list(server.server_id, OPEN_GAPS)
            open_ones = [gap for gap in found if gap.to_at is None and gap.kind is GapKind.LINK_DOWN]
            self.board.remember(server.server_id, {gap.target: gap.from_at for gap in open_ones})

    def _is_settled(self) -> bool:
        """Whether every server's list was asked for, and every link has had its first try."""
        stations, counters = self._needs.stations(), self._needs.counters
        rounds = counters.total("instance_syncs") + counters.total("instance_sync_failures")
        if rounds < len(stations):
            return False
        return all(
            status.state is not LinkState.CONNECTING for station in stations for status in station.links.statuses()
        )


def newsroom(
    base: Foundation,
    settings: GatewaySettings,
    notices: LimitNotices,
    live: LiveEdge,
    fleet: Fleet,
    lines: Switchboard,
) -> Newsroom:
    """The newsroom of this deployment, plugged into `lines`."""
    office = post_office(base, settings, notices, notices.counters)
    needs = NewsroomNeeds(base, office, live, notices, notices.counters, fleet.stations, settings.public_url)
    made = Newsroom(needs)
    lines.plug_in(made.board)
    return made


def _server_name(base: Foundation, server_id: str) -> str:
    server = base.directory.server(server_id)
    return server_id if server is None else server.label or server_id
