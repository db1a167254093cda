"""The task that empties the queue: many tries at a time, none of which holds up the others."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from ponteio.notify.delivery_claims import Candidate, Claim, DeliveryClaims, Settlement
from ponteio.notify.dispatch import Dispatcher
from ponteio.notify.retries import next_try
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.outbound.breaker import Breaker
from ponteio.storage.errors import StorageError

log = structlog.get_logger(__name__)

IDLE_S = 5.0
"""How long a message of another process may wait before it is seen."""
_PAUSE_S = 0.5
_RETRY_S = 1.0
_BREAKERS = 2_000
_SETTLED_AT_ONCE = 4
"""One transaction of them is short: whoever stores events waits for the same writer on SQLite."""
_END_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How many tries are under way at most: in all, for one organization, and in one lane (a channel, or a push service
    for one organization).
    """

    tries: int = 64
    per_organization: int = 8
    per_lane: int = 4
    idle_s: float = IDLE_S


class DeliveryWorker:
    """Claims what is due, tries it, writes down how it ended. `on_stopped` is told of channels that were switched off
    by it (organization and id).
    """

    def __init__(
        self,
        claims: DeliveryClaims,
        dispatcher: Dispatcher,
        counters: Counters,
        on_stopped: Callable[[str, str], Awaitable[None]],
        *,
        options: WorkerOptions | None = None,
        clock: Callable[[], datetime] = utc_now,
        rng: random.Random | None = None,
    ) -> None:
        self._claims = claims
        self._dispatcher = dispatcher
        self._counters = counters
        self._on_stopped = on_stopped
        self._options = options or WorkerOptions()
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - it only spreads retries
        self._woken = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Claim] = {}
        self._done: list[Settlement] = []
        self._stopped: list[tuple[str, str]] = []
        self._breakers: OrderedDict[str, Breaker] = OrderedDict()

    def wake(self) -> None:
        """Something may have been handed in."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. A database that is away makes it wait, never end."""
        try:
            while True:
                try:
                    pause_s = await self._turn()
                except StorageError as error:
                    log.warning("messages on their way wait for the database", error=type(error).__name__)
                    pause_s = _RETRY_S
                await self._pause(pause_s)
        finally:
            await self._end()

    async def _turn(self) -> float:
        """Settle what is done and start what is due; how long nothing will be to do unless somebody says so."""
        self._woken.clear()
        await self._settle()
        blocked = await self._start_due()
        if len(self._under_way) >= self._options.tries:
            return self._options.idle_s  # the end of a try wakes us
        due_at = await self._claims.next_due_at()
        if due_at is None:
            return self._options.idle_s
        wait_s = (due_at - self._clock()).total_seconds()
        least_s = _PAUSE_S if blocked or self._under_way else 0.01
        return min(max(wait_s, least_s), self._options.idle_s)

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _start_due(self) -> bool:
        """Everything that may be tried now is under way; whether something had to be left for its lane's sake."""
        blocked: set[str] = set()
        while (free := self._options.tries - len(self._under_way)) > 0:
            full, full_lanes = self._full()
            known = len(blocked)
            found = await self._claims.due(full, full_lanes | blocked)
            wanted = self._chosen(found, free, blocked)
            if not wanted and len(blocked) == known:
                return bool(blocked or full or full_lanes)
            for claim in await self._claims.claim(wanted) if wanted else ():
                self._start(claim)
        return True

    def _full(self) -> tuple[set[str], set[str]]:
        organizations = Counter(claim.organization_id for claim in self._under_way.values())
        lanes = Counter(claim.lane for claim in self._under_way.values())
        return (
            {one for one, count in organizations.items() if count >= self._options.per_organization},
            {one for one, count in lanes.items() if count >= self._options.per_lane},
        )

    def _chosen(self, found: Sequence[Candidate], free: int, blocked: set[str]) -> list[Candidate]:
        """As many as may be under way besides those that are; lanes with an open breaker are added to `blocked`."""
        organizations = Counter(claim.organization_id for claim in self._under_way.values())
        lanes = Counter(claim.lane for claim in self._under_way.values())
        now, chosen = asyncio.get_running_loop().time(), list[Candidate]()
        for one in found:
            if len(chosen) >= free:
                break
            is_full = (
                organizations[one.organization_id] >= self._options.per_organization
                or lanes[one.lane] >= self._options.per_lane
            )
            if is_full or one.lane in blocked:
                continue
            if not self._breaker(one.lane).may_call(now):
                blocked.add(one.lane)
                continue
            organizations[one.organization_id] += 1
            lanes[one.lane] += 1
            chosen.append(one)
        return chosen

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._try(claim), name=f"deliver {claim.delivery_id}")
        self._under_way[task] = claim
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            # The claim runs out and it is tried again. Without the text, which may quote what was being sent.
            self._counters.add("deliveries_broken")
            log.error("a message could not be tried", error=type(error).__name__)
        self._woken.set()

    async def _try(self, claim: Claim) -> None:
        tried_at, loop = self._clock(), asyncio.get_running_loop()
        began = loop.time()
        attempt, devices = await self._dispatcher.attempt(claim)
        if attempt.was_silent:
            self._breaker(claim.lane).failed(loop.time())
        elif attempt.is_delivered or attempt.status is not None:
            self._breaker(claim.lane).succeeded()
        retry_at = None
        if attempt.retry:
            retry_at = next_try(claim.attempts, self._clock(), claim.expires_at, self._rng, attempt.retry_after_s)
        self._counters.add(f"deliveries_{attempt.ending.value}")
        self._done.append(Settlement(claim, attempt, tried_at, loop.time() - began, retry_at, devices))

    async def _settle(self) -> None:
        while self._done:
            some = self._done[:_SETTLED_AT_ONCE]
            self._stopped += await self._claims.settle(some)
            del self._done[: len(some)]
        while self._stopped:
            await self._on_stopped(*self._stopped[0])
            del self._stopped[0]

    async def _end(self) -> None:
        """What ends in time is written down; the rest is due again at once, for whoever comes after us."""
        tasks = dict(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        settled = {one.claim.delivery_id for one in self._done}
        try:
            async with asyncio.timeout(_END_S):
                await self._settle()
                await self._claims.release([one for one in tasks.values() if one.delivery_id not in settled])
        except (StorageError, TimeoutError) as error:
            log.warning("what became of some messages is not written down", error=type(error).__name__)

    def _breaker(self, lane: str) -> Breaker:
        breaker = self._breakers.pop(lane, None) or Breaker()
        self._breakers[lane] = breaker
        while len(self._breakers) > _BREAKERS:
            self._breakers.popitem(last=False)
        return breaker
