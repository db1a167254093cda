"""One link as a table of transitions: memory and happening in, memory and commands out. No clock, no socket.

    OFF ─Wanted▶ QUEUED ─TurnGiven▶ DIALLING ─Opened▶ JOINING ─Joined▶ CONNECTED
                   ▲                    │failed           │Refused          │Lost, Left
                   └──────timer── RESTING ◀───Lost──── PENDING ◀────────────┘

PENDING keeps the transport and asks for the namespace again; RESTING has none and waits for its next dial. Whoever runs
the table keeps what it implies: one timer at most, one place in the queue of dials, one connection.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ponteio.model.link import GapKind, LinkState
from ponteio.upstream.backoff import RetryPolicy, auth_delay, dial_delay, pending_delay
from ponteio.upstream.link_failure import HANDSHAKE_TIMEOUT, LinkFailure, unreachable
from ponteio.upstream.link_signals import (
    AskTurn,
    BeginGap,
    Command,
    Dial,
    DialFailed,
    EndGap,
    Halted,
    HangUp,
    Happening,
    Join,
    Joined,
    LeaveQueue,
    Left,
    Lost,
    Opened,
    Refused,
    SetTimer,
    Since,
    StopTimer,
    TimerFired,
    TurnGiven,
    Unwanted,
    Wanted,
)

INVALID_NAMESPACE = "Invalid namespace"
"""Socket.IO's words for a namespace that nobody has made yet."""


class Phase(StrEnum):
    """Where the machine stands. `LinkState` is what is shown of it."""

    OFF = "off"
    UNLINKABLE = "unlinkable"
    QUEUED = "queued"
    DIALLING = "dialling"
    JOINING = "joining"
    CONNECTED = "connected"
    PENDING = "pending"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class LinkMemory:
    """All that a link remembers. `gap` is the kind of the open gap, `joins` counts since the process started."""

    is_linkable: bool = True
    phase: Phase = Phase.OFF
    state: LinkState = LinkState.OFF
    reason: str | None = None
    detail: str | None = None
    attempts: int = 0
    failures: int = 0
    key_refusals: int = 0
    namespace_refusals: int = 0
    joins: int = 0
    gap: GapKind | None = None


Step = tuple[LinkMemory, tuple[Command, ...]]


@dataclass(frozen=True, slots=True)
class Chance:
    """The waits and the dice that decide them."""

    policy: RetryPolicy
    rng: random.Random


def begin(*, is_linkable: bool, gap: GapKind | None = None) -> LinkMemory:
    """A link that nobody wants yet. `gap` is one that an earlier process left open and that this one continues."""
    return LinkMemory(is_linkable=is_linkable, gap=gap)


def advance(memory: LinkMemory, happening: Happening, chance: Chance) -> Step:
    """The next memory and the commands to carry out, in order. What the table does not name changes nothing."""
    rule = TABLE.get((memory.phase, type(happening)))
    return (memory, ()) if rule is None else rule(memory, happening, chance)


def _off_wanted(link: LinkMemory, _: Happening, _chance: Chance) -> Step:
    if not link.is_linkable:
        detail = "The name cannot be a namespace (a comma ends one): only the global link hears this instance."
        return _shown(link, Phase.UNLINKABLE, LinkState.UNLINKABLE, "unlinkable_name", detail), ()
    fresh = replace(link, attempts=0, failures=0, key_refusals=0, namespace_refusals=0)
    return _shown(fresh, Phase.QUEUED, LinkState.CONNECTING), (AskTurn(),)


def _turn_given(link: LinkMemory, _: Happening, chance: Chance) -> Step:
    return _in_phase(link, Phase.DIALLING, attempts=link.attempts + 1), (Dial(), SetTimer(chance.policy.handshake_s))


def _opened(link: LinkMemory, _: Happening, _chance: Chance) -> Step:
    return _in_phase(link, Phase.JOINING), (Join(),)


def _joined(link: LinkMemory, _: Happening, chance: Chance) -> Step:
    joined = replace(link, attempts=0, joins=link.joins + 1, namespace_refusals=0)
    shown, ended = _without_gap(_shown(joined, Phase.CONNECTED, LinkState.CONNECTED))
    return shown, (SetTimer(chance.policy.steady_s), *ended)


def _steady(link: LinkMemory, _: Happening, _chance: Chance) -> Step:
    return replace(link, failures=0, key_refusals=0), ()


def _refused(link: LinkMemory, happening: Happening, chance: Chance) -> Step:
    message = happening.message if isinstance(happening, Refused) else ""
    if message != INVALID_NAMESPACE:
        failure = unreachable("namespace_refused", "Evolution API answers, but refuses the namespace.")
        rested, commands = _rest(link, failure, chance)
        return rested, (HangUp(), *commands)
    refusals = link.namespace_refusals + 1
    detail = "The instance has sent nothing since Evolution API started, or there is no such instance there."
    pending = replace(link, failures=0, key_refusals=0, namespace_refusals=refusals)
    pending = _shown(pending, Phase.PENDING, LinkState.NAMESPACE_PENDING, "invalid_namespace", detail)
    since = Since.WANTED if link.gap is None else Since.NOW
    pending, gaps = _with_gap(pending, GapKind.NAMESPACE_PENDING, since)
    return pending, (SetTimer(pending_delay(chance.policy, refusals, chance.rng)), *gaps)


def _ask_again(link: LinkMemory, _: Happening, chance: Chance) -> Step:
    return _in_phase(link, Phase.JOINING), (Join(), SetTimer(chance.policy.handshake_s))


def _left(link: LinkMemory, _: Happening, chance: Chance) -> Step:
    """Out of the namespace on a living transport: ask again, less and less eagerly."""
    since = Since.NOW if link.phase is Phase.CONNECTED else Since.WANTED
    failures = link.failures + 1
    detail = "Evolution API took the link out of its namespace."
    left = _shown(replace(link, failures=failures), Phase.PENDING, LinkState.CONNECTING, "namespace_left", detail)
    left, gaps = _with_gap(left, GapKind.LINK_DOWN, since)
    return left, (SetTimer(dial_delay(chance.policy, failures, chance.rng)), *gaps)


def _lost_connected(link: LinkMemory, happening: Happening, chance: Chance) -> Step:
    failure = _failure_in(happening)
    failures = link.failures + 1
    lost = replace(link, failures=failures)
    lost = _shown(lost, Phase.RESTING, LinkState.CONNECTING, failure.reason, failure.detail)
    lost, gaps = _with_gap(lost, GapKind.LINK_DOWN, Since.HEARD)
    return lost, (SetTimer(dial_delay(chance.policy, failures, chance.rng)), *gaps)


def _lost_on_the_way(link: LinkMemory, happening: Happening, chance: Chance) -> Step:
    """Evolution closes a connection that has no namespace after 45 s: while one is pending that is no failure."""
    if link.state is not LinkState.NAMESPACE_PENDING or link.phase is Phase.DIALLING:
        return _rest(link, _failure_in(happening), chance)
    refusals = link.namespace_refusals + 1
    resting = _in_phase(replace(link, namespace_refusals=refusals), Phase.RESTING)
    return resting, (SetTimer(pending_delay(chance.policy, refusals, chance.rng)),)


def _failed(link: LinkMemory, happening: Happening, chance: Chance) -> Step:
    return _rest(link, _failure_in(happening), chance)


def _too_slow(link: LinkMemory, _: Happening, chance: Chance) -> Step:
    rested, commands = _rest(link, HANDSHAKE_TIMEOUT, chance)
    return rested, (HangUp(), *commands)


def _rest(link: LinkMemory, failure: LinkFailure, chance: Chance) -> Step:
    if failure.state is LinkState.AUTH_FAILED:
        refusals = link.key_refusals + 1
        counted, delay = replace(link, key_refusals=refusals), auth_delay(chance.policy, refusals, chance.rng)
    else:
        failures = link.failures + 1
        counted, delay = replace(link, failures=failures), dial_delay(chance.policy, failures, chance.rng)
    shown = _shown(counted, Phase.RESTING, failure.state, failure.reason, failure.detail)
    shown, gaps = _with_gap(shown, GapKind.LINK_DOWN, Since.WANTED)
    return shown, (SetTimer(delay), *gaps)


def _dial_again(link: LinkMemory, _: Happening, _chance: Chance) -> Step:
    return _in_phase(link, Phase.QUEUED), (AskTurn(),)


def _dial_now(link: LinkMemory, _: Happening, _chance: Chance) -> Step:
    return _in_phase(link, Phase.QUEUED), (StopTimer(), AskTurn())


def _unwanted(link: LinkMemory, _: Happening, _chance: Chance) -> Step:
    tidied = _TIDYING[link.phase]
    off, ended = _without_gap(_shown(link, Phase.OFF, LinkState.OFF))
    return replace(off, attempts=0), (*tidied, *ended)


def _halted(link: LinkMemory, _: Happening, _chance: Chance) -> Step:
    """The gap stays open, or opens: nobody listens until the gateway is back. It begins when something was last read,
    since what came after that is lost with the connection.
    """
    off = _shown(link, Phase.OFF, LinkState.OFF)
    gaps: tuple[Command, ...] = ()
    if link.phase is Phase.CONNECTED:
        off, gaps = _with_gap(off, GapKind.LINK_DOWN, Since.HEARD)
    return off, (*_TIDYING[link.phase], *gaps)


def _in_phase(link: LinkMemory, phase: Phase, attempts: int | None = None) -> LinkMemory:
    return replace(link, phase=phase, attempts=link.attempts if attempts is None else attempts)


def _shown(
    link: LinkMemory, phase: Phase, state: LinkState, reason: str | None = None, detail: str | None = None
) -> LinkMemory:
    return replace(link, phase=phase, state=state, reason=reason, detail=detail)


def _with_gap(link: LinkMemory, kind: GapKind, since: Since) -> tuple[LinkMemory, tuple[Command, ...]]:
    """One gap at a time. A pending namespace takes over from an outage: the server is back, the instance is not."""
    if link.gap is None:
        return replace(link, gap=kind), (BeginGap(kind, since),)
    if link.gap is GapKind.LINK_DOWN and kind is GapKind.NAMESPACE_PENDING:
        return replace(link, gap=kind), (EndGap(link.gap), BeginGap(kind, Since.NOW))
    return link, ()


def _without_gap(link: LinkMemory) -> tuple[LinkMemory, tuple[Command, ...]]:
    return (link, ()) if link.gap is None else (replace(link, gap=None), (EndGap(link.gap),))


def _failure_in(happening: Happening) -> LinkFailure:
    if isinstance(happening, DialFailed | Lost):
        return happening.failure
    raise TypeError("only a failed dial and a lost connection have a failure")


_TIDYING: Mapping[Phase, tuple[Command, ...]] = {
    Phase.OFF: (),
    Phase.UNLINKABLE: (),
    Phase.QUEUED: (LeaveQueue(),),
    Phase.DIALLING: (HangUp(), StopTimer()),
    Phase.JOINING: (HangUp(), StopTimer()),
    Phase.CONNECTED: (HangUp(), StopTimer()),
    Phase.PENDING: (HangUp(), StopTimer()),
    Phase.RESTING: (StopTimer(),),
}

_Rule = Callable[[LinkMemory, Happening, Chance], Step]

TABLE: Mapping[tuple[Phase, type], _Rule] = {
    (Phase.OFF, Wanted): _off_wanted,
    **{(phase, Unwanted): _unwanted for phase in Phase if phase is not Phase.OFF},
    **{(phase, Halted): _halted for phase in Phase if phase is not Phase.OFF},
    (Phase.QUEUED, TurnGiven): _turn_given,
    (Phase.DIALLING, Opened): _opened,
    (Phase.DIALLING, DialFailed): _failed,
    (Phase.DIALLING, Lost): _lost_on_the_way,
    (Phase.DIALLING, TimerFired): _too_slow,
    (Phase.JOINING, Joined): _joined,
    (Phase.JOINING, Refused): _refused,
    (Phase.JOINING, Left): _left,
    (Phase.JOINING, Lost): _lost_on_the_way,
    (Phase.JOINING, TimerFired): _too_slow,
    (Phase.CONNECTED, Lost): _lost_connected,
    (Phase.CONNECTED, Left): _left,
    (Phase.CONNECTED, Refused): _left,
    (Phase.CONNECTED, TimerFired): _steady,
    (Phase.PENDING, Wanted): _ask_again,
    (Phase.PENDING, TimerFired): _ask_again,
    (Phase.PENDING, Joined): _joined,
    (Phase.PENDING, Lost): _lost_on_the_way,
    (Phase.RESTING, Wanted): _dial_now,
    (Phase.RESTING, TimerFired): _dial_again,
}
"""Every pair that is not here is a latecomer, or a wish that is granted already."""
