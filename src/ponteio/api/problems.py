"""Refusals as problem documents (RFC 9457): a stable `code`, no stack, no secret, nothing of the request's body."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from ponteio.model import outcome
from ponteio.model.outcome import Outcome, RefusalError
from ponteio.storage.errors import StorageError, StorageValueError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:ponteio:problem:"
MAX_FAULTS = 5

_OF_STATUS = {
    404: outcome.NOT_FOUND,
    405: outcome.METHOD_NOT_ALLOWED,
    413: outcome.TOO_LARGE,
}


class Problem(BaseModel):
    """A refusal. Programs decide by `code`; `title` and `detail` are for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:ponteio:problem:` and the code.")
    title: str
    status: int
    detail: str
    code: str
    retry: bool = Field(description="Whether the same request may succeed later.")
    instance: str | None = Field(None, description="Names this one occurrence in the log, where there is one.")


def problem(
    named: Outcome,
    detail: str | None = None,
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that says `named`. Members of `extra` never replace the standard ones."""
    body = {
        **(extra or {}),
        "type": TYPE_PREFIX + named.code,
        "title": named.title,
        "status": named.status,
        "detail": detail or named.title,
        "code": named.code,
        "retry": named.retry,
    }
    all_headers = dict(headers or {})
    if named.status == HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body, default=str), named.status, all_headers, MEDIA_TYPE)


def refused(refusal: RefusalError) -> Response:
    """The answer to a refusal; one that names a wait says it in `Retry-After` too."""
    wait_s = refusal.extra.get("retry_after_s")
    headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
    return problem(refusal.outcome, refusal.detail, refusal.extra, headers)


def internal_problem(error: Exception) -> Response:
    """The answer to a fault of our own. The log gets the stack under the same `instance`, without the fault's text:
    nobody knows what is in it.
    """
    occurrence = f"urn:uuid:{uuid.uuid4()}"
    stack = "".join(traceback.format_tb(error.__traceback__))
    log.error("request failed", error=type(error).__name__, reason=occurrence, exception=stack)
    return problem(outcome.INTERNAL, extra={"instance": occurrence})


def errors(*outcomes: Outcome) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these outcomes, for its description."""
    by_status: dict[int, list[str]] = {}
    for named in outcomes:
        by_status.setdefault(named.status, []).append(named.code)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": ", ".join(codes), "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, codes in sorted(by_status.items())
    }


def install_problems(app: FastAPI) -> None:
    """Make every refusal of `app`, the framework's own included, a problem document."""
    app.exception_handler(RefusalError)(_refused)
    app.exception_handler(StorageError)(_storage_failed)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_framework_refused)


async def _refused(request: Request, error: RefusalError) -> Response:
    return _counted(request, refused(error), error.outcome)


async def _storage_failed(request: Request, error: StorageError) -> Response:
    if isinstance(error, StorageValueError):  # such as a NUL in an id, which PostgreSQL keeps in no text
        detail = "The request holds a value that cannot be kept."
        return _counted(request, problem(outcome.INVALID_REQUEST, detail), outcome.INVALID_REQUEST)
    log.error("database failed a request", error=type(error).__name__)
    return _counted(request, problem(outcome.NOT_READY), outcome.NOT_READY)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    detail = "; ".join(_faults(error.errors()))
    return _counted(request, problem(outcome.INVALID_REQUEST, detail), outcome.INVALID_REQUEST)


async def _framework_refused(request: Request, error: HTTPException) -> Response:
    fallback = outcome.INTERNAL if error.status_code >= 500 else outcome.INVALID_REQUEST
    named = _OF_STATUS.get(error.status_code, fallback)
    return _counted(request, problem(named, headers=error.headers), named)


def _counted(request: Request, answer: Response, named: Outcome) -> Response:
    request.app.state.services.counters.add(f"requests_refused.{named.code}")
    return answer


def _faults(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where and what, without the values: pydantic's own texts name the rule, not the input."""
    lines = []
    for fault in list(found)[:MAX_FAULTS]:
        if fault["type"] == "json_invalid":
            lines.append("the body is not JSON")
        elif fault["type"] == "extra_forbidden":
            lines.append(f"the {fault['loc'][0]} has a member that is not taken here")
        else:
            lines.append(f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}")
    return lines
