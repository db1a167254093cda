"""How long to wait before the next try. Pure: the dice are an argument."""

from __future__ import annotations

import random
from dataclasses import dataclass

_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds.

    A failed dial waits anything up to `base_s` doubled for each failure, `cap_s` at most (full jitter, so that links
    that broke together do not come back together). A refused key waits longer each time, up to `auth_cap_s`. A
    namespace that does not exist yet is asked for again on the open transport, after `pending_base_s` growing to
    `pending_cap_s`. A dial has `handshake_s` until the namespace has answered, and a link counts as steady, so that
    its next failure is a first one, after `steady_s`.
    """

    base_s: float = 1.0
    cap_s: float = 30.0
    auth_base_s: float = 5.0
    auth_cap_s: float = 300.0
    pending_base_s: float = 1.0
    pending_cap_s: float = 5.0
    handshake_s: float = 10.0
    steady_s: float = 10.0


def dial_delay(policy: RetryPolicy, failures: int, rng: random.Random) -> float:
    """The wait after `failures` (1 or more) failed dials in a row: between 0 and the ceiling."""
    return rng.uniform(0.0, _ceiling(policy.base_s, policy.cap_s, failures))


def auth_delay(policy: RetryPolicy, refusals: int, rng: random.Random) -> float:
    """The wait after the key was refused `refusals` (1 or more) times in a row: the upper half below the ceiling."""
    return _ceiling(policy.auth_base_s, policy.auth_cap_s, refusals) * rng.uniform(0.5, 1.0)


def pending_delay(policy: RetryPolicy, refusals: int, rng: random.Random) -> float:
    """The wait before a namespace is asked for again: the upper fifth below the ceiling."""
    return _ceiling(policy.pending_base_s, policy.pending_cap_s, refusals) * rng.uniform(0.8, 1.0)


def _ceiling(base_s: float, cap_s: float, times: int) -> float:
    return min(cap_s, base_s * 2.0 ** min(max(times, 1) - 1, _MAX_DOUBLINGS))
