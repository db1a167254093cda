"""The corridor: hear → judge → address → remember → speak, in arrival order, a batch at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from ponteio.decode.catalogue import counted
from ponteio.decode.decoder import Decoder
from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.quarantine import Quarantine
from ponteio.model import outcome
from ponteio.model.event import AddressedEvent, DecodedEvent, PassingEvent, RawFrame, Refusal, StoredEvent
from ponteio.model.identity import Instance
from ponteio.model.link import Gap, GapKind
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.sieve import Sieve
from ponteio.storage.errors import StorageConflictError, StorageError, StorageValueError
from ponteio.tenancy.directory import Directory

log = structlog.get_logger(__name__)
_level = logging.getLogger(__name__)
_T = TypeVar("_T")
_REJECTIONS = (StorageConflictError, StorageValueError)
"""The database refuses what an event holds. Any other trouble is the database's own, and is waited out."""

BATCH_FRAMES = 64
"""Frames that one commit takes at most: what a SIGKILL can lose."""
BATCH_BYTES = 8 * 1024 * 1024
LARGE_FRAME_BYTES = 1024 * 1024
"""Above this, decoding takes long enough to hold up the loop, and goes to a thread."""
UNSTORED = "The gateway was stopped before it could store what it had heard."
RETRY_FIRST_S = 0.1
RETRY_LAST_S = 5.0


class FrameQueue:
    """Frames on their way from the links to the corridor, in arrival order.

    `accept` never blocks and never drops. The bound works on the links: one that finds the queue full stops reading
    its socket, so that TCP holds the rest back, and reads on when half of the queue is free again. What a link had
    already read when the queue filled is taken too: the bound may be passed by one read of each link.
    """

    def __init__(self, max_frames: int = 20_000, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._frames: deque[RawFrame] = deque()
        self._in_hand: list[RawFrame] = []
        self._bytes = 0
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._arrived = asyncio.Event()
        self._all_finished = asyncio.Event()
        self._all_finished.set()
        self._waiting: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        return len(self._frames) >= self._max_frames or self._bytes >= self._max_bytes

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest frame arrived that was not dealt with yet."""
        oldest = self._in_hand[0] if self._in_hand else self._frames[0] if self._frames else None
        return None if oldest is None else oldest.received_at

    def unfinished(self) -> list[RawFrame]:
        """The frames that were not dealt with yet, oldest first."""
        return [*self._in_hand, *self._frames]

    def accept(self, frame: RawFrame) -> None:
        """Take `frame`, whatever the load."""
        self._frames.append(frame)
        self._bytes += frame.size
        self._all_finished.clear()
        self._arrived.set()

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when the queue is at most half full."""
        self._waiting.append(resume)
        self._wake()

    async def take(self) -> list[RawFrame]:
        """The next frames, at least one: as many as are there, up to the bounds of a batch."""
        while not self._frames:
            self._arrived.clear()
            await self._arrived.wait()
        taken: list[RawFrame] = []
        size = 0
        while self._frames and len(taken) < BATCH_FRAMES and (not taken or size + self._frames[0].size <= BATCH_BYTES):
            frame = self._frames.popleft()
            size += frame.size
            taken.append(frame)
        self._bytes -= size
        self._in_hand = taken
        self._wake()
        return taken

    def finished(self) -> None:
        """Say that the frames taken last have been dealt with."""
        self._in_hand = []
        if not self._frames:
            self._all_finished.set()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until every accepted frame has been dealt with; False when the time runs out first."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._all_finished.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        if self._waiting and len(self._frames) * 2 <= self._max_frames and self._bytes * 2 <= self._max_bytes:
            waiting, self._waiting = self._waiting, []
            for resume in waiting:
                resume()


@dataclass(frozen=True, slots=True)
class Voices:
    """Whom the corridor tells, after the commit. `pass_on` is for what is not stored, in the order of arrival among
    itself, and comes after what arrived with it and is.
    """

    announce: Callable[[Sequence[StoredEvent]], None]
    instance_changed: Callable[[Instance], None]
    pass_on: Callable[[Sequence[PassingEvent]], None] = lambda _: None


class Corridor:
    """One task that carries every frame from the queue to the log and then to the voices.

    A batch that the database cannot take just now is sent again, unchanged, until it can (the fingerprint makes that
    harmless); meanwhile the queue fills and the links pause. An event that the database refuses for what it holds
    goes to quarantine alone.
    """

    def __init__(
        self,
        *,
        queue: FrameQueue,
        decoder: Decoder,
        directory: Directory,
        events: EventLog,
        quarantine: Quarantine,
        counters: Counters,
        voices: Voices,
    ) -> None:
        self._queue = queue
        self._decoder = decoder
        self._directory = directory
        self._events = events
        self._quarantine = quarantine
        self._counters = counters
        self._voices = voices
        self._sieve = Sieve(directory.choices, counters)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            frames = await self._queue.take()
            await self._carry(frames)
            self._queue.finished()

    async def _carry(self, frames: Sequence[RawFrame]) -> None:
        """An event that may give its instance's name to another holder ends a part: what follows is addressed only
        when that is known, and never reaches the former owner.
        """
        self._counters.add("frames_received", len(frames))
        part: list[DecodedEvent | Refusal] = []
        for frame in frames:
            judged = await self._judge(frame)
            part.append(judged)
            if _may_change_owner(judged):
                await self._carry_part(part)
                part = []
        if part:
            await self._carry_part(part)

    async def _carry_part(self, part: Sequence[DecodedEvent | Refusal]) -> None:
        addressed: list[AddressedEvent] = []
        refused: list[Refusal] = []
        decoded: list[DecodedEvent] = []
        for judged in part:
            if isinstance(judged, Refusal):
                refused.append(judged)
                continue
            placed = self._directory.address(judged)
            if isinstance(placed, Refusal):
                refused.append(placed)
            else:
                addressed.append(placed)
            if not isinstance(placed, Refusal) or placed.outcome is outcome.UNASSIGNED:
                decoded.append(judged)
        self._counters.heard(addressed)
        sifted = self._sieve.sift(addressed)
        stored = await self._remember(sifted.to_store, refused) if sifted.to_store else []
        if refused:
            await self._set_aside(refused)
        self._voices.announce(stored)
        if sifted.passing:
            self._voices.pass_on(sifted.passing)
        await self._note(decoded)

    async def _judge(self, frame: RawFrame) -> DecodedEvent | Refusal:
        if frame.size > LARGE_FRAME_BYTES:
            return await asyncio.to_thread(self._decoder.decode, frame)
        return self._decoder.decode(frame)

    async def _remember(self, batch: list[AddressedEvent], refused: list[Refusal]) -> list[StoredEvent]:
        began = time.perf_counter()
        try:
            appended = await self._persist(lambda: self._events.append(batch))
        except _REJECTIONS as error:
            if len(batch) > 1:
                halves = (batch[: len(batch) // 2], batch[len(batch) // 2 :])
                return [stored for half in halves for stored in await self._remember(half, refused)]
            refused.append(_rejected(batch[0].decoded, error))
            return []
        self._sieve.stored(batch)
        self._counters.add("events_stored", len(appended.stored))
        self._counters.add("events_duplicate", appended.duplicates)
        names = [counted(event.event) for event in appended.stored]
        self._counters.committed(appended.stored, names, utc_now(), time.perf_counter() - began)
        if _level.isEnabledFor(logging.DEBUG):
            _tell(appended.stored, names)
        return appended.stored

    async def _set_aside(self, refused: Sequence[Refusal]) -> None:
        for refusal in refused:
            self._counters.refuse(refusal.outcome.code)
        try:
            await self._persist(lambda: self._quarantine.put(refused))
        except _REJECTIONS as error:
            self._counters.add("quarantine_rejected", len(refused))
            log.error("quarantine refused by the database", count=len(refused), error=type(error).__name__)

    async def _note(self, decoded: Sequence[DecodedEvent]) -> None:
        for event in decoded:
            if event.change is None:
                continue
            change, server_id, name = event.change, event.target.server_id, event.instance
            try:
                changed = await self._persist(lambda: self._directory.note(server_id, name, change))  # noqa: B023
            except _REJECTIONS as error:  # the next look at Evolution's list sets it right
                self._counters.add("notes_rejected")
                log.error("an instance's state was refused by the database", error=type(error).__name__)
                continue
            if changed is not None:
                self._voices.instance_changed(changed)

    async def _persist(self, work: Callable[[], Awaitable[_T]]) -> _T:
        delay_s = RETRY_FIRST_S
        while True:
            try:
                return await work()
            except _REJECTIONS:
                raise
            except StorageError as error:
                self._counters.add("storage_retries")
                log.error("database cannot take a batch; trying again", error=type(error).__name__, delay_s=delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, RETRY_LAST_S)


def _tell(stored: Sequence[StoredEvent], names: Sequence[str]) -> None:
    now = utc_now()
    for event, name in zip(stored, names, strict=True):
        log.debug(
            "event stored",
            organization=event.organization_id,
            instance=event.instance,
            wire_name=name,
            seq=event.seq,
            bytes=len(event.data),
            duration_s=round((now - event.received_at).total_seconds(), 3),
        )


def _may_change_owner(judged: DecodedEvent | Refusal) -> bool:
    change = None if isinstance(judged, Refusal) else judged.change
    return change is not None and (change.removed or change.upstream_id is not None)


def _rejected(event: DecodedEvent, error: StorageError) -> Refusal:
    return Refusal(
        outcome=outcome.STORAGE_REJECTED,
        frame_target=event.target,
        received_at=event.received_at,
        detail=type(error).__name__,
        size=len(event.data),
        instance=event.instance,
        event=event.event,
    )


async def record_unstored(queue: FrameQueue, gaps: GapLog) -> None:
    """What was heard and could not be stored before the end is lost: a gap row for each link says since when."""
    left = queue.unfinished()
    log.error("frames were left unstored at shutdown", frames=len(left))
    oldest = {frame.target: frame.received_at for frame in reversed(left)}
    for target, from_at in oldest.items():
        await gaps.record(Gap(target, GapKind.LINK_DOWN, from_at, utc_now(), UNSTORED))
