"""The REST application: routes, problem documents, limits and its own description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import ponteio
from ponteio.api import (
    account_routes,
    events_routes,
    health_routes,
    instances_routes,
    key_routes,
    member_routes,
    organization_routes,
    quarantine_routes,
    server_routes,
    session_routes,
    websocket_routes,
)
from ponteio.api.authentication import CSRF_HEADER, ask_who
from ponteio.api.middleware import BodyLimit, Doors, LastResort
from ponteio.api.problems import Problem, install_problems
from ponteio.api.rate_limits import RateLimits
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
    instances_routes,
    events_routes,
    organization_routes,
    server_routes,
    quarantine_routes,
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
    install_problems(app, ask_who)
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.add_middleware(BodyLimit)
    if services.web.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(services.web.allowed_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "apikey", "Content-Type", CSRF_HEADER],
            expose_headers=["RateLimit", "RateLimit-Policy", "Retry-After"],
            # Cookies are SameSite=Lax: pages of other sites come with keys, tickets or tokens of their own.
            allow_credentials=False,
            max_age=600,
        )
    app.add_middleware(Doors, services=services, limits=app.state.rate_limits)
    app.add_middleware(LastResort, is_https=services.web.public_url.startswith("https://"))
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        schema = plain()
        schema["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return schema

    app.openapi = with_problems  # type: ignore[method-assign]
