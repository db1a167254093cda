"""The numbers of the live edge."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Limits and times of one live edge. What one organization may use is said by `Limits`, not here.

    Memory held for one socket is at most `buffer_bytes`, plus one write of `batch_bytes` or one event of
    `event_bytes`, whichever is larger: 512 KiB by default. One room holds at most `ring_bytes` more. A socket with a
    storm damper holds about 300 bytes more for each of at most `damped_instances` instances.
    """

    allowed_origins: tuple[str, ...] = ()
    """Origins of pages that may connect, besides the gateway's own; `*` stands for every origin, without its cookie."""
    own_origins: tuple[str, ...] = ()
    """Origins of the gateway's own pages; nothing: whatever the Host header says, over HTTP or HTTPS."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which the gateway may be called, besides addresses and localhost."""

    sockets_per_address: int = 50
    sockets_per_process: int = 5_000
    """Both count those that have not authenticated yet, too."""
    arrivals_per_s: int = 100
    """New connections a second, and how many may come at once."""

    auth_deadline_s: float = 10.0
    """From the opening of the Engine.IO session to a successful CONNECT."""
    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0

    sse_quiet_s: float = 15.0
    """After so long without a word a stream of Server-Sent Events gets a comment: proxies end what is silent."""

    inbound_bytes: int = 4 * KIB
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
    damped_instances: int = 1_000
    """Instances that the storm damper of one socket tells apart; all others share one allowance."""

    tip_every_s: float = 25.0
    tip_pause_s: float = 1.0
    """A socket at the head gets a tip when nothing was sent to it for this long after its last event."""
    heal_every_s: float = 2.0
    """Between two looks at the heads of the log, for events that another process appended."""
    look_every_s: float = 1.0
    """Between two looks at the deadlines of one socket, and between two notices of what was held."""
    refused_s: float = 2.0
    """How long a refused client may take to read its refusal."""
    farewell_s: float = 1.0
    """How long a socket may take to read its goodbye before its transport is cut."""
