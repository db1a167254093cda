"""Where the instances of one organization stand now, from the facts of the board. Pure: nothing here asks a clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ponteio.model.alert import Subject, SubjectKind
from ponteio.model.identity import Instance, InstanceState
from ponteio.model.link import LinkState, LinkStatus
from ponteio.notify.watch_board import LIMIT_LASTS, QR_LASTS, Board

LINK_SETTLES = timedelta(seconds=5)
"""A link that is back within this time was never lost: one dropped connection is no trouble."""
RECOVERY = timedelta(seconds=60)
"""What instances get, once their server answers again, to be heard again."""
SERVER_IS_AWAY = "server_unreachable"
_OF_THE_SERVER = frozenset(
    {LinkState.UNREACHABLE, LinkState.AUTH_FAILED, LinkState.UPSTREAM_DISABLED, LinkState.CONNECTING}
)
"""States of a link whose cause is its server, as far as that link can tell."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble: since when, and why in a stable word. `instances` are those concerned, `count` how many events."""

    since: datetime
    reason: str
    instances: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Quiet:
    """An instance that is open and heard: when it last sent something (None: never, as far as we know), and from when
    on its silence counts.
    """

    heard_at: datetime | None
    counts_from: datetime


@dataclass(slots=True)
class Survey:
    """One organization at one moment. `unseen` are instances of which nothing can be said: their server is away."""

    down: dict[Subject, Fault] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    qr: dict[Subject, Fault] = field(default_factory=dict)
    quiet: dict[str, Quiet] = field(default_factory=dict)
    limits: dict[Subject, Fault] = field(default_factory=dict)


def survey(
    organization_id: str, instances: Iterable[Instance], board: Board, now: datetime, settles: timedelta = LINK_SETTLES
) -> Survey:
    """Where they stand, for the conditions `down`, `qr`, `silent` and `limit`."""
    found = Survey()
    away: dict[str, list[str]] = {}
    for instance in instances:
        link = board.link_of(instance.server_id, instance.name)
        if _is_server_away(board, instance.server_id, link):
            found.unseen.add(instance.name)
            away.setdefault(instance.server_id, []).append(instance.name)
        else:
            _look_at(found, organization_id, instance, link, board, now, settles)
    for server_id, names in away.items():
        sight = board.servers.get(server_id)
        lost_at = board.started_at if sight is None else sight.lost_at
        if now - lost_at >= settles:
            found.down[Subject(SubjectKind.SERVER, server_id)] = Fault(lost_at, SERVER_IS_AWAY, tuple(names))
    for code, span in board.limits.get(organization_id, {}).items():
        if now - span.last_at <= LIMIT_LASTS:
            found.limits[Subject(SubjectKind.LIMIT, code)] = Fault(span.first_at, code)
    return found


def _is_server_away(board: Board, server_id: str, link: LinkStatus | None) -> bool:
    """Whether the instance cannot be heard for a reason that it shares with all others of its server."""
    sight = board.servers.get(server_id)
    if sight is not None and sight.answered:
        return False
    if link is None or link.target.is_global:
        return True
    return link.state in _OF_THE_SERVER


def _look_at(
    found: Survey,
    organization_id: str,
    instance: Instance,
    link: LinkStatus | None,
    board: Board,
    now: datetime,
    settles: timedelta,
) -> None:
    place = (organization_id, instance.name)
    names = (instance.name,)
    subject = Subject(SubjectKind.INSTANCE, instance.name)
    fault = _fault(instance, link, board, now, settles)
    if fault is not None:
        found.down[subject] = fault
    elif link is not None and link.state is LinkState.CONNECTED:
        heard_at = board.heard_at.get(place)
        starts = (heard_at, instance.state_at, link.since)
        found.quiet[instance.name] = Quiet(heard_at, max(it for it in starts if it is not None))
    span = board.qr.get(place)
    if span is not None and instance.state is InstanceState.CONNECTING and now - span.last_at <= QR_LASTS:
        found.qr[subject] = Fault(span.first_at, "qr", names)


def _fault(
    instance: Instance, link: LinkStatus | None, board: Board, now: datetime, settles: timedelta
) -> Fault | None:
    """Why the instance is down, if it is."""
    names = (instance.name,)
    if instance.state is not InstanceState.OPEN:
        return Fault(instance.state_at or board.started_at, f"state_{instance.state.value}", names)
    if link is None:
        return Fault(board.started_at, "link_off", names)
    if link.state in (LinkState.CONNECTED, LinkState.NAMESPACE_PENDING):
        return None
    since = board.deaf_since.get(link.target, link.since)
    sight = board.servers.get(instance.server_id)
    if link.state in _OF_THE_SERVER and sight is not None and sight.back_at is not None and sight.back_at > since:
        # It was away with its server: now it is given the time that others needed.
        since = sight.back_at
        settles = max(settles, RECOVERY)
    return None if now - since < settles else Fault(since, f"link_{link.state.value}", names)
