"""Writes down when links were deaf, without making them wait for the database."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

import structlog

from ponteio.eventlog.gaps import GapLog
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.storage.errors import StorageUnavailableError

log = structlog.get_logger(__name__)

_MAX_WAITING = 10_000
_MAX_OPEN_GAPS = 10_000
_RETRY_S = 1.0
_ALIVE_S = 10.0
"""Between two signs of life: how much longer than the truth a gap after a crash may be."""
DIED = "The gateway ended without notice."


class GapKeeper:
    """The links' notes to the gap log, written in order by one task.

    A note waits while the database is away. `gaps_unrecorded` counts notes that the database refused or that were too
    many to keep. A sign of life every ten seconds lets the next process see a death that could leave no note.
    """

    def __init__(self, gaps: GapLog, counters: Counters, clock: Callable[[], datetime] = utc_now) -> None:
        self._gaps = gaps
        self._counters = counters
        self._clock = clock
        self._server_id: str | None = None
        self._pulse: asyncio.Task[None] | None = None
        self._ids: dict[tuple[LinkTarget, GapKind], int] = {}
        self._notes: deque[Callable[[], Awaitable[None]]] = deque()
        self._arrived = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self._task: asyncio.Task[None] | None = None

    async def adopt(self, server_id: str, wanted: Collection[LinkTarget], at: datetime) -> dict[LinkTarget, GapKind]:
        """Continue the gaps that an earlier process left open for `wanted` targets, one for each target, and end all
        others at `at`: nobody wants to hear those any more. When that process died without notice, targets without an
        open gap get one that begins at its last sign of life.
        """
        adopted: dict[LinkTarget, GapKind] = {}
        for gap in reversed(await self._gaps.list(server_id, _MAX_OPEN_GAPS)):
            if gap.to_at is None and gap.target in wanted and gap.target not in adopted:
                self._ids[gap.target, gap.kind] = await self._gaps.open(gap.target, gap.kind, gap.from_at, gap.detail)
                adopted[gap.target] = gap.kind
        died_at = await self._gaps.last_alive(server_id)
        for target in wanted:
            if died_at is not None and target not in adopted:
                self._ids[target, GapKind.LINK_DOWN] = await self._gaps.open(target, GapKind.LINK_DOWN, died_at, DIED)
                adopted[target] = GapKind.LINK_DOWN
        await self._gaps.close_stale(server_id, at)
        self._server_id = server_id
        return adopted

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._write(), name="gap keeper")
        if self._server_id is not None:
            self._pulse = asyncio.get_running_loop().create_task(self._live(self._server_id), name="gap keeper's pulse")

    async def stop(self, timeout_s: float) -> None:
        """Write what is left for at most `timeout_s`, then end: in good order when all was written."""
        if self._pulse is not None:
            self._pulse.cancel()
            await asyncio.wait([self._pulse])
            self._note(self._say_farewell)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.settled()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._counters.add("gaps_unrecorded", len(self._notes))

    async def settled(self) -> None:
        """Return when every note so far is written."""
        await self._written.wait()

    def begin(self, target: LinkTarget, kind: GapKind, from_at: datetime, detail: str | None) -> None:
        """A gap of `target` is open since `from_at`."""

        async def write() -> None:
            self._ids[target, kind] = await self._gaps.open(target, kind, from_at, detail)

        self._note(write)

    def end(self, target: LinkTarget, kind: GapKind, to_at: datetime) -> None:
        """The open gap of `target` ended at `to_at`."""

        async def write() -> None:
            gap_id = self._ids.get((target, kind))
            if gap_id is not None:
                await self._gaps.close(gap_id, to_at)
                del self._ids[target, kind]

        self._note(write)

    def record(self, gap: Gap) -> None:
        """A gap that is over already."""

        async def write() -> None:
            await self._gaps.record(gap)

        self._note(write)

    async def _live(self, server_id: str) -> None:
        while True:
            await self._try(lambda: self._gaps.put_alive(server_id, self._clock()))
            await asyncio.sleep(_ALIVE_S)

    async def _say_farewell(self) -> None:
        if self._server_id is not None:
            await self._gaps.put_alive(self._server_id, None)

    def _note(self, write: Callable[[], Awaitable[None]]) -> None:
        if len(self._notes) >= _MAX_WAITING:
            self._counters.add("gaps_unrecorded")
            return
        self._notes.append(write)
        self._written.clear()
        self._arrived.set()

    async def _write(self) -> None:
        while True:
            while self._notes:
                if await self._try(self._notes[0]):
                    self._notes.popleft()
                else:
                    await asyncio.sleep(_RETRY_S)
            self._written.set()
            self._arrived.clear()
            await self._arrived.wait()

    async def _try(self, write: Callable[[], Awaitable[None]]) -> bool:
        try:
            await write()
        except StorageUnavailableError as error:
            log.warning("gap not written yet", error=type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001 - one bad note must not end the writing of all others
            self._counters.add("gaps_unrecorded")
            log.error("gap not written", error=type(error).__name__)
        return True
