"""The REST application: routes, problem documents, limits and its own description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import ponteio
from ponteio.api import events_routes, health_routes, instances_routes, quarantine_routes, websocket_routes
from ponteio.api.authentication import CSRF_HEADER
from ponteio.api.middleware import BodyLimit, Doors, LastResort
from ponteio.api.problems import Problem, install_problems
from ponteio.api.rate_limits import RateLimits
from ponteio.api.services import ApiServices

_DESCRIPTION = """\
Live events of Evolution API, by organization.

Send the key as `Authorization: Bearer pnt_…` or as `apikey: pnt_…`. An organization's key acts on its own instances
and events; the operator's key acts on all instances and links, and reads no events. Every refusal is a problem
document (RFC 9457) with a stable `code`. Percent-encode instance names in addresses: `Loja%20Centro`, `a%2Fb`.
"""


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
    for routes in (websocket_routes, instances_routes, events_routes, quarantine_routes, health_routes):
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
