"""The numbers of the live edge."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Limits and times of one live edge.

    Memory held for one socket is at most `buffer_bytes`, plus one write of `batch_bytes` or one event of
    `event_bytes`, whichever is larger: 512 KiB by default. One room holds at most `ring_bytes` more.
    """

    allowed_origins: tuple[str, ...] = ()
    """Origins of pages that may connect, besides the gateway's own; `*` stands for every origin."""

    sockets_per_organization: int = 100
    sockets_per_process: int = 5_000
    """Counts those that have not authenticated yet, too."""

    auth_deadline_s: float = 10.0
    """From the opening of the Engine.IO session to a successful CONNECT."""
    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0

    inbound_bytes: int = 16 * KIB
    """Largest packet, and largest polling body, that a client may send."""
    inbound_per_s: float = 20.0
    inbound_burst: int = 40

    event_bytes: int = 256 * KIB
    """An event whose envelope is larger is pushed without its data."""
    ring_events: int = 1_000
    ring_bytes: int = 2 * KIB * KIB
    buffer_bytes: int = 256 * KIB
    """Unsent bytes above which the pump leaves a socket alone. A ping waits behind them, and must be answered within
    `ping_timeout_s`: a larger buffer would cut off slow lines that do make progress."""
    batch_bytes: int = 128 * KIB
    """Events handed to a socket at once, and size of a page that is read from the log."""
    page_events: int = 200
    parallel_replays: int = 8
    stall_s: float = 30.0
    """Without progress for this long, while over `buffer_bytes`, a socket is closed."""

    tip_every_s: float = 25.0
    tip_pause_s: float = 1.0
    """A socket at the head gets a tip when nothing was sent to it for this long after its last event."""
    heal_every_s: float = 2.0
    """Between two looks at the heads of the log, for events that another process appended."""
    look_every_s: float = 1.0
    """Between two looks at the deadlines of one socket."""
    refused_s: float = 2.0
    """How long a refused client may take to read its refusal."""
    farewell_s: float = 1.0
    """How long a socket may take to read its goodbye before its transport is cut."""
