"""`/api/events`: the organization's log, by cursor. Stored JSON is passed on as bytes, never read again."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from ponteio.api.authentication import READING, NeedsScope, Services
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.api.schemas import EventAnswer, EventPage
from ponteio.eventlog.reading import Page
from ponteio.model import outcome
from ponteio.model.cursor import Cursor, CursorError
from ponteio.model.filter import EventFilter, FilterError
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.model.sight import Sight

router = APIRouter(prefix="/api/events", tags=["events"], route_class=GuardedRoute)

BEGINNING = "0"
Scope = Annotated[OrganizationScope, NeedsScope(Right.EVENTS_READ)]
_AUTH = (*READING, outcome.ORGANIZATION_ONLY)
_CURSOR = (outcome.INVALID_CURSOR, outcome.CURSOR_EXPIRED)


class EventQuery(BaseModel):
    """Which events, from where. A parameter that is not known is refused: a filter that was not understood must not
    look like one that lets everything through.
    """

    model_config = ConfigDict(extra="forbid")

    after: str = Field(BEGINNING, description="A cursor: only what came after it. `0`, or nothing: from the beginning.")
    limit: int = Field(100, ge=1, le=500, description="At most so many; fewer if they are large.")
    instance: list[str] | None = Field(None, description="Of these instances. Repeat it for several.")
    event: list[str] | None = Field(None, description="A name, `family.*` or `*`. Repeat it for several.")


@router.get(
    "",
    operation_id="listEvents",
    response_model=EventPage,
    responses=errors(*_AUTH, *_CURSOR, outcome.INVALID_FILTER, outcome.INVALID_REQUEST),
)
async def list_events(scope: Scope, services: Services, query: Annotated[EventQuery, Query()]) -> Response:
    """The next page of events after a cursor, oldest first."""
    after = None if query.after == BEGINNING else parse_cursor(query.after)
    wanted = parse_filter(query.instance, query.event)
    page = await services.events.read_after(scope, after, limit=query.limit, filter=wanted)
    return _json(spliced(page, scope.sight))


@router.get(
    "/{cursor}",
    operation_id="getEvent",
    response_model=EventAnswer,
    responses=errors(*_AUTH, *_CURSOR, outcome.NOT_FOUND, outcome.INVALID_REQUEST),
)
async def get_event(scope: Scope, services: Services, cursor: str) -> Response:
    """One event, whole, however large."""
    place = parse_cursor(cursor)
    found = await services.events.get(scope, place)
    if found is None:
        head = await services.events.head(scope)
        raise RefusalError(outcome.NOT_FOUND if head.epoch == place.epoch else outcome.CURSOR_EXPIRED)
    return _json(found.envelope(scope.sight))


def parse_cursor(text: str) -> Cursor:
    """The cursor that `text` spells. Raises `RefusalError` INVALID_CURSOR."""
    try:
        return Cursor.parse(text)
    except CursorError as error:
        raise RefusalError(outcome.INVALID_CURSOR, f"The cursor is malformed: {error}.") from None


def parse_filter(instances: list[str] | None, events: list[str] | None) -> EventFilter:
    """The filter for these parameters. Raises `RefusalError` INVALID_FILTER."""
    try:
        return EventFilter.of(instances, events)
    except FilterError as error:
        raise RefusalError(outcome.INVALID_FILTER, f"The filter is malformed: {error}.") from None


def spliced(page: Page, sight: Sight) -> bytes:
    """The JSON of a page as a reader with this sight gets it, around its events' own bytes."""
    tail = orjson.dumps({"next": str(page.next), "head": str(page.head), "more": page.more})
    return b'{"events":[' + b",".join(event.envelope(sight) for event in page.events) + b"]," + tail[1:]


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
