"""`/metrics` for Prometheus, and `/api/metrics`: how an organization, or the whole deployment, fared over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from ponteio.api import link_views, metrics_views
from ponteio.api.authentication import READING, NeedsScope, Operator, Services
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.metrics_page import page_response
from ponteio.api.metrics_schemas import DeploymentMetricsAnswer, MetricsAnswer, Window
from ponteio.api.problems import errors
from ponteio.api.quarantine_routes import GAP_WINDOW
from ponteio.api.schemas import LinkCounts
from ponteio.api.services import ApiServices
from ponteio.eventlog.metric_rollups import DEPLOYMENT
from ponteio.model import outcome
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.link import Gap, GapKind, LinkState
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now
from ponteio.observe.figures import Figures
from ponteio.observe.metrics import CONTENT_TYPE

router = APIRouter(tags=["metrics"], route_class=GuardedRoute)

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
    sockets = services.live.socket_count(scope)
    whole = metrics_views.totals(parts, sockets, since, until, step_s)
    return MetricsAnswer(
        window=window,
        since=since,
        until=until,
        step_s=step_s,
        links=_counted(links.values()),
        gaps=metrics_views.gaps_in(await _own_gaps(services, mine), since, until),
        instances=metrics_views.top_instances(links, total, sees_all_events=scope.allowed.events is None),
        **(whole if scope.allowed.is_everything else dict.fromkeys(whole)),
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
    servers = [server.server_id for server in services.directory.servers()]
    gaps = [gap for server_id in servers for gap in await services.gaps.list(server_id, GAP_WINDOW)]
    return DeploymentMetricsAnswer(
        window=window,
        since=since,
        until=until,
        step_s=step_s,
        links=_counted(link_views.instance_answer(it, services).link.state for it in present),
        gaps=metrics_views.gaps_in(gaps, since, until),
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


async def _own_gaps(services: ApiServices, mine: Sequence[Instance]) -> list[Gap]:
    """The gaps of these instances' links, and of the global links that would hear them."""
    names = {(it.server_id, it.name) for it in mine}
    found = []
    for server_id in sorted({server_id for server_id, _ in names}):
        found += await services.gaps.list(server_id, GAP_WINDOW)
    return [
        gap
        for gap in found
        if (gap.target.server_id, gap.target.instance) in names
        or (gap.target.is_global and gap.kind is GapKind.LINK_DOWN)
    ]


def _counted(states: Iterable[LinkState]) -> LinkCounts:
    found = Counter(states)
    return LinkCounts(total=found.total(), by_state=dict(found))
