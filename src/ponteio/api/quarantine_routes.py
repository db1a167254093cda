"""`/api/quarantine` and `/api/gaps`: what was kept out of the logs, and when events may have been missed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ponteio.api.authentication import Caller, Operator, Services, visible_instances
from ponteio.api.problems import errors
from ponteio.api.schemas import (
    GapAnswer,
    GapsAnswer,
    QuarantineCount,
    QuarantinePage,
    QuarantineSummary,
    RefusedFrame,
)
from ponteio.eventlog.quarantine import Quarantined
from ponteio.model import outcome
from ponteio.model.link import Gap, GapKind

router = APIRouter(prefix="/api", tags=["quarantine"])

GAP_WINDOW = 2_000
"""Newest gaps of the server among which an organization's own are looked for."""

_AUTH = (outcome.AUTH_REQUIRED, outcome.AUTH_INVALID)
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get(
    "/quarantine",
    operation_id="listQuarantine",
    responses=errors(*_AUTH, outcome.OPERATOR_ONLY, outcome.INVALID_REQUEST),
)
async def list_quarantine(
    _operator: Operator, services: Services, limit: Limit = 100, before: Annotated[int | None, Query(ge=1)] = None
) -> QuarantinePage:
    """Frames and events that were set aside, newest first. They belong to nobody: the operator sees them."""
    found = await services.quarantine.list(limit, before)
    return QuarantinePage(
        refused=[_refused(row) for row in found],
        next_before=found[-1].quarantine_id if len(found) == limit else None,
    )


@router.get("/quarantine/summary", operation_id="summarizeQuarantine", responses=errors(*_AUTH, outcome.OPERATOR_ONLY))
async def summarize_quarantine(_operator: Operator, services: Services) -> QuarantineSummary:
    """How many are kept, by code and instance."""
    counts = await services.quarantine.summary()
    return QuarantineSummary(
        total=sum(row.count for row in counts),
        counts=[
            QuarantineCount(
                code=row.outcome, instance=row.instance, count=row.count, last_received_at=row.last_received_at
            )
            for row in counts
        ],
    )


@router.get("/gaps", operation_id="listGaps", responses=errors(*_AUTH, outcome.INVALID_REQUEST))
async def list_gaps(caller: Caller, services: Services, limit: Limit = 100) -> GapsAnswer:
    """Spans in which events may have been missed, newest first: an organization sees those of its own instances and
    the times at which the global link was down.
    """
    if caller.is_operator:
        return GapsAnswer(gaps=[_gap(gap, gap.detail) for gap in await services.gaps.list(services.server_id, limit)])
    names = {instance.name for instance in visible_instances(caller, services)}
    found = await services.gaps.list(services.server_id, GAP_WINDOW)
    # Of the global link only the times: what was too large on it may have been anybody's.
    shown = [
        _gap(gap, None if gap.target.is_global else gap.detail)
        for gap in found
        if gap.target.instance in names or (gap.target.is_global and gap.kind is GapKind.LINK_DOWN)
    ]
    return GapsAnswer(gaps=shown[:limit])


def _refused(row: Quarantined) -> RefusedFrame:
    return RefusedFrame(
        id=row.quarantine_id,
        code=row.outcome,
        detail=row.detail,
        instance=row.instance,
        event=row.event,
        link=row.target.instance,
        received_at=row.received_at,
        size=row.size,
        excerpt=row.excerpt,
    )


def _gap(gap: Gap, detail: str | None) -> GapAnswer:
    return GapAnswer(instance=gap.target.instance, kind=gap.kind, from_at=gap.from_at, to_at=gap.to_at, detail=detail)
