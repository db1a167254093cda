"""What the watch knows, as its listeners heard it. Everything here takes one step for each thing told, and never
raises: the corridor calls it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ponteio.model.cursor import Cursor
from ponteio.model.event import Origin, PassingEvent, StoredEvent
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.notify.talk_hours import TalkHours
from ponteio.observe.clock import utc_now
from ponteio.tenancy.limit_notices import LimitNotice

QR_EVENT = "qrcode.updated"
QR_LASTS = timedelta(seconds=120)
"""Evolution makes a new code every 45 seconds or less while it waits for somebody to scan one."""
LIMIT_LASTS = timedelta(minutes=5)
"""How long a limit counts as reached after the last refusal."""
MAX_WAITING = 20_000
_REACHED = (LinkState.CONNECTED, LinkState.NAMESPACE_PENDING)
"""States of a link whose server answers."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was seen from `first_at` to `last_at`, again and again."""

    first_at: datetime
    last_at: datetime

    def again(self, at: datetime, lasts: timedelta) -> Span:
        """It was seen at `at` too: another span when that is too long after the last."""
        return Span(self.first_at, at) if at - self.last_at <= lasts else Span(at, at)


@dataclass(slots=True)
class ServerSight:
    """How one Evolution server stands: which links it answers, and since when none (`lost_at`), or again some."""

    lost_at: datetime
    back_at: datetime | None = None
    answered: set[LinkTarget] = field(default_factory=set)


class Board:
    """Newest facts by what they are about. `followed` are the organizations of which no event may be missed, `matching`
    those whose events are to wait for matchers.
    """

    def __init__(self, talk: TalkHours, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._talk = talk
        self.started_at = clock()
        self.heard_at: dict[tuple[str, str], datetime] = {}
        self.qr: dict[tuple[str, str], Span] = {}
        self.limits: dict[str, dict[str, Span]] = {}
        self.links: dict[LinkTarget, LinkStatus] = {}
        self.deaf_since: dict[LinkTarget, datetime] = {}
        self.servers: dict[str, ServerSight] = {}
        self.seen: dict[str, Cursor] = {}
        self.followed: frozenset[str] = frozenset()
        self.matching: frozenset[str] = frozenset()
        self.waiting: deque[StoredEvent] = deque()
        self.missed: set[str] = set()
        """Organizations of whose events some were not announced here, or found no room: the log has them."""

    def note_events(self, stored: Sequence[StoredEvent]) -> None:
        """These events were committed."""
        for event in stored:
            organization_id = event.organization_id
            before = self.seen.get(organization_id) if organization_id in self.followed else None
            if before is not None and before.epoch == event.epoch and event.seq != before.seq + 1:
                if event.seq <= before.seq:
                    continue
                self.missed.add(organization_id)
                continue
            self.take(event)

    def take(self, event: StoredEvent) -> None:
        """This event, which follows the last one that was taken, is known."""
        organization_id = event.organization_id
        if organization_id in self.matching:
            if len(self.waiting) >= MAX_WAITING:
                self.missed.add(organization_id)
                return
            self.waiting.append(event)
        self.seen[organization_id] = event.cursor
        if event.origin == Origin.LIVE:
            self._heard(organization_id, event.instance, event.event, event.received_at)

    def note_link(self, status: LinkStatus) -> None:
        """A link has this state now."""
        target, now = status.target, self._clock()
        self.links[target] = status
        if status.state is LinkState.CONNECTED:
            self.deaf_since.pop(target, None)
        else:
            self.deaf_since.setdefault(target, now)
        server = self.servers.setdefault(target.server_id, ServerSight(self.started_at))
        if status.state in _REACHED:
            if not server.answered:
                server.back_at = now
            server.answered.add(target)
        elif target in server.answered:
            server.answered.discard(target)
            if not server.answered:
                server.lost_at, server.back_at = now, None

    def remember(self, server_id: str, deaf_since: Mapping[LinkTarget, datetime]) -> None:
        """These links of a server have been down since before the start, unless they are up by now."""
        for target, since in deaf_since.items():
            status = self.links.get(target)
            if status is None or status.state is not LinkState.CONNECTED:
                self.deaf_since[target] = min(since, self.deaf_since.get(target, since))
        server = self.servers.setdefault(server_id, ServerSight(self.started_at))
        if deaf_since and not server.answered:
            server.lost_at = min(server.lost_at, max(deaf_since.values()))

    def note_passing(self, passing: Sequence[PassingEvent]) -> None:
        """These events came, and are not stored."""
        for event in passing:
            self._heard(event.organization_id, event.instance, event.event, event.received_at)

    def note_limit(self, organization_id: str, notice: LimitNotice) -> None:
        """The organization has reached a limit."""
        mine = self.limits.setdefault(organization_id, {})
        span, at = mine.get(notice.code), notice.last_at
        mine[notice.code] = Span(at, at) if span is None else span.again(at, LIMIT_LASTS)

    def link_of(self, server_id: str, instance: str) -> LinkStatus | None:
        """The link over which the instance is heard or should be: its own, or the server's global one."""
        own = self.links.get(LinkTarget(server_id, instance))
        root = self.links.get(LinkTarget(server_id))
        if root is not None and root.state is LinkState.CONNECTED:
            return root
        if own is None or (own.state is LinkState.OFF and root is not None and root.state is not LinkState.OFF):
            return root
        return own

    def _heard(self, organization_id: str, instance: str, event: str, at: datetime) -> None:
        place = (organization_id, instance)
        former = self.heard_at.get(place)
        self.heard_at[place] = at
        if former is None or former.hour != at.hour or at - former >= timedelta(hours=1):
            self._talk.note(organization_id, instance, at)
        if event == QR_EVENT:
            span = self.qr.get(place)
            self.qr[place] = Span(at, at) if span is None else span.again(at, QR_LASTS)
