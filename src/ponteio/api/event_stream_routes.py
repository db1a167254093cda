"""`/api/events/stream`: live events as Server-Sent Events, for readers that do not speak Socket.IO."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from ponteio.api.authentication import READING, Caller, NeedsScope, Services, address_of
from ponteio.api.event_filters import FilterQuery, wanted
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.long_answer import Handed
from ponteio.api.problems import errors
from ponteio.model import outcome
from ponteio.model.client_address import network_of
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now

router = APIRouter(prefix="/api/events", tags=["events"], route_class=GuardedRoute)

MEDIA_TYPE = "text/event-stream"
_REFUSALS = (
    *(*READING, outcome.ORGANIZATION_ONLY, outcome.ORGANIZATION_NOT_FOUND),
    *(outcome.INVALID_FILTER, outcome.INVALID_REQUEST, outcome.NOT_ACCEPTABLE),
    *(outcome.TOO_MANY_SOCKETS, outcome.TOO_MANY_USER_SOCKETS, outcome.TOO_MANY_ADDRESS_SOCKETS),
    *(outcome.TOO_MANY_ARRIVALS, outcome.SHUTTING_DOWN, outcome.INTERNAL),
)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events without end.", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
    **errors(*_REFUSALS),
}


class StreamQuery(FilterQuery):
    """Which events, from where."""

    after: str | None = Field(None, description="A cursor: first what came after it. Nothing: from now on.")


@router.get("/stream", operation_id="streamEvents", status_code=200, response_class=Handed, responses=_STREAM)
async def stream_events(
    request: Request,
    scope: Annotated[OrganizationScope, NeedsScope(Right.EVENTS_READ)],  # noqa: ARG001 - who has none is told here
    caller: Caller,
    services: Services,
    query: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[str | None, Header(description="Counts before `after`.")] = None,
) -> Handed:
    """What a socket would be sent, as Server-Sent Events whose `id` is the cursor. It counts among the sockets."""
    if MEDIA_TYPE not in request.headers.get("accept", ""):
        raise RefusalError(outcome.NOT_ACCEPTABLE)
    stream = await services.live.open_stream(
        caller,
        address=network_of(address_of(request)),
        cursor=last_event_id or query.after,
        wanted=wanted(query, utc_now()),
    )
    return Handed(stream)
