"""The WebSocket service: all links to one Evolution API server, in both of its modes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from ponteio.eventlog.gaps import GapLog
from ponteio.model import outcome
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.link import GapKind, LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.upstream.dial_turns import DialTurns
from ponteio.upstream.frame_sink import FrameSink
from ponteio.upstream.link import Link, LinkContext, LinkOptions
from ponteio.upstream.link_failure import LinkFailure
from ponteio.upstream.link_gaps import GapKeeper
from ponteio.upstream.link_machine import Chance
from ponteio.upstream.link_wishes import LinkLedger, wanted_links
from ponteio.upstream.socketio_connection import SocketIOConnection
from ponteio.upstream.socketio_protocol import Packet, is_namespace
from ponteio.upstream.websocket_transport import key_header, socketio_address

log = structlog.get_logger(__name__)

_STOP_S = 3.0


class EvolutionWebSocket:
    """The links of one server, kept as people and settings want them.

    Global mode (`global_events`) wants one link at the root namespace, which hears every instance; traditional mode
    wants one at the namespace of each owned instance. What is connected or disconnected by hand goes before that, in
    both modes, and outlives the process. When not `enabled` nothing dials and every call below refuses with
    WEBSOCKET_DISABLED. `on_status` is told each change of a link's state, in the loop step in which it happens.

    An organization has no more links than its limit allows, over all servers that share `ledger`; those beyond it wait,
    and say so. `notices` hears of it.
    """

    def __init__(
        self,
        *,
        server_id: str,
        url: str,
        key: str,
        enabled: bool,
        global_events: bool,
        directory: Directory,
        intents: LinkIntents,
        gaps: GapLog,
        counters: Counters,
        sink: FrameSink,
        on_status: Callable[[LinkStatus], None],
        notices: LimitNotices | None = None,
        ledger: LinkLedger | None = None,
        options: LinkOptions | None = None,
        clock: Callable[[], datetime] = utc_now,
        rng: random.Random | None = None,
    ) -> None:
        self.enabled = enabled
        self.global_events = global_events
        self._server_id = server_id
        self._url = url
        self._headers = key_header(key)
        self._directory = directory
        self._stored_intents = intents
        self._options = options or LinkOptions()
        self._clock = clock
        self._sink = sink
        self._notices = notices
        self._ledger = ledger or LinkLedger(lambda owner: directory.limits(owner).links)
        self._over: dict[LinkTarget, LinkStatus] = {}
        self._held_back: set[LinkTarget] = set()
        self._gaps = GapKeeper(gaps, counters, self._stored_until)
        socketio_address(url)  # a bad address stops the house now, not at the first dial
        self._context = LinkContext(
            connect=self._connect,
            turns=DialTurns(self._options.dials_per_second),
            sink=sink,
            gaps=self._gaps,
            counters=counters,
            on_status=on_status,
            clock=clock,
            chance=Chance(self._options.retry, rng or random.Random()),  # noqa: S311 - jitter
            owner_of=lambda name: self._owners.get(name or ""),
        )
        self._since = clock()
        self._root = LinkTarget(server_id)
        self._links: dict[LinkTarget, Link] = {}
        self._leaving: set[Link] = set()
        self._intents: dict[LinkTarget, bool] = {}
        self._owners: dict[str, str | None] = {}
        self._adopted: dict[LinkTarget, GapKind] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._is_running = False

    async def start(self) -> None:
        """The links that are wanted begin to dial."""
        self._intents = await self._stored_intents.all(self._server_id)
        self._owners = {name: instance.organization_id for name, instance in self._present().items()}
        self._ledger.join(self._server_id, self._reconcile_soon)
        allowed = self._ledger.allowed(self._server_id, self._with_owners(self._wanted()))
        self._adopted = await self._gaps.adopt(self._server_id, allowed, self._clock())
        self._gaps.start()
        self._is_running = True
        self.reconcile()

    async def stop(self) -> None:
        """No link, socket or task is left. Links that were up leave a gap open for the next process to close."""
        if not self._is_running:
            return
        self._is_running = False
        ending = [*self._links.values(), *self._leaving]
        for link in self._links.values():
            link.halt()
        if ending:
            await asyncio.wait([asyncio.ensure_future(link.wait_closed()) for link in ending], timeout=_STOP_S)
        if self._chores:
            await asyncio.wait(self._chores, timeout=_STOP_S)
        await self._gaps.stop(_STOP_S)

    async def connect_global(self) -> LinkStatus:
        """The global link is wanted, whatever the mode; one that waits tries at once."""
        return await self._set(self._root, wanted=True)

    async def disconnect_global(self) -> LinkStatus:
        """The global link is down and stays down."""
        return await self._set(self._root, wanted=False)

    async def connect_instance(self, name: str) -> LinkStatus:
        """The link of the instance is wanted, whatever the mode; one that waits tries at once.

        Refuses with UNLINKABLE_NAME a name that has no namespace of its own, and with TOO_MANY_LINKS one whose owner
        has as many links as are allowed: it is linked once there is room.
        """
        target = LinkTarget(self._server_id, name)
        if not name or not is_namespace(target.namespace):
            raise RefusalError(outcome.UNLINKABLE_NAME)
        was_over = target in self._over
        status = await self._set(target, wanted=True)
        if target in self._over:
            if was_over:
                self._tell_limit(target)
            raise RefusalError(outcome.TOO_MANY_LINKS)
        return status

    async def disconnect_instance(self, name: str) -> LinkStatus:
        """The link of the instance is down and stays down. The global link, where there is one, still hears it."""
        return await self._set(LinkTarget(self._server_id, name), wanted=False)

    async def connect_all(self, scope: OrganizationScope | None) -> list[LinkStatus]:
        """What the mode wants is wanted again, though it was disconnected by hand; links that wait try at once.

        In global mode that is the global link, which only the operator (`scope` None) may bring back: an
        organization just learns how it stands. In traditional mode it is the links of the scope's or all instances that
        somebody owns.
        """
        self._require_enabled()
        if self.global_events:
            targets = [self._root] if scope is None else []
        else:
            targets = [LinkTarget(self._server_id, instance.name) for instance in self._instances(scope)]
        for target in targets:
            if not self._intents.get(target, True):
                await self._forget(target)
        self.reconcile()
        for target in targets:
            self._hasten(target)
        return [self.status(target) for target in ([self._root] if self.global_events else targets)]

    async def disconnect_all(self, scope: OrganizationScope | None) -> list[LinkStatus]:
        """All links, or those of the scope's instances, are down and stay down. The global link is nobody's in
        particular: only the operator (`scope` None) takes it down.
        """
        self._require_enabled()
        wanted = self._wanted()
        if scope is not None:
            names = (LinkTarget(self._server_id, instance.name) for instance in self._instances(scope))
            wanted = wanted.intersection(names)
        targets = sorted(wanted, key=lambda target: target.namespace)
        for target in targets:
            await self._intend(target, wanted=False)
        self.reconcile()
        return [self.status(target) for target in targets]

    def status(self, target: LinkTarget) -> LinkStatus:
        """Where the link at `target` stands; OFF when there is none, with the reason where a limit is in the way."""
        if target in self._over:
            return self._over[target]
        link = self._links.get(target)
        return LinkStatus(target, LinkState.OFF, self._since) if link is None else link.status()

    def statuses(self) -> list[LinkStatus]:
        """Every link that is wanted or was disconnected by hand, the global one first, then by name."""
        return [self.status(target) for target in sorted({*self._links, *self._over}, key=lambda one: one.namespace)]

    @contextmanager
    def held_back(self, name: str) -> Iterator[None]:
        """The link of the instance is not dialled meanwhile: Evolution is just about to make its namespace."""
        target = LinkTarget(self._server_id, name)
        self._held_back.add(target)
        try:
            yield
        finally:
            self._held_back.discard(target)
            self.reconcile()

    def reconcile(self) -> None:
        """Links are as they are wanted now. Call it after the directory changed; it disturbs no link that stays."""
        if not self._is_running:
            return
        self._forget_former_owners()
        allowed, newly_over = self._allowed(self._wanted() - self._held_back)
        for target in allowed:
            link = self._links.get(target)
            if link is None:
                link = self._links[target] = Link(target, self._context, self._adopted.pop(target, None))
            if not link.is_wanted:
                link.want()
        for target in [target for target in self._links if target not in allowed]:
            self._take_down(target)
        for target in newly_over:
            self._tell_limit(target)
            self._context.on_status(self._over[target])

    def _reconcile_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.reconcile)

    def _stored_until(self) -> datetime:
        """Until when what was heard is safe: what a death now would lose came later."""
        now, oldest_at = self._clock(), self._sink.oldest_at
        return now if oldest_at is None else min(now, oldest_at)

    def _take_down(self, target: LinkTarget) -> None:
        link = self._links[target]
        if link.is_wanted:
            link.unwant()
        if target != self._root and target not in self._intents:
            del self._links[target]
            self._leaving = {left for left in self._leaving if not left.is_closed} | {link}

    def _wanted(self) -> frozenset[LinkTarget]:
        return wanted_links(
            server_id=self._server_id,
            enabled=self.enabled,
            global_events=self.global_events,
            intents=self._intents,
            instances=self._directory.all_instances(),
        )

    def _allowed(self, wanted: frozenset[LinkTarget]) -> tuple[frozenset[LinkTarget], list[LinkTarget]]:
        """What of it the owners' limits allow, and what is newly beyond them, by name."""
        allowed = self._ledger.allowed(self._server_id, self._with_owners(wanted))
        newly_over = sorted(wanted - allowed - self._over.keys(), key=lambda one: one.namespace)
        named, now = outcome.TOO_MANY_LINKS, self._clock()
        for target in newly_over:
            self._over[target] = LinkStatus(target, LinkState.OFF, now, reason=named.code, detail=named.title)
        self._over = {target: status for target, status in self._over.items() if target in wanted - allowed}
        return allowed, newly_over

    def _with_owners(self, targets: Iterable[LinkTarget]) -> dict[LinkTarget, str | None]:
        return {target: self._owners.get(target.instance or "") for target in targets}

    def _tell_limit(self, target: LinkTarget) -> None:
        owner = self._owners.get(target.instance or "")
        if self._notices is not None and owner is not None:
            self._notices.reached(owner, outcome.TOO_MANY_LINKS)

    def _hasten(self, target: LinkTarget) -> None:
        if target in self._links and self._links[target].is_wanted:
            self._links[target].want()

    def _instances(self, scope: OrganizationScope | None) -> list[Instance]:
        """Owned instances that Evolution still has: those of the scope, or all."""
        found: Iterable[Instance] = (
            self._directory.all_instances() if scope is None else self._directory.instances(scope)
        )
        owned = (instance for instance in found if instance.organization_id is not None)
        return [each for each in owned if each.server_id == self._server_id and each.removed_at is None]

    def _present(self) -> dict[str, Instance]:
        found = (each for each in self._directory.all_instances() if each.server_id == self._server_id)
        return {instance.name: instance for instance in found if instance.removed_at is None}

    def _forget_former_owners(self) -> None:
        """What one owner wanted by hand does not bind the next one of the same name, nor outlive the instance."""
        owners = {name: instance.organization_id for name, instance in self._present().items()}
        for name, owner in self._owners.items():
            target = LinkTarget(self._server_id, name)
            if target in self._intents and (name not in owners or owner not in (None, owners[name])):
                del self._intents[target]
                self._do_later(self._stored_intents.forget(target))
        self._owners = owners

    async def _set(self, target: LinkTarget, *, wanted: bool) -> LinkStatus:
        self._require_enabled()
        await self._intend(target, wanted=wanted)
        self.reconcile()
        if wanted:
            self._hasten(target)
        return self.status(target)

    async def _intend(self, target: LinkTarget, *, wanted: bool) -> None:
        if self._intents.get(target) is not wanted:
            await self._stored_intents.put(target, wanted)
            self._intents[target] = wanted

    async def _forget(self, target: LinkTarget) -> None:
        await self._stored_intents.forget(target)
        self._intents.pop(target, None)

    def _require_enabled(self) -> None:
        if not self.enabled:
            raise RefusalError(outcome.WEBSOCKET_DISABLED)

    def _connect(
        self, on_packet: Callable[[Packet], None], on_lost: Callable[[LinkFailure], None]
    ) -> SocketIOConnection:
        return SocketIOConnection(
            self._url,
            headers=self._headers,
            on_packet=on_packet,
            on_lost=on_lost,
            options=self._options.connection,
            clock=self._clock,
        )

    def _do_later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an intent was not forgotten", error=type(error).__name__)
