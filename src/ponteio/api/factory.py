"""The REST application: routes, problem documents, limits and its own description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

import ponteio
from ponteio.api import (
    account_routes,
    alert_routes,
    channel_routes,
    event_count_routes,
    event_export_routes,
    event_related_routes,
    event_stream_routes,
    events_routes,
    health_routes,
    incident_routes,
    instance_events_routes,
    instances_routes,
    key_routes,
    logs_routes,
    member_routes,
    metrics_routes,
    organization_routes,
    policy_routes,
    push_routes,
    quarantine_routes,
    server_routes,
    session_routes,
    websocket_routes,
)
from ponteio.api.authentication import CSRF_HEADER
from ponteio.api.cors import Cors
from ponteio.api.middleware import AddressLimit, BodyLimit, CommonHeaders, HostDoor, LastResort
from ponteio.api.problems import Problem, install_problems
from ponteio.api.rate_limits import RateLimits
from ponteio.api.request_meter import RequestMeter
from ponteio.api.services import ApiServices

_DESCRIPTION = """\
Live events of Evolution API, by organization.

Send an API key as `Authorization: Bearer pnt_…` or as `apikey: pnt_…`; people log in at `/api/session` and come with a
cookie. What a role, a key, a ticket or a signed token may do is one table: `docs/permissions.md`. The operator acts on
all instances, links and organizations, and reads no events. Every refusal is a problem document (RFC 9457) with a
stable `code`. Percent-encode instance names in addresses: `Loja%20Centro`, `a%2Fb`.
"""
_ROUTES = (
    session_routes,
    account_routes,
    member_routes,
    key_routes,
    websocket_routes,
    # Before the routes of instances, whose names may hold slashes.
    instance_events_routes,
    instances_routes,
    event_count_routes,
    event_export_routes,
    event_related_routes,
    event_stream_routes,
    events_routes,
    organization_routes,
    policy_routes,
    server_routes,
    channel_routes,
    push_routes,
    quarantine_routes,
    logs_routes,
    metrics_routes,
    alert_routes,
    incident_routes,
    health_routes,
)


def create_api(services: ApiServices) -> FastAPI:
    """The application that answers REST with these rooms behind it. It starts and stops nothing."""
    app = FastAPI(
        title="Ponteio",
        version=ponteio.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.rate_limits = RateLimits()
    install_problems(app)
    for routes in _ROUTES:
        app.include_router(routes.router)
    # From the innermost to the outermost: listed pages may read every refusal but that of the host.
    app.add_middleware(BodyLimit)
    app.add_middleware(AddressLimit, services=services, limits=app.state.rate_limits)
    app.add_middleware(LastResort)
    if services.web.allowed_origins:
        headers = ("Authorization", "apikey", "Content-Type", CSRF_HEADER)
        app.add_middleware(Cors, web=services.web, headers=headers)
    app.add_middleware(HostDoor, services=services)
    app.add_middleware(CommonHeaders, is_https=services.web.is_https)
    app.add_middleware(RequestMeter, services=services)
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        schema = plain()
        schema["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return schema

    app.openapi = with_problems  # type: ignore[method-assign]
