"""The REST application: routes, problem documents, limits and its own description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import ponteio
from ponteio.api import events_routes, health_routes, instances_routes, quarantine_routes, websocket_routes
from ponteio.api.middleware import BodyLimit, LastResort
from ponteio.api.problems import Problem, install_problems
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
    install_problems(app)
    for routes in (websocket_routes, instances_routes, events_routes, quarantine_routes, health_routes):
        app.include_router(routes.router)
    app.add_middleware(BodyLimit)
    app.add_middleware(LastResort)
    if services.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(services.allowed_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "apikey", "Content-Type"],
            max_age=600,
        )
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        schema = plain()
        schema["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return schema

    app.openapi = with_problems  # type: ignore[method-assign]
