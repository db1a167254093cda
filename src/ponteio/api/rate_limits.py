"""How many requests: by address before anybody is known, by credential afterwards.

Answers carry `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), refusals `Retry-After` too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.client_address import network_of
from ponteio.model.identity import Principal
from ponteio.model.outcome import RefusalError

WINDOW_S = 60
FAILURE_COST = 20
"""A credential that nobody has costs an address as much as so many requests: keys are not to be guessed."""
CLAIMS_PER_MINUTE = 10
"""Tokens of instances that one organization may try."""
FREE = frozenset({"/healthz", "/readyz"})
MOST_COUNTED = 50_000
"""Counters in one window. Whoever comes when there are so many shares one: a flood from everywhere costs no more."""
_OTHERS = ("", "others")


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a limit. `reset_s` is the time until more of it is free, or enough where it was exceeded."""

    name: str
    limit: int
    left: int
    reset_s: int
    is_exceeded: bool = False

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The quota as it is told."""
        return [
            (b"ratelimit-policy", f'"{self.name}";q={self.limit};w={WINDOW_S}'.encode()),
            (b"ratelimit", f'"{self.name}";r={self.left};t={self.reset_s}'.encode()),
        ]

    def refusal(self) -> RefusalError:
        """RATE_LIMITED, whose `extra` has `retry_after_s`."""
        return RefusalError(outcome.RATE_LIMITED, extra={"retry_after_s": self.reset_s})


class RateLimits:
    """Counters of one process, in memory. `clock` gives seconds that never go back.

    A sliding window of a minute, told from two counters: this minute's, and the last one's as far as it still
    reaches into the window. Nothing older is kept, and nothing sweeps. A refused request is not counted.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = -1
        self._former: dict[tuple[str, str], int] = {}
        self._present: dict[tuple[str, str], int] = {}

    def count(self, name: str, limit: int, who: str, cost: int = 1) -> Quota:
        """Count `cost` requests of `who` against `limit` a minute. More than `limit` at once is as much as `limit`."""
        passed_s = self._turn()
        key, cost = self._place(name, who), max(1, min(cost, limit))
        former, present = self._former.get(key, 0), self._present.get(key, 0)
        used = math.ceil(former * (WINDOW_S - passed_s) / WINDOW_S) + present
        is_exceeded = used + cost > limit
        if not is_exceeded:
            used, present = used + cost, present + cost
            self._present[key] = present
        wait_s = _wait_s(former, present, passed_s, limit - cost if is_exceeded else used - 1)
        return Quota(name, limit, max(0, limit - used), max(1, math.ceil(wait_s)), is_exceeded)

    def take(self, name: str, limit: int, who: str, cost: int = 1) -> Quota:
        """Count as `count` does. Raises `RefusalError` RATE_LIMITED when that is too many."""
        quota = self.count(name, limit, who, cost)
        if quota.is_exceeded:
            raise quota.refusal()
        return quota

    def __len__(self) -> int:
        return len(self._former) + len(self._present)

    def _turn(self) -> float:
        """The right two minutes are at hand; how many seconds of the present one have passed."""
        minute, passed_s = divmod(self._clock(), WINDOW_S)
        if minute != self._minute:
            self._former = self._present if minute == self._minute + 1 else {}
            self._present = {}
            self._minute = int(minute)
        return passed_s

    def _place(self, name: str, who: str) -> tuple[str, str]:
        key = (name, who)
        is_known = key in self._present or len(self._present) < MOST_COUNTED
        return key if is_known else _OTHERS


def _wait_s(former: int, present: int, passed_s: float, wanted: int) -> float:
    """How long until no more than `wanted` requests are in the window, if no more come."""
    rest_s, wanted = WINDOW_S - passed_s, max(0, wanted)
    if present <= wanted:
        return rest_s - WINDOW_S * (wanted - present) / former if former else 0.0
    return rest_s + WINDOW_S - WINDOW_S * wanted / present


def limits_of(request: Request) -> RateLimits:
    """The counters of this application."""
    found: RateLimits = request.app.state.rate_limits
    return found


def count_request(request: Request, services: ApiServices, principal: Principal) -> None:
    """One request with this credential. Raises `RefusalError` RATE_LIMITED, which its organization is told."""
    scope = principal.scope
    limit = services.web.requests_of_operators
    if scope is not None:
        limit = services.directory.limits(scope.organization_id).requests_per_minute
    quota = request.state.quota = limits_of(request).count("credential", limit, principal.credential_id)
    if quota.is_exceeded:
        if scope is not None:
            services.notices.reached(scope.organization_id, outcome.RATE_LIMITED)
        raise quota.refusal()


def count_failure(request: Request, services: ApiServices) -> None:
    """A credential that nobody has came from the request's address. Raises `RefusalError` RATE_LIMITED when that is
    one too many.
    """
    client = request.client.host if request.client else None
    limits_of(request).take("address", services.web.requests_per_address, network_of(client), FAILURE_COST - 1)
