"""Keeps the directory true to Evolution's list of instances, and their states true to Evolution's memory."""

from __future__ import annotations

import asyncio
import contextlib
import random
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from ponteio.model.identity import Instance, InstanceChange, InstanceState
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.storage.errors import StorageError
from ponteio.tenancy.directory import Directory
from ponteio.upstream.evolution_answers import EvolutionRefusalError, Sighting, WebsocketSettings, news_of_state
from ponteio.upstream.evolution_api import EvolutionApi

log = structlog.get_logger(__name__)

MAX_CONFIRMED = 100
"""States asked for in one round, a call each. What is left over comes first in the next rounds."""
PARALLEL = 4
"""Calls at a time: half of what the server may get, so that a person's request does not wait behind a round."""
RETRY_FIRST_S = 2.0
MIN_PAUSE_S = 1.0

Heed = Callable[[datetime, Mapping[str, WebsocketSettings | None]], Awaitable[None]]
"""Takes when Evolution was asked, and what each instance in its list is set to send."""

_UNTOLD = frozenset({None, InstanceState.UNKNOWN})
_ALIVE = frozenset({InstanceState.OPEN, InstanceState.CONNECTING, InstanceState.UNKNOWN})


class InstanceSync:
    """Asks at the start, every `interval_s` seconds and soon after `request` is called, for ever; never more often than
    every `min_pause_s`.

    What fails is counted (`instance_sync_failures`), logged once for a row of failures, and tried again with back-off:
    it is never fatal. `on_instances` gets the instances whose rows changed, `on_settings` what each is set to send.
    """

    def __init__(
        self,
        *,
        server_id: str,
        api: EvolutionApi,
        directory: Directory,
        counters: Counters,
        on_instances: Callable[[Sequence[Instance]], None],
        on_settings: Heed | None = None,
        interval_s: float = 60.0,
        min_pause_s: float = MIN_PAUSE_S,
        rng: random.Random | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._server_id = server_id
        self._api = api
        self._directory = directory
        self._counters = counters
        self._on_instances = on_instances
        self._on_settings = on_settings
        self._clock = clock
        self._interval_s = interval_s
        self._min_pause_s = min(min_pause_s, interval_s)
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._asked = asyncio.Event()
        self._calls = asyncio.Semaphore(PARALLEL)
        self._failures = 0
        self._loading = 0
        self._round = 0
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with a first round; returns at once."""
        self._running = asyncio.create_task(self._run(), name="instance-sync")

    async def stop(self) -> None:
        """End, in the middle of a round too."""
        if self._running is not None:
            running, self._running = self._running, None
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    def request(self) -> None:
        """Ask for a round soon: a link is back, so Evolution may have changed meanwhile."""
        self._asked.set()

    async def sync_once(self) -> list[Instance]:
        """One round: the directory has what Evolution has; returns the instances whose rows changed.

        The list's state is the one in Evolution's database. It is late while a connection comes and goes, so where it
        differs from ours, and where no event would tell, Evolution's memory (`connectionState`) decides. A state that
        an event brought in the meantime stays. An instance counts as removed only when Evolution says so twice:
        it is not in the list, and asking for it gives 404.

        Raises `RefusalError` (Evolution) or `StorageError` (our database).
        """
        before = {one.name: one for one in self._directory.all_instances() if one.server_id == self._server_id}
        asked_at = self._clock()
        sightings = await self._api.fetch_instances()
        listed = {sighting.name: sighting.change for sighting in sightings}
        self._round += 1
        asked = states_to_confirm(sightings, before, MAX_CONFIRMED, self._round)
        missing = [name for name, one in before.items() if one.removed_at is None and name not in listed]
        missing = missing[:MAX_CONFIRMED]
        answers = await asyncio.gather(*(self._ask(name) for name in (*asked, *missing)))
        confirmed = dict(zip((*asked, *missing), answers, strict=True))
        # Evolution lists its instances before it has loaded them: for about two seconds they have no state.
        self._loading = self._loading + 1 if any(confirmed[name].state in _UNTOLD for name in asked) else 0
        changes: dict[str, InstanceChange] = {}
        for name, change in listed.items():
            known = before.get(name)
            now = self._directory.find(self._server_id, name)
            moved = (now and now.state_at) != (known and known.state_at)
            changes[name] = replace(change, state=None if moved else settled_state(known, change, confirmed.get(name)))
        changes.update({name: confirmed[name] for name in missing if confirmed[name].removed})
        changed = await self._directory.register(self._server_id, changes)
        await self._heed(asked_at, sightings)
        return changed

    async def _heed(self, asked_at: datetime, sightings: Sequence[Sighting]) -> None:
        if self._on_settings is not None:
            try:
                await self._on_settings(asked_at, {sighting.name: sighting.websocket for sighting in sightings})
            except StorageError as error:
                log.warning("what instances send was not noted", server=self._server_id, error=type(error).__name__)

    async def _ask(self, name: str) -> InstanceChange:
        try:
            async with self._calls:
                return InstanceChange(state=await self._api.connection_state(name))
        except EvolutionRefusalError as refusal:
            return InstanceChange(removed=refusal.is_absence)
        except RefusalError:
            return InstanceChange()

    async def _run(self) -> None:
        while True:
            self._asked.clear()
            pause_s = await self._round_trip()
            await asyncio.sleep(self._min_pause_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(pause_s - self._min_pause_s, 0.0)):
                    await self._asked.wait()

    async def _round_trip(self) -> float:
        """One round, whatever comes; returns how long to wait for the next."""
        try:
            changed = await self.sync_once()
            if changed:
                log.info("instances changed", server=self._server_id, count=len(changed))
                self._on_instances(changed)
        except RefusalError as refusal:
            return self._failed(refusal.outcome.code, refusal.detail)
        except StorageError as error:
            return self._failed(type(error).__name__, "our database refused")
        except Exception as error:  # noqa: BLE001 - one bad round must not end the loop
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("a round of the instance sync broke", server=self._server_id, exception=stack)
            return self._failed(type(error).__name__, "a fault of our own")
        if self._failures:
            log.info("instances could be asked for again", server=self._server_id, attempts=self._failures)
        self._failures = 0
        self._counters.add("instance_syncs")
        return self._back_off(self._loading) if self._loading else self._interval_s

    def _failed(self, code: str, detail: str) -> float:
        self._failures += 1
        self._counters.add("instance_sync_failures")
        if self._failures == 1:
            log.warning("instances could not be asked for", server=self._server_id, code=code, detail=detail)
        return self._back_off(self._failures)

    def _back_off(self, times: int) -> float:
        ceiling = min(self._interval_s, RETRY_FIRST_S * 2.0 ** min(times - 1, 16))
        return self._rng.uniform(ceiling / 2, ceiling)


def states_to_confirm(sightings: Sequence[Sighting], known: Mapping[str, Instance], limit: int, turn: int) -> list[str]:
    """The instances whose state Evolution's memory is to be asked for, `limit` at most.

    First those where its database and we differ. Then those that may have changed without an event: channels that
    never send `connection.update`, and drops that nobody heard. By turns, when they are too many.
    """
    differing: list[str] = []
    quiet: list[str] = []
    for sighting in sightings:
        ours = known.get(sighting.name)
        if ours is None or ours.removed_at is not None or ours.state != sighting.change.state:
            differing.append(sighting.name)
        elif ours.state in _ALIVE:
            quiet.append(sighting.name)
    first = _by_turns(differing, limit, turn)
    return first + _by_turns(quiet, limit - len(first), turn)


def settled_state(
    known: Instance | None, listed: InstanceChange, confirmed: InstanceChange | None
) -> InstanceState | None:
    """The state to write down; None leaves ours as it is. `confirmed` is None when Evolution's memory was not asked:
    then its database's word is taken where we have none.
    """
    if confirmed is not None:
        return news_of_state(known, confirmed.state)
    return listed.state if known is None or known.state is InstanceState.UNKNOWN else None


def _by_turns(names: list[str], room: int, turn: int) -> list[str]:
    if len(names) <= room or room <= 0:
        return names[: max(room, 0)]
    start = (turn * room) % len(names)
    return (names[start:] + names[:start])[:room]
