"""The sockets of one organization, and what they read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ponteio.live.damper import Damper
from ponteio.live.door import Door
from ponteio.live.handshake import LimitError
from ponteio.live.options import LiveOptions
from ponteio.live.packets import EventPacket, Packet
from ponteio.live.ring import Ring
from ponteio.live.stall import Stall
from ponteio.live.view import View
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.event_policy import ALL_CHOSEN, EventChoices
from ponteio.model.identity import Limits, OrganizationScope, Principal
from ponteio.model.outcome import TOO_MANY_SOCKETS, TOO_MANY_USER_SOCKETS


@dataclass(eq=False, slots=True)
class Member:
    """One socket that has been let in: a cursor over the log, and no queue.

    `scope` and `view` are its own, and may be narrower than its room's. `sent` counts the events sent on this
    connection. `pending` holds the newest status of each link and instance while the socket lags: one for each, so
    that it cannot grow with time.
    """

    door: Door
    room: Room
    principal: Principal
    scope: OrganizationScope
    view: View
    cursor: Cursor
    next_tip_at: float
    sent: int = 0
    has_left: bool = False
    is_replaying: bool = False
    owes_tip: bool = False
    sent_at: float = 0.0
    stall: Stall = field(default_factory=Stall)
    pending: dict[str, Packet] = field(default_factory=dict)
    damper: Damper | None = None
    person: str | None = None

    @property
    def is_at_head(self) -> bool:
        """Whether the socket was given everything that the room knows of."""
        ring = self.room.ring
        return ring is not None and self.cursor.epoch == ring.last.epoch and self.cursor.seq >= ring.last.seq


class Room:
    """An organization's sockets and its ring. It exists while it has sockets.

    `scope` is the whole organization's: what the ring misses is missed by all of them.
    """

    def __init__(
        self, scope: OrganizationScope, options: LiveOptions, choices: Callable[[], EventChoices] = lambda: ALL_CHOSEN
    ) -> None:
        self.scope = scope
        self.choices = choices
        """What the organization chose about its events, as of now."""
        self.members: set[Member] = set()
        self.arriving = 0
        """Clients that authenticated and are about to be members: they count against the limits."""
        self.people: Counter[str] = Counter()
        """Sockets of each person, those that are arriving too."""
        self.ring: Ring | None = None
        """None until the place in the log is known."""
        self.announced = 0
        """Events that were announced since its members were last woken."""
        self.announced_on = 0.0
        """When the first of them was committed, by the clock of `Counters`."""
        self.has_missed = False
        self.is_catching_up = False
        self._options = options

    @property
    def occupants(self) -> int:
        return len(self.members) + self.arriving

    def reserve(self, person: str | None, limits: Limits) -> None:
        """One more is arriving. Raises `LimitError` when that is one too many, of the organization or the person."""
        organization_id = self.scope.organization_id
        if self.occupants >= limits.sockets:
            raise LimitError(TOO_MANY_SOCKETS, organization_id)
        if person is not None and self.people[person] >= limits.sockets_per_user:
            raise LimitError(TOO_MANY_USER_SOCKETS, organization_id)
        self.arriving += 1
        if person is not None:
            self.people[person] += 1

    def forget(self, person: str | None) -> None:
        """One socket of this person is gone."""
        if person is not None:
            self.people[person] -= 1
            if not self.people[person]:
                del self.people[person]

    def settle(self, head: Cursor) -> None:
        """The log ended at `head` a moment ago: the ring begins there, unless it has begun already."""
        if self.ring is None:
            options = self._options
            self.ring = Ring(
                head,
                max_events=options.ring_events,
                max_bytes=options.ring_bytes,
                batch_bytes=options.batch_bytes,
                choices=self.choices,
            )

    def offer(self, stored: Sequence[StoredEvent]) -> bool:
        """Keep those of `stored`, in the order of their numbers, that follow without a hole; what is known already is
        passed over. False when a number is missing: then `stored` is not all kept, and the log must be read.
        """
        for event in stored:
            if self.ring is None:
                self.settle(Cursor(event.epoch, event.seq - 1))
            ring = self.ring
            if ring is None or event.epoch != ring.last.epoch:
                return False
            if event.seq > ring.last.seq + 1:
                return False
            if event.seq == ring.last.seq + 1:
                ring.append(EventPacket(event, self._options.event_bytes))
        return True

    def is_behind(self, head: Cursor) -> bool:
        """Whether the log, which ends at `head`, has events that the ring was never offered."""
        return self.ring is not None and (self.ring.last.epoch != head.epoch or self.ring.last.seq < head.seq)
