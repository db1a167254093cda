"""`/api/events`: the organization's log, by cursor. Stored JSON is passed on as bytes, never read again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from ponteio.api.authentication import READING, NeedsScope, Services
from ponteio.api.event_filters import FilterQuery, parse_cursor, wanted
from ponteio.api.event_pages import newest_first, oldest_first
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.api.schemas import EventAnswer, EventPage
from ponteio.eventlog.log import EventLog
from ponteio.model import outcome
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now

router = APIRouter(prefix="/api/events", tags=["events"], route_class=GuardedRoute)

BEGINNING = "0"
END = "head"
Scope = Annotated[OrganizationScope, NeedsScope(Right.EVENTS_READ)]
READING_EVENTS = (*READING, outcome.ORGANIZATION_ONLY)
USING_CURSORS = (outcome.INVALID_CURSOR, outcome.CURSOR_EXPIRED)


class EventQuery(FilterQuery):
    """Which events, from where, in which direction."""

    after: str | None = Field(None, description="Oldest first, only after this cursor. `0`: from the beginning.")
    before: str | None = Field(None, description="Newest first, only before this cursor. `head`: from the end.")
    limit: int = Field(100, ge=1, le=500, description="At most so many; fewer if they are large.")


@router.get(
    "",
    operation_id="listEvents",
    response_model=EventPage,
    responses=errors(*READING_EVENTS, *USING_CURSORS, outcome.INVALID_FILTER, outcome.INVALID_REQUEST),
)
async def list_events(scope: Scope, services: Services, query: Annotated[EventQuery, Query()]) -> Response:
    """The next page of events after a cursor, oldest first, or before one, newest first. With both: between them,
    oldest first; without either: from the beginning.
    """
    fits, log = wanted(query, utc_now()), services.events
    before = None if query.before in (None, END) else parse_cursor(query.before)
    if query.before is not None and query.after is None:
        found = await newest_first(log, scope, fits, before=before, limit=query.limit)
    else:
        after = None if query.after in (None, BEGINNING) else parse_cursor(query.after)
        found = await oldest_first(log, scope, fits, after=after, before=before, limit=query.limit)
    return _json(found.json(scope.sight))


@router.get(
    "/{cursor}",
    operation_id="getEvent",
    response_model=EventAnswer,
    responses=errors(*READING_EVENTS, *USING_CURSORS, outcome.NOT_FOUND, outcome.INVALID_REQUEST),
)
async def get_event(scope: Scope, services: Services, cursor: str) -> Response:
    """One event, whole, however large."""
    return _json((await found_at(services.events, scope, parse_cursor(cursor))).envelope(scope.sight))


async def found_at(log: EventLog, scope: OrganizationScope, place: Cursor) -> StoredEvent:
    """The event at this place. Raises `RefusalError` NOT_FOUND, or CURSOR_EXPIRED for another life of the log."""
    found = await log.get(scope, place)
    if found is None:
        head = await log.head(scope)
        raise RefusalError(outcome.NOT_FOUND if head.epoch == place.epoch else outcome.CURSOR_EXPIRED)
    return found


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
