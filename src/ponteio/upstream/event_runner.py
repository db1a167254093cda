"""Works through runs over many instances: a lane for each server, so that a silent one holds up no other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import structlog

from ponteio.model.identity import Instance
from ponteio.model.instance_events import EventRun, ItemState, RunItem
from ponteio.model.outcome import INSTANCE_NOT_FOUND, ORGANIZATION_DISABLED, RefusalError
from ponteio.storage.errors import StorageError
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.event_runs import EventRuns
from ponteio.upstream.event_configuration import EventPlan

log = structlog.get_logger(__name__)

PORTION = 20
"""Instances that a lane takes at a time."""
LOOK_S = 30.0
"""Between two looks when nobody says that there is something to do: another process may have made a run."""
PATIENCE = 5
"""Times in a row that a server may fail before its instances are given up after one try each."""
WAIT_FIRST_S = 1.0
WAIT_LAST_S = 15.0

Work = tuple[EventRun, RunItem]


class Configuration(Protocol):
    """What of a server's event configuration is needed here."""

    async def apply(self, instance: Instance) -> EventPlan: ...


class EventRunner:
    """`configuration_of` gives a server's event configuration, or refuses. An instance whose server fails for now is
    tried again; every other refusal is written down as the instance's end.
    """

    def __init__(
        self,
        runs: EventRuns,
        directory: Directory,
        configuration_of: Callable[[str], Configuration],
        *,
        look_s: float = LOOK_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._runs = runs
        self._directory = directory
        self._configuration_of = configuration_of
        self._look_s = look_s
        self._sleep = sleep
        self._asked = asyncio.Event()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._failures: Counter[str] = Counter()
        runs.on_new(self._asked.set)

    async def run(self) -> None:
        """Work until cancelled. What is under way then is begun anew by the next process."""
        try:
            while True:
                self._asked.clear()
                await self._begin()
                await self._wait()
        finally:
            for lane in self._lanes.values():
                lane.cancel()
            await asyncio.gather(*self._lanes.values(), return_exceptions=True)

    async def _begin(self) -> None:
        """Every server with something to do has a lane."""
        try:
            pending = await self._runs.pending(PORTION)
        except StorageError as error:
            log.warning("runs could not be read", error=type(error).__name__)
            return
        work: dict[str, list[Work]] = {}
        for run, item in pending:
            work.setdefault(item.server_id, []).append((run, item))
        for server_id, some in work.items():
            if server_id not in self._lanes:
                lane = self._lane(server_id, some[:PORTION])
                self._lanes[server_id] = asyncio.get_running_loop().create_task(lane, name="event lane")

    async def _wait(self) -> None:
        """Until a lane has ended, somebody asks, or it is time to look."""
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait(
                {asked, *self._lanes.values()}, timeout=self._look_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            asked.cancel()
        self._lanes = {server_id: lane for server_id, lane in self._lanes.items() if not lane.done()}

    async def _lane(self, server_id: str, work: list[Work]) -> None:
        try:
            for run, item in work:
                if await self._runs.is_pending(run, item):
                    await self._runs.settle(run, await self._finished(server_id, run, item))
        except Exception as error:  # noqa: BLE001 - the instance stays pending, and all others go on
            log.error("a run was interrupted", server=server_id, error=type(error).__name__)
            await self._sleep(WAIT_FIRST_S)

    async def _finished(self, server_id: str, run: EventRun, item: RunItem) -> RunItem:
        while True:
            try:
                plan = await self._apply(run, item)
            except RefusalError as refusal:
                if refusal.outcome.retry and self._failures[server_id] < PATIENCE:
                    self._failures[server_id] += 1
                    await self._sleep(min(WAIT_FIRST_S * 2 ** (self._failures[server_id] - 1), WAIT_LAST_S))
                    continue
                if not refusal.outcome.retry:
                    self._failures[server_id] = 0
                return replace(item, state=ItemState.FAILED, code=refusal.outcome.code, detail=refusal.detail)
            self._failures[server_id] = 0
            return replace(item, state=ItemState.APPLIED if plan.changes else ItemState.UNCHANGED)

    async def _apply(self, run: EventRun, item: RunItem) -> EventPlan:
        instance = self._directory.find(item.server_id, item.name)
        is_same = instance is not None and instance.instance_id == item.instance_id
        if instance is None or not is_same or instance.organization_id != run.organization_id or instance.removed_at:
            raise RefusalError(INSTANCE_NOT_FOUND)
        organization = self._directory.organization(run.organization_id)
        if organization is None or organization.disabled_at is not None:
            raise RefusalError(ORGANIZATION_DISABLED)
        return await self._configuration_of(item.server_id).apply(instance)
