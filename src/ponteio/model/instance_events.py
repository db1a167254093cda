"""Which of its events an instance is to send on its own namespace, and which it is set to send.

Names are Evolution's setting names (`MESSAGES_UPSERT`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SentEvents:
    """What Evolution has for an instance. `is_set` is False while nobody ever set it; then nothing is sent."""

    enabled: bool
    events: tuple[str, ...]
    is_set: bool = True

    @property
    def effective(self) -> frozenset[str]:
        """The names that are let through."""
        return frozenset(self.events) if self.enabled else frozenset()


NEVER_SET = SentEvents(enabled=False, events=(), is_set=False)


@dataclass(frozen=True, slots=True)
class EventChoice:
    """The events that were chosen: those of a preset, or a list. `keep` sets Evolution back when it differs.

    `wants_all` leaves the list to Evolution, which may know names that we do not.
    """

    events: tuple[str, ...]
    preset: str | None = None
    keep: bool = False

    @property
    def wants_all(self) -> bool:
        return self.preset == ALL


ALL = "all"


@dataclass(frozen=True, slots=True)
class EventWish:
    """A choice for one instance, with what became of it.

    `accepted` is the list that Evolution had when the choice came into force, at `applied_at`. `found` is what it had
    when it was last seen to change, at `found_at`. `drift_since` is when it was first seen to differ from a choice
    that was in force; None: it does not. `mends` counts how often it was set back since `mends_since`.
    """

    organization_id: str
    instance_id: str
    server_id: str
    choice: EventChoice
    changed_at: datetime
    accepted: tuple[str, ...] | None = None
    applied_at: datetime | None = None
    found: SentEvents | None = None
    found_at: datetime | None = None
    drift_since: datetime | None = None
    mends: int = 0
    mends_since: datetime | None = None

    @property
    def is_in_force(self) -> bool:
        """Whether Evolution had this choice at some time since it was made."""
        return self.applied_at is not None and self.applied_at >= self.changed_at

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names that Evolution should have: for all of them, those that it said it has."""
        if self.choice.wants_all and self.is_in_force and self.accepted is not None:
            return self.accepted
        return self.choice.events


class RunState(StrEnum):
    """Where a run over many instances stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """What became of one instance of a run."""

    PENDING = "pending"
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    """Evolution had the list already."""
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunItem:
    """One instance of a run. `code` and `detail` say why it failed."""

    instance_id: str
    name: str
    server_id: str
    state: ItemState = ItemState.PENDING
    code: str | None = None
    detail: str | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventRun:
    """One choice that is being applied to many instances. `counts` has how many of them are in each state."""

    organization_id: str
    run_id: str
    choice: EventChoice
    state: RunState
    created_at: datetime
    finished_at: datetime | None
    counts: dict[ItemState, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())
