"""The pump: moves each socket's cursor over the log. Replay after a reconnect and live delivery are the same steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from ponteio.eventlog.log import EventLog
from ponteio.live.options import LiveOptions
from ponteio.live.packets import Batch, Packet, event_packet, tip
from ponteio.live.room import Member
from ponteio.model.outcome import CURSOR_EXPIRED, SLOW_CONSUMER, Outcome, RefusalError
from ponteio.observe.counters import Counters

logger = structlog.get_logger(__name__)

START_OVER = replace(CURSOR_EXPIRED, retry=True)
"""The log got another life under a living socket: the client may come back, and will be told `resumed: false`."""


class Pump:
    """Sends to members what follows their cursors, as fast as each of them takes it, and never faster.

    `dismiss` is called for a member that cannot be served any longer.
    """

    def __init__(
        self,
        log: EventLog,
        options: LiveOptions,
        counters: Counters,
        dismiss: Callable[[Member, Outcome], None],
    ) -> None:
        self._log = log
        self._options = options
        self._counters = counters
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
            if not ring.holds(member.cursor):
                self._replay_soon(member)
                return
            batch = ring.batch(member.cursor, member.filter)
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
        """Once a second for each member: close it if it stands still, hand it what is there, send a tip if due."""
        is_over = self._is_over(member)
        if member.stall.judge(over_limit=is_over, taken=member.door.taken, now=now, patience_s=self._options.stall_s):
            self._dismiss(member, SLOW_CONSUMER)
            return
        self.wake(member)
        if not self._is_over(member) and self._is_tip_due(member, now):
            member.owes_tip = False
            member.next_tip_at = now + self._options.tip_every_s
            member.door.say(tip(member.cursor, member.sent))

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

    def _give(self, member: Member, batch: Batch) -> None:
        if member.has_left:
            return
        member.cursor = batch.next
        if batch.packets:
            member.door.push(batch)
            member.sent += len(batch.packets)
            member.owes_tip = True
            member.sent_at = asyncio.get_running_loop().time()
            self._counters.add("live_deliveries", len(batch.packets))

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
            if ring is not None and ring.holds(member.cursor):
                return True
            async with self._turns:
                page = await self._log.read_after(
                    member.scope,
                    member.cursor,
                    limit=options.page_events,
                    max_bytes=options.batch_bytes,
                    filter=member.filter,
                )
            if page.next == member.cursor:
                return False
            packets = [event_packet(stored, options.event_bytes).packet for stored in page.events]
            self._give(member, Batch(packets, page.next))
        return False
