"""The pump: moves each socket's cursor over the log. Replay after a reconnect and live delivery are the same steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from ponteio.eventlog.log import EventLog
from ponteio.live.damper import Damper
from ponteio.live.options import LiveOptions
from ponteio.live.packets import Batch, EventPacket, Packet, batch_of, goodbye, tip
from ponteio.live.room import Member
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.outcome import (
    CURSOR_EXPIRED,
    LIVE_HELD,
    ORGANIZATION_DISABLED,
    REVOKED,
    SLOW_CONSUMER,
    Outcome,
    RefusalError,
)
from ponteio.observe.counters import Counters
from ponteio.tenancy.limit_notices import LimitNotices

logger = structlog.get_logger(__name__)

SEARCH_S = 0.5
"""How long one look for events far back may take before what was found is sent."""

START_OVER = replace(CURSOR_EXPIRED, retry=True)
"""The log got another life under a living socket: the client may come back, and will be told `resumed: false`."""

_TAKEN_AWAY = frozenset({REVOKED, ORGANIZATION_DISABLED})


class Pump:
    """Sends to members what follows their cursors, as fast as each of them takes it, and never faster.

    `dismiss` is called for a member that cannot be served any longer.
    """

    def __init__(
        self,
        log: EventLog,
        options: LiveOptions,
        counters: Counters,
        notices: LimitNotices,
        dismiss: Callable[[Member, Outcome], None],
    ) -> None:
        self._log = log
        self._options = options
        self._counters = counters
        self._notices = notices
        self._dismiss = dismiss
        self._turns = asyncio.Semaphore(options.parallel_replays)
        self._replays: set[asyncio.Task[None]] = set()

    def wake(self, member: Member) -> None:
        """`member` has been handed everything that the room's ring has for it, or is over its limit, or a replay from
        the log is under way. To be called when there are new events and when the backlog has drained.
        """
        while self._is_ready(member):
            if member.pending:
                self._say_pending(member)
            ring = member.room.ring
            if ring is None:
                return
            if not ring.serves(member.cursor, member.view):
                self._replay_soon(member)
                return
            batch = ring.batch(member.cursor, member.view)
            if batch.next.seq == member.cursor.seq:
                return
            self._give(member, batch)

    def say(self, member: Member, about: str, packet: Packet) -> None:
        """`packet` is the newest word about `about`: sent now, or once the backlog has drained if still the newest."""
        if member.has_left:
            return
        if self._is_over(member):
            member.pending[about] = packet
        else:
            member.pending.pop(about, None)
            member.door.say(packet)

    def look(self, member: Member, now: float) -> None:
        """Once a second for each member: close it if it stands still, hand it what is there, say what was held, send a
        tip if due.
        """
        is_over = self._is_over(member)
        if member.stall.judge(over_limit=is_over, taken=member.door.taken, now=now, patience_s=self._options.stall_s):
            self._dismiss(member, SLOW_CONSUMER)
            return
        self.wake(member)
        if self._is_over(member):
            return
        self._say_held(member)  # before the tip, whose cursor is beyond what was held
        if self._is_tip_due(member, now):
            member.owes_tip = False
            member.next_tip_at = now + self._options.tip_every_s
            member.door.say(tip(member.cursor, member.sent))

    def farewell(self, member: Member, outcome: Outcome) -> Sequence[Packet]:
        """The last packets of `member`: what was held and not said yet, and why it is closed. Who may not come back
        because the right was taken away hears only why.
        """
        if member.damper is None or outcome in _TAKEN_AWAY:
            return [goodbye(outcome)]
        return [*member.damper.notices(), goodbye(outcome)]

    async def close(self) -> None:
        """No replay is under way any more."""
        for replay in self._replays:
            replay.cancel()
        await asyncio.gather(*self._replays, return_exceptions=True)

    def _is_over(self, member: Member) -> bool:
        return member.door.backlog >= self._options.buffer_bytes

    def _is_ready(self, member: Member) -> bool:
        return not member.has_left and not member.is_replaying and not self._is_over(member)

    def _is_tip_due(self, member: Member, now: float) -> bool:
        if now >= member.next_tip_at:
            return True
        return member.owes_tip and member.is_at_head and now - member.sent_at >= self._options.tip_pause_s

    def _say_pending(self, member: Member) -> None:
        packets, member.pending = member.pending, {}
        for packet in packets.values():
            member.door.say(packet)

    def _say_held(self, member: Member) -> None:
        if member.damper is not None:
            for packet in member.damper.notices():
                member.door.say(packet)

    def _give(self, member: Member, batch: Batch) -> None:
        if member.has_left:
            return
        member.cursor = batch.next
        if not batch.packets:
            return
        now = asyncio.get_running_loop().time()
        passed = batch if member.damper is None else self._strain(member, member.damper, batch, now)
        if passed.packets:
            member.door.push(passed)
            member.sent += len(passed.packets)
            member.owes_tip = True
            member.sent_at = now
            self._counters.add("live_deliveries", len(passed.packets))

    def _strain(self, member: Member, damper: Damper, batch: Batch, now: float) -> Batch:
        passed = damper.strain(batch, member.view.sight, now)
        if passed is not batch:
            self._counters.held(member.scope.organization_id, len(batch.packets) - len(passed.packets))
            self._notices.reached(member.scope.organization_id, LIVE_HELD)
            if damper.is_full():
                self._say_held(member)
        return passed

    def _replay_soon(self, member: Member) -> None:
        member.is_replaying = True
        replay = asyncio.create_task(self._replay(member), name="live replay")
        self._replays.add(replay)
        replay.add_done_callback(self._replays.discard)

    async def _replay(self, member: Member) -> None:
        """Page by page from the log, until the ring can go on or the socket is over its limit."""
        may_go_on = False
        try:
            may_go_on = await self._read_pages(member)
        except RefusalError as refusal:
            self._dismiss(member, START_OVER if refusal.outcome is CURSOR_EXPIRED else refusal.outcome)
        except Exception as error:  # noqa: BLE001 - whatever the log does, other sockets go on and `look` tries again
            self._counters.add("live_replay_errors")
            logger.warning("events could not be read for a socket", error=type(error).__name__)
        finally:
            member.is_replaying = False
        if may_go_on:
            self.wake(member)

    async def _read_pages(self, member: Member) -> bool:
        """Whether the ring holds what follows now; False also when the log has nothing to add or the socket is full."""
        options = self._options
        while not member.has_left and not self._is_over(member):
            ring = member.room.ring
            if ring is not None and ring.serves(member.cursor, member.view):
                return True
            async with self._turns:
                found, following = await self._read(member)
            if following == member.cursor:
                return False
            choices = member.room.choices()
            pushed = [stored for stored in found if choices.pushes(stored.event)]
            events = [EventPacket(stored, options.event_bytes) for stored in pushed]
            self._give(member, batch_of(events, member.view.sight, following))
        return False

    async def _read(self, member: Member) -> tuple[Sequence[StoredEvent], Cursor]:
        """The next events that the member's view lets through, and where they end in the log."""
        options, question = self._options, member.view.question
        if question is not None and self._is_far_behind(member):
            search = await self._log.search(
                member.scope,
                question.filter,
                after=member.cursor,
                limit=options.page_events,
                max_bytes=options.batch_bytes,
                budget_s=SEARCH_S,
            )
            if member.cursor.seq < (await self._log.bounds(member.scope)).floor.seq:
                raise RefusalError(CURSOR_EXPIRED)  # a search finds what is left, and does not say what is not
            return search.events, search.next or search.head
        page = await self._log.read_after(
            member.scope,
            member.cursor,
            limit=options.page_events,
            max_bytes=options.batch_bytes,
            filter=member.view.wanted,
        )
        return page.events if question is None else question.among(page.events), page.next

    def _is_far_behind(self, member: Member) -> bool:
        """Whether it is worth while to look for what the member wants instead of reading through what it does not."""
        ring = member.room.ring
        return ring is not None and ring.last.seq - member.cursor.seq > self._options.ring_events
