"""Pages of other origins (CORS): listed ones may call, and are let read refusals too."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from ponteio.api.problems import problem
from ponteio.api.services import WebOptions
from ponteio.model import outcome

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
READABLE = ("RateLimit", "RateLimit-Policy", "Retry-After")
_MAX_AGE_S = 600


class Cors(CORSMiddleware):
    """Answers preflights and marks answers that a listed page may read. Never with credentials: cookies are
    SameSite=Lax, and pages of other sites come with keys, tickets or tokens of their own.
    """

    def __init__(self, app: ASGIApp, web: WebOptions, headers: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=web.allowed_origins,
            allow_methods=METHODS,
            allow_headers=headers,
            allow_credentials=False,
            expose_headers=READABLE,
            max_age=_MAX_AGE_S,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        if not self.is_allowed_origin(request_headers["origin"]):
            return problem(outcome.ORIGIN_REFUSED, headers={"Vary": kept["vary"]})
        return problem(outcome.INVALID_REQUEST, "Pages may not call with this method or these headers.", headers=kept)
