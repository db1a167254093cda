"""`/api/events/export`: the history that fits a filter, as one file."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from ponteio.api.authentication import READING, Caller, NeedsScope, Services
from ponteio.api.event_csv import Separator
from ponteio.api.event_export import EXPORT_BYTES, EXPORT_EVENTS, Csv, Format, Ndjson, exported
from ponteio.api.event_filters import FilterQuery, parse_cursor, wanted
from ponteio.api.event_pages import EventSlice, oldest_first
from ponteio.api.events_routes import BEGINNING
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.long_answer import LongAnswer
from ponteio.api.problems import errors
from ponteio.model import outcome
from ponteio.model.cursor import Cursor
from ponteio.model.filter_tree import EVERY
from ponteio.model.identity import OrganizationScope
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now

router = APIRouter(prefix="/api/events", tags=["events"], route_class=GuardedRoute)

_TEXT = {"schema": {"type": "string"}}
_REFUSALS = (
    *(*READING, outcome.ORGANIZATION_ONLY, outcome.INVALID_FILTER, outcome.INVALID_CURSOR, outcome.CURSOR_EXPIRED),
    *(outcome.INVALID_REQUEST, outcome.TOO_MANY_EXPORTS),
)
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/x-ndjson": _TEXT, "text/csv": _TEXT}},
    **errors(*_REFUSALS),
}


class ExportQuery(FilterQuery):
    """Which events, in which form."""

    format: Literal["ndjson", "csv"] = Field("ndjson", description="`csv` has what people look at, not all.")
    separator: Separator = Field(",", description="Of CSV; spreadsheets in Portuguese and other languages expect `;`.")
    after: str = Field(BEGINNING, description="A cursor: only what came after it, to go on with a file that broke off.")


@router.get("/export", operation_id="exportEvents", status_code=200, response_class=LongAnswer, responses=_FILE)
async def export_events(
    scope: Annotated[OrganizationScope, NeedsScope(Right.EVENTS_READ)],
    caller: Caller,
    services: Services,
    query: Annotated[ExportQuery, Query()],
) -> LongAnswer:
    """Every kept event that fits and was there when the export began, oldest first. The last line says whether that
    was all: a file without it broke off.
    """
    now = utc_now()
    fits = wanted(query, now)
    head, after = await services.events.head(scope), _start(query.after)
    # Asked once before the answer begins: a cursor that cannot be used is a refusal, not the end of a file.
    await oldest_first(services.events, scope, EVERY, after=after, limit=1, max_bytes=1)

    async def read(place: Cursor | None) -> EventSlice:
        return await oldest_first(
            services.events, scope, fits, after=place, limit=EXPORT_EVENTS, max_bytes=EXPORT_BYTES
        )

    form: Format = Ndjson(scope.sight) if query.format == "ndjson" else Csv(scope.sight, query.separator)
    with ExitStack() as opening:
        services.exports.take(scope.organization_id)
        opening.callback(services.exports.leave, scope.organization_id)
        watch = opening.enter_context(services.live.watch(caller))
        pieces = exported(read, after, head, form, lambda: watch.outcome)
        name = f"events-{now:%Y%m%dT%H%M%SZ}.{form.suffix}"
        return LongAnswer(
            pieces,
            ended=watch.ended,
            on_end=opening.pop_all().close,
            media_type=form.media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _start(after: str) -> Cursor | None:
    return None if after == BEGINNING else parse_cursor(after)
