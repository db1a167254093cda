"""How many requests: by address before anybody is known, by credential afterwards.

Answers carry `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), refusals `Retry-After` too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

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


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a limit. `reset_s` is the time until it is whole again."""

    name: str
    limit: int
    left: int
    reset_s: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"ratelimit-policy", f'"{self.name}";q={self.limit};w={WINDOW_S}'.encode()),
            (b"ratelimit", f'"{self.name}";r={self.left};t={self.reset_s}'.encode()),
        ]


class RateLimits:
    """Counters of one process, in memory; what nobody asks for is forgotten after two windows."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, name: str, limit: int, who: Sequence[str], cost: int = 1) -> Quota:
        """Count `cost` requests of `who` against `limit` a minute. Raises `RefusalError` RATE_LIMITED, whose `extra`
        has `retry_after_s`.
        """
        if limit <= 0:
            raise RefusalError(outcome.RATE_LIMITED, extra={"retry_after_s": WINDOW_S})
        item = RateLimitItemPerMinute(limit)
        is_taken = self._limiter.hit(item, name, *who, cost=min(cost, limit))
        quota = self._left(item, name, limit, who)
        if not is_taken:
            raise RefusalError(outcome.RATE_LIMITED, extra={"retry_after_s": quota.reset_s})
        return quota

    def _left(self, item: RateLimitItem, name: str, limit: int, who: Sequence[str]) -> Quota:
        found = self._limiter.get_window_stats(item, name, *who)
        return Quota(name, limit, max(0, int(found.remaining)), max(1, math.ceil(found.reset_time - time.time())))


def limits_of(request: Request) -> RateLimits:
    """The counters of this application."""
    found: RateLimits = request.app.state.rate_limits
    return found


async def count_request(request: Request, services: ApiServices, principal: Principal) -> None:
    """One request with this credential. Raises `RefusalError` RATE_LIMITED, which its organization is told."""
    scope = principal.scope
    limit = services.web.requests_of_operators
    if scope is not None:
        limit = services.directory.limits(scope.organization_id).requests_per_minute
    try:
        request.state.quota = limits_of(request).take("credential", limit, (principal.credential_id,))
    except RefusalError as refusal:
        if scope is not None:
            services.notices.reached(scope.organization_id, refusal.outcome)
        raise


async def count_failure(request: Request, address: str | None) -> None:
    """A credential that nobody has came from `address`."""
    limit = request.app.state.services.web.requests_per_address
    limits_of(request).take("address", limit, (network_of(address),), FAILURE_COST - 1)
