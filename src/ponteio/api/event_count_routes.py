"""`/api/events/facets` and `/api/events/histogram`: how many events there were, of what and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ponteio.api.authentication import Caller, Services, visible_instances
from ponteio.api.event_filters import FilterQuery, moment, wanted
from ponteio.api.event_schemas import FacetsAnswer, HistogramAnswer, ValueCount
from ponteio.api.events_routes import READING_EVENTS, Scope
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.api.schemas import GapAnswer
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.filter_names import narrowed
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import Principal
from ponteio.model.link import GapKind, LinkTarget
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.observe.clock import utc_now

router = APIRouter(prefix="/api/events", tags=["events"], route_class=GuardedRoute)

BUDGET_S = 2.0
MOST_STEPS = 2_000
MOST_GAPS = 500
CHOSEN_STEPS = 200
"""Most steps where the step was left to us: about as many as a picture has room for."""
STEPS_S = (
    *(1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600),
    *(86_400, 7 * 86_400, 30 * 86_400),
)
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
_RESPONSES = errors(*READING_EVENTS, outcome.INVALID_FILTER, outcome.INVALID_REQUEST)


class SpanQuery(FilterQuery):
    """Which events, received when."""

    since: str | None = Field(None, description="An age such as `2h` or `7d`, or a moment.")
    until: str | None = Field(None, description="Likewise; nothing: now.")

    def span(self, now: datetime, default: timedelta) -> tuple[datetime, datetime]:
        """From when to when. Raises `RefusalError` INVALID_REQUEST."""
        until = now if self.until is None else moment("until", self.until, now)
        since = until - default if self.since is None else moment("since", self.since, now)
        if since >= until:
            raise RefusalError(outcome.INVALID_REQUEST, "since must be before until.")
        return since, until


class FacetsQuery(SpanQuery):
    """How many values of each."""

    limit: int = Field(50, ge=1, le=500, description="At most so many values of each.")


class HistogramQuery(SpanQuery):
    """In which steps."""

    step: int | None = Field(None, ge=1, le=366 * 86_400, description="Seconds; nothing: a step that fits.")


@router.get("/facets", operation_id="countEventsByName", responses=_RESPONSES)
async def facets(scope: Scope, services: Services, query: Annotated[FacetsQuery, Query()]) -> FacetsAnswer:
    """Events that fit, counted by instance, name and origin; without `since`, those of the last 30 days."""
    now = utc_now()
    fits = wanted(query, now)
    since, until = query.span(now, MONTH)
    found = await services.events.counts.facets(scope, fits, since, until, budget_s=BUDGET_S)
    return FacetsAnswer(
        instances=_most(found.instances, query.limit),
        events=_most(found.events, query.limit),
        origins=_most(found.origins, query.limit),
        count=found.count,
        bytes=found.bytes,
        since=since,
        until=until,
        complete=found.complete,
        known_from=found.known_from,
    )


@router.get("/histogram", operation_id="countEventsOverTime", responses=_RESPONSES)
async def histogram(
    scope: Scope, caller: Caller, services: Services, query: Annotated[HistogramQuery, Query()]
) -> HistogramAnswer:
    """Events that fit, counted over time, with the gaps laid in; without `since`, over the last 7 days."""
    now = utc_now()
    fits = wanted(query, now)
    since, until = query.span(now, WEEK)
    step_s = fitting_step(until - since) if query.step is None else query.step
    if (until - since).total_seconds() / step_s > MOST_STEPS - 1:
        raise RefusalError(outcome.INVALID_REQUEST, f"A histogram has at most {MOST_STEPS} steps.")
    found = await services.events.counts.histogram(scope, fits, since, until, step_s, budget_s=BUDGET_S)
    until = found.since + timedelta(seconds=step_s * len(found.counts))
    return HistogramAnswer(
        since=found.since,
        until=until,
        step_s=step_s,
        counts=found.counts,
        gaps=await _gaps(caller, services, fits, found.since, until),
        complete=found.complete,
        known_from=found.known_from,
    )


def fitting_step(span: timedelta) -> int:
    """The smallest step in seconds by which a span has few enough steps to be drawn, of those that people know."""
    return next((step for step in STEPS_S if span.total_seconds() / step <= CHOSEN_STEPS), _years(span))


def _years(span: timedelta) -> int:
    year_s = 366 * 86_400
    return year_s * (1 + int(span.total_seconds() / year_s / CHOSEN_STEPS))


async def _gaps(
    caller: Principal, services: ApiServices, fits: Filter, since: datetime, until: datetime
) -> list[GapAnswer]:
    """The gaps of the links that bring what the caller may see and asks for: of the global link only its times, what
    was too large on it may have been anybody's. None for those who may not see how links fare.
    """
    if not caller.may(Right.INSTANCES_READ):
        return []
    names, _ = narrowed(fits)
    mine = [it for it in visible_instances(caller, services) if names.instances is None or it.name in names.instances]
    own = {LinkTarget(it.server_id, it.name) for it in mine}
    everybodys = {LinkTarget(it.server_id) for it in mine}
    found = await services.gaps.between(own | everybodys, since, until, MOST_GAPS)
    return [
        GapAnswer(
            server=gap.target.server_id,
            instance=gap.target.instance,
            kind=gap.kind,
            from_at=gap.from_at,
            to_at=gap.to_at,
            detail=None if gap.target.is_global else gap.detail,
        )
        for gap in found
        if not gap.target.is_global or gap.kind is GapKind.LINK_DOWN
    ]


def _most(counts: dict[str, int], limit: int) -> list[ValueCount]:
    return [ValueCount(value=value, count=count) for value, count in list(counts.items())[:limit]]
