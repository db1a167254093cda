"""The storm damper of one socket: what comes too fast for a browser is held, said so, and stays in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ponteio.live.packets import Batch, EventPacket, Packet, batch_of, held
from ponteio.live.rate import Allowance
from ponteio.model.cursor import Cursor
from ponteio.model.identity import Limits, Principal
from ponteio.model.rights import CredentialKind
from ponteio.model.sight import Sight


@dataclass(frozen=True, slots=True)
class Damping:
    """How many events a minute of one instance a socket is sent, and how many of them at once. 0 holds everything."""

    per_minute: int
    burst: int

    @classmethod
    def of(cls, principal: Principal, limits: Limits) -> Damping | None:
        """What applies to the sockets of `principal`; None for API keys that were given none of their own.

        A key's own damper lets as many through at once as in a minute.
        """
        if principal.kind is not CredentialKind.KEY:
            return cls(limits.live_per_minute, limits.live_burst)
        if principal.live_per_minute is None:
            return None
        return cls(principal.live_per_minute, principal.live_per_minute)


@dataclass(slots=True)
class _Held:
    first: Cursor
    last: Cursor
    count: int


class Damper:
    """An allowance for each instance, of at most `max_instances`: those that are not told apart share one, so that
    names cannot be used up to get more. `now` is of a clock that only goes forward.
    """

    def __init__(self, damping: Damping, max_instances: int, now: float) -> None:
        self._damping = damping
        self._max_instances = max_instances
        self._allowances: dict[str, Allowance] = {}
        self._shared = self._full(now)
        self._held: dict[str, _Held] = {}

    def __len__(self) -> int:
        """Allowances and notices that are kept."""
        return len(self._allowances) + len(self._held)

    @property
    def damping(self) -> Damping:
        return self._damping

    def tune(self, damping: Damping, now: float) -> None:
        """These numbers hold from now on; if they are others than before, every instance begins anew with them."""
        if damping != self._damping:
            self._damping = damping
            self._allowances.clear()
            self._shared = self._full(now)

    def strain(self, batch: Batch, sight: Sight, now: float) -> Batch:
        """What of `batch` may be sent: `batch` itself when that is everything. The rest is noted as held."""
        passed = [event for event in batch.events if self._lets_pass(event.instance, now)]
        if len(passed) == len(batch.events):
            return batch
        self._hold(batch, passed)
        return batch_of(passed, sight, batch.next)

    def admits(self, instance: str, now: float) -> bool:
        """Whether one more event of `instance` may be sent that could not be held: nobody can ask for it later."""
        return self._lets_pass(instance, now)

    def notices(self) -> Sequence[Packet]:
        """What was held since the last call: one packet for each instance."""
        if not self._held:
            return ()
        found, self._held = self._held, {}
        return [held(instance, one.first, one.last, one.count) for instance, one in found.items()]

    def is_full(self) -> bool:
        """Whether as many notices wait as may be kept: they should be fetched now."""
        return len(self._held) >= self._max_instances

    def _hold(self, batch: Batch, passed: Sequence[EventPacket]) -> None:
        let_through = {event.seq for event in passed}
        for event in batch.events:
            if event.seq in let_through:
                continue
            cursor = batch.next.at(event.seq)
            known = self._held.get(event.instance)
            if known is None:
                self._held[event.instance] = _Held(cursor, cursor, 1)
            else:
                known.last = cursor
                known.count += 1

    def _lets_pass(self, instance: str, now: float) -> bool:
        allowance = self._allowances.pop(instance, None)
        if allowance is None and len(self._allowances) >= self._max_instances:
            longest_unused = next(iter(self._allowances))
            if not self._allowances[longest_unused].is_full(now):
                return self._shared.spend(now)
            del self._allowances[longest_unused]
        if allowance is None:
            allowance = self._full(now)
        self._allowances[instance] = allowance  # the last one to be used stands last
        return allowance.spend(now)

    def _full(self, now: float) -> Allowance:
        damping = self._damping
        return Allowance.full(damping.per_minute / 60, damping.burst if damping.per_minute else 0, now)
