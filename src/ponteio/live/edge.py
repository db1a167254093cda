"""The live edge as the rest of the house knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import structlog

from ponteio.eventlog.log import EventLog
from ponteio.live.desk import Desk
from ponteio.live.gate import AsgiApp
from ponteio.live.handshake import Hello
from ponteio.live.options import LiveOptions
from ponteio.live.packets import connection_status, incident_changed, instance_status, limit_reached
from ponteio.live.reception import Reception
from ponteio.live.rooms import Rooms
from ponteio.live.sessions import Sessions
from ponteio.live.socketio_edge import SocketIOEdge
from ponteio.live.sse_stream import SseStream
from ponteio.live.watches import Watch, Watches
from ponteio.model.alert import Incident
from ponteio.model.event import PassingEvent, StoredEvent
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import Instance, OrganizationScope, Principal
from ponteio.model.link import LinkStatus
from ponteio.model.outcome import SHUTTING_DOWN, RefusalError
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotice, LimitNotices

logger = structlog.get_logger(__name__)


class LiveEdge:
    """Speaks to browsers and services. `start` it in the loop that serves its ASGI application; `close` it while that
    application is still served, so that goodbyes can be read.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        authenticator: Authenticator,
        directory: Directory,
        notices: LimitNotices,
        counters: Counters,
        options: LiveOptions | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._options = options or LiveOptions()
        self._authenticator = authenticator
        self._directory = directory
        self._counters = counters
        self._rooms = Rooms(log, self._options, counters, notices, directory.scope_of, directory.choices)
        self._sessions = Sessions(self._options)
        self._reception = Reception(log, authenticator, directory, self._rooms, self._options, clock)
        self._edge = SocketIOEdge(self._reception, self._sessions, self._options, counters, notices)
        self._desk = Desk(self._reception, self._options, counters, notices)
        self._watches = Watches()
        self._timers: list[asyncio.Task[None]] = []
        self._enforcing = asyncio.Lock()
        notices.on_notice(self._limit_reached)

    def asgi(self, other_app: AsgiApp) -> AsgiApp:
        """The ASGI application that answers at `/socket.io/` and passes everything else on to `other_app`.

        It must be the outermost one: what stands between it and uvicorn takes the straight way to the socket away.
        """
        return self._edge.asgi(other_app)

    async def start(self) -> None:
        """Deadlines run."""
        self._timers = [
            asyncio.create_task(self._every(self._sessions.look_every_s, self._look), name="live looks"),
            asyncio.create_task(self._every(self._options.heal_every_s, self._rooms.heal), name="live healing"),
        ]

    async def close(self) -> None:
        """Every socket was told `shutting_down`, had the grace to read it, and is gone. May be called again."""
        self._watches.end_all(SHUTTING_DOWN)
        for member in self._rooms.members():
            self._rooms.dismiss(member, SHUTTING_DOWN)
        await self._sessions.close()
        await self._rooms.close()
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)

    async def open_stream(self, principal: Principal, *, address: str, cursor: object, wanted: Filter) -> SseStream:
        """A stream of Server-Sent Events for `principal`, after `cursor` (whatever the client sent; None: from now
        on), to be called as an ASGI application. It counts against the limits of sockets. Raises `RefusalError`.
        """
        full = self._sessions.no_room(address)
        if full is not None:
            self._desk.refuse(full)
            raise RefusalError(full)
        stream = SseStream(address, self._desk, self._sessions, self._options)
        refusal = await self._desk.welcome(stream, principal, Hello(None, cursor, wanted))
        if refusal is not None:
            stream.cut()
            raise refusal
        return stream

    def watch(self, principal: Principal) -> AbstractContextManager[Watch]:
        """A watch over the right of somebody who reads for long: `enforce` ends it, and so does `close`."""
        return self._watches.watch(principal)

    def announce(self, stored: Sequence[StoredEvent]) -> None:
        """Committed events are on their way to the sockets of their organizations. Returns at once."""
        self._rooms.announce(stored)

    def pass_on(self, passing: Sequence[PassingEvent]) -> None:
        """Events that their organizations chose not to store are on their way to the sockets that can take them now.
        Returns at once.
        """
        self._rooms.pass_on(passing)

    def link_status(self, status: LinkStatus, organizations: Collection[str] | None) -> None:
        """The sockets of `organizations` hear where a link stands. None: those whom the directory names, which for the
        global link is everybody.
        """
        target = status.target
        if organizations is None and target.instance is not None:
            instance = self._directory.find(target.server_id, target.instance)
            owner = None if instance is None else instance.organization_id
            organizations = [] if owner is None else [owner]
        elif organizations is None:
            organizations = self._rooms.organizations()
        self._rooms.tell(organizations, f"link {target.namespace}", connection_status(status), target.instance)

    def instance_status(self, instance: Instance) -> None:
        """The sockets of the instance's owner hear where it stands."""
        if instance.organization_id is not None:
            about = f"instance {instance.name}"
            self._rooms.tell([instance.organization_id], about, instance_status(instance), instance.name)

    def incident(self, incident: Incident) -> None:
        """The sockets of those of the organization who may read alerts hear where an incident stands."""
        about, packet = f"incident {incident.incident_id}", incident_changed(incident)
        self._rooms.tell([incident.organization_id], about, packet, None, Right.ALERTS_READ)

    def socket_count(self, scope: OrganizationScope | None) -> int:
        """Sockets that have been let in: of one organization, or of all."""
        return self._rooms.count(scope)

    def socket_counts(self) -> dict[str, int]:
        """Sockets of each organization that has some."""
        return self._rooms.counts()

    def socket_lags(self) -> list[int]:
        """For each socket, how many events it is behind the newest one of its organization that was announced."""
        return self._rooms.lags()

    async def enforce(self) -> None:
        """Who may no longer do what they came for, or not the same, was told so and is gone; storm dampers follow the
        limits of the moment. To be called every second, and after own changes; raises what the database raises.
        """
        async with self._enforcing:
            principals = self._reception.principals() | self._watches.principals()
            if principals:
                ended = await self._authenticator.ended(principals)
                self._reception.end(ended)
                self._watches.end(ended)
                self._reception.retune(asyncio.get_running_loop().time())

    def _limit_reached(self, organization_id: str, found: LimitNotice) -> None:
        self._rooms.tell([organization_id], f"limit {found.code}", limit_reached(found), None)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for member in self._sessions.look(now):
            self._rooms.pump.look(member, now)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - a deadline must not be the last one
                self._counters.add("live_timer_errors")
                logger.warning("a look at the sockets failed", error=type(error).__name__)
