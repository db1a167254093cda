"""One link to Evolution: the thin shell around `link_machine`, with its one connection and its one timer.

Each link has a transport of its own, so that a 20 MB frame or the trouble of one instance holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from ponteio.model import outcome
from ponteio.model.event import RawFrame
from ponteio.model.link import Gap, GapKind, LinkState, LinkStatus, LinkTarget
from ponteio.observe.counters import Counters
from ponteio.upstream import link_signals as signals
from ponteio.upstream import socketio_protocol as packets
from ponteio.upstream.dial_turns import DialTurn, DialTurns
from ponteio.upstream.frame_sink import FrameSink
from ponteio.upstream.link_failure import OVERSIZE, DialError, LinkFailure
from ponteio.upstream.link_gaps import GapKeeper
from ponteio.upstream.link_machine import Chance, advance, begin
from ponteio.upstream.link_options import LinkOptions
from ponteio.upstream.socketio_connection import SocketIOConnection

__all__ = ["Link", "LinkContext", "LinkOptions"]

log = structlog.get_logger(__name__)
_level = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""Longer than Evolution waits for a pong before it gives a connection up (25 s + 20 s)."""

Connect = Callable[[Callable[[packets.Packet], None], Callable[[LinkFailure], None]], SocketIOConnection]
"""Makes a connection, not yet dialled, out of what to call for a packet and what to call for its loss."""


@dataclass(frozen=True, slots=True)
class LinkContext:
    """What the links of one service share. `owner_of` names the organization of an instance, for the log."""

    connect: Connect
    turns: DialTurns
    sink: FrameSink
    gaps: GapKeeper
    counters: Counters
    on_status: Callable[[LinkStatus], None]
    clock: Callable[[], datetime]
    chance: Chance
    owner_of: Callable[[str | None], str | None] = lambda _name: None


class Link:
    """Listens at `target` for as long as it is wanted, whatever Evolution does. It can only listen.

    Every frame goes into the sink in the loop step that read its last byte. When the sink is full the link stops
    reading; it drops nothing, and should Evolution lose patience there is a gap row. `adopted` is the kind of a gap
    that an earlier process left open for this target.
    """

    def __init__(self, target: LinkTarget, context: LinkContext, adopted: GapKind | None = None) -> None:
        self.target = target
        self.is_wanted = False
        self._context = context
        self._namespace = target.namespace
        self._memory = begin(is_linkable=target.instance != "" and packets.is_namespace(self._namespace), gap=adopted)
        self._loop = asyncio.get_running_loop()
        self._happenings: deque[signals.Happening] = deque()
        self._is_advancing = False
        self._connection: SocketIOConnection | None = None
        self._ended: set[SocketIOConnection] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._turn: DialTurn | None = None
        self._is_held = False
        self._held_at: datetime | None = None
        self._released_on = 0.0
        self._since = self._wanted_at = self._heard_at = context.clock()
        self._changed_on = self._loop.time()
        self._events = 0
        self._last_event_at: datetime | None = None
        kind = "global" if target.is_global else "instance"
        self._log = log.bind(server=target.server_id, instance=target.instance, link=kind)

    # What others ask of a link.

    def want(self) -> None:
        """The link comes up and stays. Asked again, it tries at once instead of waiting out a back-off."""
        if not self.is_wanted:
            self.is_wanted = True
            self._wanted_at = self._context.clock()
            self._changed_on = self._loop.time()
        self._feed(signals.Wanted())

    def unwant(self) -> None:
        """The link goes down and stays down. A gap that was open ends: nobody wants to hear."""
        self.is_wanted = False
        self._feed(signals.Unwanted())

    def halt(self) -> None:
        """The link goes down because the gateway stops. The gap that begins stays open for the next process."""
        self.is_wanted = False
        self._feed(signals.Halted())

    @property
    def is_closed(self) -> bool:
        """Whether a link that is down has no socket and no task left."""
        return not self._dials and all(connection.is_closed for connection in self._ended)

    async def wait_closed(self) -> None:
        """Return when a link that is down has no socket and no task left."""
        if self._dials:
            await asyncio.wait(self._dials)
        for connection in list(self._ended):
            await connection.wait_closed()

    def status(self) -> LinkStatus:
        """Where the link stands now."""
        memory = self._memory
        return LinkStatus(
            target=self.target,
            state=memory.state,
            since=self._since,
            attempts=memory.attempts,
            reconnects=max(memory.joins - 1, 0),
            events=self._events,
            last_event_at=self._last_event_at,
            reason=memory.reason,
            detail=memory.detail,
        )

    # What the connection says.

    def _packet(self, packet: packets.Packet) -> None:
        # The way of an event from the socket to the sink: no await may ever stand between (invariant I9).
        if isinstance(packet, packets.Event):
            self._event(packet)
        elif isinstance(packet, packets.Opened):
            self._feed(signals.Opened())
        elif isinstance(packet, packets.Oversize):
            self._oversize(f"An event of {packet.size} bytes in {packet.attachments} attachments was thrown away.")
        elif (
            isinstance(packet, packets.Joined | packets.Refused | packets.Left) and packet.namespace == self._namespace
        ):
            self._feed(_signal(packet))
        else:
            self._context.counters.add("upstream_stray_packets")

    def _event(self, event: packets.Event) -> None:
        connection, sink = self._connection, self._context.sink
        if connection is None or event.namespace != self._namespace:
            self._context.counters.add("upstream_stray_packets")
            return
        self._events += 1
        self._last_event_at = heard_at = connection.heard_at
        sink.accept(RawFrame(self.target, event.payload, event.attachments, heard_at))
        if sink.is_full:
            self._hold(connection)
        if _level.isEnabledFor(logging.DEBUG):
            owner = self._context.owner_of(self.target.instance)
            size, parts = len(event.payload), len(event.attachments)
            self._log.debug("event received", organization=owner, bytes=size, count=parts)

    def _hold(self, connection: SocketIOConnection) -> None:
        connection.pause_reading()
        is_fresh = not self._is_held and self._loop.time() - self._released_on > PATIENCE_S
        if self._held_at is None or is_fresh:
            self._held_at = self._context.clock()
        if not self._is_held:
            self._is_held = True
            self._context.counters.add("upstream_pauses")
            self._context.sink.when_room(self._release)

    def _release(self) -> None:
        self._is_held = False
        self._released_on = self._loop.time()
        if self._connection is not None:
            self._connection.resume_reading()

    def _oversize(self, detail: str) -> None:
        self._context.counters.refuse(outcome.OVERSIZE_FRAME.code)
        heard_at = self._heard_at if self._connection is None else self._connection.heard_at
        self._context.gaps.record(Gap(self.target, GapKind.OVERSIZE, heard_at, heard_at, detail))
        self._log.warning("frame too large", detail=detail)

    def _lost(self, failure: LinkFailure) -> None:
        if failure.reason == OVERSIZE:
            self._oversize(failure.detail)
        self._let_go()
        self._feed(signals.Lost(failure))

    async def _dial(self, connection: SocketIOConnection) -> None:
        try:
            await connection.dial()
        except DialError as error:
            if self._connection is connection:
                self._let_go()
                self._feed(signals.DialFailed(error.failure))

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._heard_at = self._deaf_since(connection)
            self._held_at = None
            self._ended = {ended for ended in self._ended if not ended.is_closed} | {connection}

    def _deaf_since(self, connection: SocketIOConnection) -> datetime:
        """Since when events may be missing: when it was heard last, or when we stopped reading. Who reads on gets what
        the kernel kept, and only then learns that Evolution gave the connection up long ago.
        """
        is_recent = self._is_held or self._loop.time() - self._released_on <= PATIENCE_S
        return self._held_at if self._held_at is not None and is_recent else connection.heard_at

    # The machine and its orders.

    def _feed(self, happening: signals.Happening) -> None:
        """Take one step, after the one that is being taken: an order may itself make something happen."""
        self._happenings.append(happening)
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._happenings:
                before = self._memory
                self._memory, commands = advance(before, self._happenings.popleft(), self._context.chance)
                for command in commands:
                    self._carry_out(command)
                if (before.state, before.reason) != (self._memory.state, self._memory.reason):
                    self._tell(before.state)
        finally:
            self._is_advancing = False

    def _carry_out(self, command: signals.Command) -> None:
        match command:
            case signals.AskTurn():
                self._turn = self._context.turns.ask(lambda: self._feed(signals.TurnGiven()))
            case signals.LeaveQueue():
                if self._turn is not None:
                    self._turn.leave()
            case signals.Dial():
                self._begin_dial()
            case signals.Join():
                if self._connection is not None:
                    self._connection.join(self._namespace)
            case signals.HangUp():
                self._hang_up()
            case signals.SetTimer(seconds):
                self._stop_timer()
                self._timer = self._loop.call_later(seconds, self._timer_fired)
            case signals.StopTimer():
                self._stop_timer()
            case signals.BeginGap(kind, since):
                self._context.gaps.begin(self.target, kind, self._moment(since), self._memory.detail)
            case signals.EndGap(kind):
                self._context.gaps.end(self.target, kind, self._context.clock())

    def _begin_dial(self) -> None:
        self._context.counters.add("upstream_dials")
        self._connection = connection = self._context.connect(self._packet, self._lost)
        task = self._loop.create_task(self._dial(connection), name="link dial")
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    def _hang_up(self) -> None:
        connection = self._connection
        self._let_go()
        if connection is not None:
            connection.close()
        for task in self._dials:
            task.cancel()

    def _timer_fired(self) -> None:
        self._timer = None
        self._feed(signals.TimerFired())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _moment(self, since: signals.Since) -> datetime:
        if since is signals.Since.WANTED:
            return self._wanted_at
        return self._heard_at if since is signals.Since.HEARD else self._context.clock()

    # What is told of it.

    def _tell(self, before: LinkState) -> None:
        memory, now = self._memory, self._loop.time()
        owner = self._context.owner_of(self.target.instance)
        lasted_s = round(now - self._changed_on, 3)
        fields = {"organization": owner, "attempt": memory.attempts, "duration_s": lasted_s}
        if memory.state is not before:
            self._since = self._context.clock()
        if memory.state is LinkState.CONNECTED:
            self._context.counters.add("upstream_reconnects" if memory.joins > 1 else "upstream_connects")
            self._log.info("link connected", **fields, reconnects=max(memory.joins - 1, 0))
        elif memory.state is LinkState.NAMESPACE_PENDING:
            self._log.info("link waits for its namespace", **fields, reason=memory.reason)
        elif memory.reason is not None:
            self._log.warning("link error", **fields, state=memory.state, reason=memory.reason, detail=memory.detail)
        else:
            self._log.info("link " + memory.state, **fields)
        if LinkState.CONNECTED in (memory.state, before):
            self._changed_on = now
        self._context.on_status(self.status())


def _signal(packet: packets.Joined | packets.Refused | packets.Left) -> signals.Happening:
    if isinstance(packet, packets.Joined):
        return signals.Joined()
    return signals.Left() if isinstance(packet, packets.Left) else signals.Refused(packet.message)
