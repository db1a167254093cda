"""`/metrics` for Prometheus, and `/api/metrics`: how an organization, or the whole deployment, fared over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from ponteio.api import link_views, metrics_views
from ponteio.api.authentication import READING, NeedsScope, Operator, Services
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.metrics_page import page_response
from ponteio.api.metrics_schemas import DeploymentMetricsAnswer, GapFigures, MetricsAnswer, Window
from ponteio.api.problems import errors
from ponteio.api.schemas import LinkCounts
from ponteio.api.services import ApiServices
from ponteio.eventlog.metric_rollups import DEPLOYMENT
from ponteio.model import outcome
from ponteio.model.filter_tree import EVERY
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.link import GapKind, LinkState, LinkTarget
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now
from ponteio.observe.figures import Figures
from ponteio.observe.metrics import CONTENT_TYPE

router = APIRouter(tags=["metrics"], route_class=GuardedRoute)

MOST_GAPS = 2_000
COUNTING_S = 1.0
"""What counting the events of a narrowed caller may take."""

Scope = Annotated[OrganizationScope, NeedsScope(Right.INSTANCES_READ)]
Span = Annotated[Window, Query(description="How far back.")]


@router.get(
    "/metrics",
    operation_id="prometheusMetrics",
    response_class=Response,
    responses={
        200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}, "description": "Prometheus' text format."},
        **errors(*READING, outcome.OPERATOR_ONLY),
    },
)
async def prometheus_metrics(_operator: Operator, services: Services) -> Response:
    """The whole deployment's metrics, for Prometheus (`authorization: Bearer` in its configuration). No organization,
    instance or person is named in them.
    """
    return page_response(await services.metrics.text())


@router.get(
    "/api/metrics",
    operation_id="organizationMetrics",
    responses=errors(*READING, outcome.ORGANIZATION_ONLY, outcome.INVALID_REQUEST),
)
async def organization_metrics(scope: Scope, services: Services, window: Span = Window.HOUR) -> MetricsAnswer:
    """How the organization fared: connections, reconnects, latency of events part by part, the most common events,
    what was held and refused. Kept by the minute for 48 hours, then by the hour for 90 days.
    """
    until = utc_now()
    since, step_s = metrics_views.span_of(window, until)
    mine = services.directory.instances(scope)
    links = {it.name: link_views.instance_answer(it, services).link.state for it in mine}
    parts = await _figures(services, scope.organization_id, since, until, step_s)
    total = Figures.total(parts.values())
    events: Mapping[str, int] | None = total.events_of
    shown = metrics_views.totals(parts, services.live.socket_count(scope), since, until, step_s)
    if not scope.allowed.is_everything:
        counted = await services.events.counts.facets(scope, EVERY, since, until, budget_s=COUNTING_S)
        events = counted.instances if counted.complete else None
        shown = {**dict.fromkeys(shown), **metrics_views.narrowed(counted, since, until)}
    return MetricsAnswer(
        window=window,
        since=since,
        until=until,
        step_s=step_s,
        links=_counted(links.values()),
        gaps=await _gaps(services, mine, since, until),
        instances=metrics_views.top_instances(links, events, total.reconnects_of),
        **shown,
    )


@router.get(
    "/api/metrics/deployment",
    operation_id="deploymentMetrics",
    responses=errors(*READING, outcome.OPERATOR_ONLY, outcome.INVALID_REQUEST),
)
async def deployment_metrics(
    _operator: Operator, services: Services, window: Span = Window.HOUR
) -> DeploymentMetricsAnswer:
    """The same of the whole deployment, without the names of anybody's instances."""
    until = utc_now()
    since, step_s = metrics_views.span_of(window, until)
    present = [it for it in services.directory.all_instances() if it.removed_at is None]
    parts = await _figures(services, DEPLOYMENT, since, until, step_s)
    return DeploymentMetricsAnswer(
        window=window,
        since=since,
        until=until,
        step_s=step_s,
        links=_counted(link_views.instance_answer(it, services).link.state for it in present),
        gaps=await _gaps(services, present, since, until),
        organizations=len(services.directory.organizations()),
        **metrics_views.totals(parts, services.live.socket_count(None), since, until, step_s),
    )


async def _figures(
    services: ApiServices, organization_id: str, since: datetime, until: datetime, step_s: int
) -> dict[int, Figures]:
    """What is kept, and what this process has counted since it last wrote."""
    parts = await services.rollups.read(organization_id, since, until, step_s)
    place = int(until.timestamp()) // step_s * step_s
    tallies = services.counters.tallies
    counted = tallies.deployment() if organization_id == DEPLOYMENT else tallies.since_taken(organization_id)
    parts.setdefault(place, Figures()).add(counted)
    return parts


async def _gaps(
    services: ApiServices, instances: Sequence[Instance], since: datetime, until: datetime
) -> dict[GapKind, GapFigures]:
    """Of these instances' links, and of the global links that would hear them: on those only the times when they were
    down, what was too large may have been anybody's.
    """
    own = {LinkTarget(it.server_id, it.name) for it in instances}
    everybodys = {LinkTarget(it.server_id) for it in instances}
    found = await services.gaps.between(own | everybodys, since, until, MOST_GAPS)
    shown = (gap for gap in found if not gap.target.is_global or gap.kind is GapKind.LINK_DOWN)
    return metrics_views.gaps_in(shown, since, until)


def _counted(states: Iterable[LinkState]) -> LinkCounts:
    found = Counter(states)
    return LinkCounts(total=found.total(), by_state=dict(found))
