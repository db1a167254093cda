"""What happened to links and instances, on one timeline: the words of the link journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JournalKind(StrEnum):
    """What happened. What stands before the dot is its family."""

    LINK_CONNECTING = "link.connecting"
    """The link is wanted and dials for the first time."""
    LINK_CONNECTED = "link.connected"
    LINK_PENDING = "link.pending"
    """Evolution has no namespace for the instance yet."""
    LINK_LOST = "link.lost"
    """It was connected; it dials again."""
    LINK_FAILED = "link.failed"
    """It could not be connected, for another reason than before."""
    LINK_OFF = "link.off"
    GAP_OPENED = "gap.opened"
    GAP_CLOSED = "gap.closed"
    INSTANCE_STATE = "instance.state"
    """The instance's connection to WhatsApp changed."""
    INSTANCE_REMOVED = "instance.removed"
    LIMIT_REACHED = "limit.reached"
    EVENTS_DRIFTED = "events.drifted"
    """What the instance sends differs from what was chosen."""
    EVENTS_MENDED = "events.mended"
    EVENTS_MENDING_FAILED = "events.mending_failed"
    EVENTS_MENDING_STOPPED = "events.mending_stopped"
    JOURNAL_DROPPED = "journal.dropped"
    """So many entries could not be kept."""


FAMILIES = tuple(dict.fromkeys(kind.partition(".")[0] for kind in JournalKind))


@dataclass(frozen=True, slots=True)
class JournalNote:
    """One thing that happened at `at`. `organization_id` is the owner at that moment, None for what is nobody's or
    everybody's of that server; `instance` is None for a global link and for what is about no instance. `state` is the
    new one; `reason` a stable code, `detail` a sentence without secrets; `duration_s` how long what ended had lasted.
    """

    kind: JournalKind
    at: datetime
    organization_id: str | None = None
    server_id: str | None = None
    instance: str | None = None
    state: str | None = None
    reason: str | None = None
    detail: str | None = None
    attempts: int | None = None
    reconnects: int | None = None
    duration_s: float | None = None
    gap_id: int | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A note as kept. When the same happened again and again, `count` says how often, `last_at` when it last did, and
    what may differ is that of the last time. `entry_id` grows with time.
    """

    entry_id: int
    note: JournalNote
    count: int
    last_at: datetime
