"""`/metrics` for Prometheus, and `/api/metrics`: how an organization, or the whole deployment, fared over time."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ponteio.api.authentication import READING, Operator, Services
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.metrics_page import page_response
from ponteio.api.problems import errors
from ponteio.model import outcome
from ponteio.observe.metrics import CONTENT_TYPE

router = APIRouter(tags=["metrics"], route_class=GuardedRoute)


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
