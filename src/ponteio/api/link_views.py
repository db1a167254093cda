"""From link states to what a caller is shown: pure functions, and the one place that hides others' activity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from ponteio.api.schemas import InstanceAnswer, InstanceLink, LastError, LinkAnswer, LinkCounts
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.identity import Instance
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.observe.clock import utc_now

STARTED_AT = utc_now()
_AT_REST = frozenset({LinkState.OFF, LinkState.CONNECTED})


def link_answer(status: LinkStatus, *, sees_all: bool) -> LinkAnswer:
    """A link as shown to a caller. The global link hears every organization: only who sees all may know how much."""
    hidden = status.target.is_global and not sees_all
    return LinkAnswer(
        server=status.target.server_id,
        instance=status.target.instance,
        state=status.state,
        since=status.since,
        attempts=status.attempts,
        reconnects=status.reconnects,
        events=None if hidden else status.events,
        last_event_at=None if hidden else status.last_event_at,
        reason=status.reason,
        detail=status.detail,
    )


def instance_link(own: LinkStatus, shared: LinkStatus, last_event_at: datetime | None) -> InstanceLink:
    """How one instance is heard, given its own link and the global one: a connected link is shown before another,
    its own before the global one. `last_event_at` is when the instance itself last had an event stored.
    """
    wanted = [link for link in (own, shared) if link.state is not LinkState.OFF]
    connected = [link for link in wanted if link.state is LinkState.CONNECTED]
    shown = (connected or wanted or [own])[0]
    heard = [at for at in (last_event_at, own.last_event_at) if at is not None]
    return InstanceLink(
        mode="both" if len(wanted) == 2 else "none" if not wanted else "global" if wanted[0] is shared else "instance",
        state=shown.state,
        since=shown.since,
        last_event_at=max(heard, default=None),
        attempts=shown.attempts,
        reason=shown.reason,
        detail=shown.detail,
    )


def link_status(services: ApiServices, target: LinkTarget) -> LinkStatus:
    """Where the link at `target` stands; off where its server cannot be worked with at all."""
    if not services.fleet.is_reachable(target.server_id):
        named = services.fleet.refusal_of(target.server_id) or outcome.SERVER_NOT_FOUND
        return LinkStatus(target, LinkState.OFF, STARTED_AT, reason=named.code, detail=named.title)
    return services.fleet.station(target.server_id).links.status(target)


def instance_answer(instance: Instance, services: ApiServices) -> InstanceAnswer:
    """The instance with how it is heard."""
    own = link_status(services, LinkTarget(instance.server_id, instance.name))
    shared = link_status(services, LinkTarget(instance.server_id))
    return InstanceAnswer(
        name=instance.name,
        server=instance.server_id,
        organization=instance.organization_id,
        integration=instance.integration,
        state=instance.state,
        state_at=instance.state_at,
        reason=instance.reason,
        link=instance_link(own, shared, services.activity.at(instance.organization_id, instance.name)),
    )


def count_links(statuses: Iterable[LinkStatus]) -> LinkCounts:
    """How many links there are in each state."""
    states = Counter(status.state for status in statuses)
    return LinkCounts(total=states.total(), by_state=dict(states))


def last_error(statuses: Sequence[LinkStatus]) -> LastError | None:
    """The trouble that began last among those that last."""
    troubled = [status for status in statuses if status.reason is not None and status.state not in _AT_REST]
    if not troubled:
        return None
    newest = max(troubled, key=lambda status: status.since)
    return LastError(
        server=newest.target.server_id,
        instance=newest.target.instance,
        state=newest.state,
        since=newest.since,
        reason=newest.reason,
        detail=newest.detail,
    )
