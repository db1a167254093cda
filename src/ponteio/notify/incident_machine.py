"""One incident as a table of transitions: memory and what is seen now, in; memory and a move, out. No clock.

    IDLE ─due▶ OPEN ─gone▶ CLEARING ─calm for long enough▶ CALM ─reopening time over▶ IDLE
                ▲             │ any trouble (FLAPPED)         │
                ├─────────────┘                               │
                └──────────── due in time (REOPENED) ─────────┘
    OPEN, CLEARING ─dismissed by hand▶ DISMISSED ─calm for long enough (FORGOTTEN)▶ IDLE

What cannot be seen just now changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

MOST_DOUBLINGS = 6
"""Each flap doubles the calm that ends an incident, so often at most."""


class Phase(StrEnum):
    """Where an incident stands."""

    IDLE = "idle"
    OPEN = "open"
    CLEARING = "clearing"
    CALM = "calm"
    """It has ended, and what comes back soon continues it."""
    DISMISSED = "dismissed"
    """Somebody closed it though the trouble lasts."""


class Symptom(StrEnum):
    """What is seen of the trouble."""

    DUE = "due"
    """It has lasted long enough, within the rule's hours."""
    BREWING = "brewing"
    GONE = "gone"
    UNSEEN = "unseen"


class Move(StrEnum):
    """What a step did that must be written down."""

    OPENED = "opened"
    FLAPPED = "flapped"
    REOPENED = "reopened"
    REMINDED = "reminded"
    RESOLVED = "resolved"
    FORGOTTEN = "forgotten"
    """Trouble that was dismissed by hand is over."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Spans: how long trouble must last, how long calm must last, until when it continues its incident."""

    lasts: timedelta
    calm: timedelta
    reopen: timedelta
    remind_every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Glance:
    """What is seen at `now`: trouble `since` then; None when there is none. `is_seen` is False when nobody can say."""

    now: datetime
    since: datetime | None = None
    is_seen: bool = True
    in_hours: bool = True


@dataclass(frozen=True, slots=True)
class Memory:
    """All that is remembered. `calm_since` is when the trouble went, `ended_at` when the incident did."""

    phase: Phase = Phase.IDLE
    flaps: int = 0
    calm_since: datetime | None = None
    ended_at: datetime | None = None
    told_at: datetime | None = None
    is_acknowledged: bool = False


IDLE = Memory()
Step = tuple[Memory, Move | None]
_Rule = Callable[[Memory, Glance, Terms], Step]


def step(memory: Memory, glance: Glance, terms: Terms) -> Step:
    """The next memory, and the move that led to it; None when there is nothing to write down."""
    return TABLE[memory.phase, symptom(glance, terms)](memory, glance, terms)


def symptom(glance: Glance, terms: Terms) -> Symptom:
    """What the glance shows."""
    if not glance.is_seen:
        return Symptom.UNSEEN
    if glance.since is None:
        return Symptom.GONE
    return Symptom.DUE if glance.in_hours and glance.now - glance.since >= terms.lasts else Symptom.BREWING


def due_at(memory: Memory, glance: Glance, terms: Terms) -> datetime | None:
    """Until when steps with the same glance, but for its `now`, change nothing; None: for ever."""
    if not glance.is_seen:
        return None
    if glance.since is None:
        return _calm_due_at(memory, terms)
    begins = glance.since + terms.lasts if glance.in_hours else None
    if memory.phase in (Phase.IDLE, Phase.CALM):
        return begins
    if memory.phase is Phase.OPEN and terms.remind_every is not None and glance.in_hours:
        return None if memory.is_acknowledged or memory.told_at is None else memory.told_at + terms.remind_every
    return None


def _calm_due_at(memory: Memory, terms: Terms) -> datetime | None:
    if memory.phase is Phase.CALM and memory.ended_at is not None:
        return memory.ended_at + terms.reopen
    if memory.phase in (Phase.CLEARING, Phase.DISMISSED) and memory.calm_since is not None:
        return memory.calm_since + calm_needed(memory, terms)
    return None


def calm_needed(memory: Memory, terms: Terms) -> timedelta:
    """How long calm must last until the incident has ended: twice as long after each flap, as long as the reopening
    time at most.
    """
    doubled: timedelta = terms.calm * (1 << min(memory.flaps, MOST_DOUBLINGS))
    return min(doubled, max(terms.reopen, terms.calm))


def dismissed(memory: Memory) -> Memory:
    """The incident was closed by hand."""
    return replace(memory, phase=Phase.DISMISSED, calm_since=None)


def acknowledged(memory: Memory) -> Memory:
    """Somebody has seen the incident: no more reminders."""
    return replace(memory, is_acknowledged=True)


def _same(memory: Memory, _: Glance, __: Terms) -> Step:
    return memory, None


def _open(_: Memory, glance: Glance, __: Terms) -> Step:
    return Memory(Phase.OPEN, told_at=glance.now), Move.OPENED


def _lasts(memory: Memory, glance: Glance, terms: Terms) -> Step:
    told_at = memory.told_at or glance.now
    if memory.is_acknowledged or terms.remind_every is None or not glance.in_hours:
        return memory, None
    if glance.now - told_at < terms.remind_every:
        return memory if memory.told_at else replace(memory, told_at=told_at), None
    return replace(memory, told_at=glance.now), Move.REMINDED


def _goes(memory: Memory, glance: Glance, terms: Terms) -> Step:
    return _clears(replace(memory, phase=Phase.CLEARING, calm_since=glance.now), glance, terms)


def _clears(memory: Memory, glance: Glance, terms: Terms) -> Step:
    calm_since = memory.calm_since or glance.now
    if glance.now - calm_since < calm_needed(memory, terms):
        return memory, None
    return replace(memory, phase=Phase.CALM, calm_since=calm_since, ended_at=glance.now), Move.RESOLVED


def _flaps(memory: Memory, _: Glance, __: Terms) -> Step:
    return replace(memory, phase=Phase.OPEN, flaps=memory.flaps + 1, calm_since=None), Move.FLAPPED


def _comes_back(memory: Memory, glance: Glance, terms: Terms) -> Step:
    if not _is_soon(memory, glance.since, terms):
        return _open(memory, glance, terms)
    back = Memory(Phase.OPEN, flaps=memory.flaps + 1, told_at=glance.now)
    return back, Move.REOPENED


def _brews(memory: Memory, glance: Glance, terms: Terms) -> Step:
    return (memory if _is_soon(memory, glance.since, terms) else IDLE), None


def _fades(memory: Memory, glance: Glance, terms: Terms) -> Step:
    return (memory if _is_soon(memory, glance.now, terms) else IDLE), None


def _is_soon(memory: Memory, moment: datetime | None, terms: Terms) -> bool:
    """Whether trouble that began at `moment` continues what has ended."""
    return memory.ended_at is not None and moment is not None and moment - memory.ended_at < terms.reopen


def _stays_dismissed(memory: Memory, _: Glance, __: Terms) -> Step:
    return (memory if memory.calm_since is None else replace(memory, calm_since=None)), None


def _is_forgotten(memory: Memory, glance: Glance, terms: Terms) -> Step:
    calm_since = memory.calm_since or glance.now
    if glance.now - calm_since < calm_needed(memory, terms):
        return replace(memory, calm_since=calm_since), None
    return IDLE, Move.FORGOTTEN


TABLE: Mapping[tuple[Phase, Symptom], _Rule] = MappingProxyType(
    {
        (Phase.IDLE, Symptom.DUE): _open,
        (Phase.IDLE, Symptom.BREWING): _same,
        (Phase.IDLE, Symptom.GONE): _same,
        (Phase.IDLE, Symptom.UNSEEN): _same,
        (Phase.OPEN, Symptom.DUE): _lasts,
        (Phase.OPEN, Symptom.BREWING): _lasts,
        (Phase.OPEN, Symptom.GONE): _goes,
        (Phase.OPEN, Symptom.UNSEEN): _same,
        (Phase.CLEARING, Symptom.DUE): _flaps,
        (Phase.CLEARING, Symptom.BREWING): _flaps,
        (Phase.CLEARING, Symptom.GONE): _clears,
        (Phase.CLEARING, Symptom.UNSEEN): _same,
        (Phase.CALM, Symptom.DUE): _comes_back,
        (Phase.CALM, Symptom.BREWING): _brews,
        (Phase.CALM, Symptom.GONE): _fades,
        (Phase.CALM, Symptom.UNSEEN): _same,
        (Phase.DISMISSED, Symptom.DUE): _stays_dismissed,
        (Phase.DISMISSED, Symptom.BREWING): _stays_dismissed,
        (Phase.DISMISSED, Symptom.GONE): _is_forgotten,
        (Phase.DISMISSED, Symptom.UNSEEN): _same,
    }
)
