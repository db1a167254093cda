"""`/api/quarantine` and `/api/gaps`: what was kept out of the logs, and when events may have been missed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ponteio.api.authentication import READING, Needs, Operator, Services, visible_instances
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.api.schemas import (
    GapAnswer,
    GapsAnswer,
    QuarantineCount,
    QuarantinePage,
    QuarantineSummary,
    RefusedFrame,
    UnclaimedAnswer,
    UnclaimedInstance,
)
from ponteio.eventlog.quarantine import QuarantineCount as Counted
from ponteio.eventlog.quarantine import Quarantined
from ponteio.model import outcome
from ponteio.model.identity import Instance, Principal
from ponteio.model.link import Gap, GapKind
from ponteio.model.rights import Right

router = APIRouter(prefix="/api", tags=["quarantine"], route_class=GuardedRoute)

GAP_WINDOW = 2_000
"""Newest gaps of the server among which an organization's own are looked for."""

Reader = Annotated[Principal, Needs(Right.INSTANCES_READ)]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get(
    "/quarantine",
    operation_id="listQuarantine",
    responses=errors(*READING, outcome.OPERATOR_ONLY, outcome.INVALID_REQUEST),
)
async def list_quarantine(
    _operator: Operator,
    services: Services,
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> QuarantinePage:
    """Frames and events that were set aside, newest first. They belong to nobody: the operator sees them."""
    found = await services.quarantine.list(limit, before)
    return QuarantinePage(
        refused=[_refused(row) for row in found],
        next_before=found[-1].quarantine_id if len(found) == limit else None,
    )


@router.get(
    "/quarantine/summary", operation_id="summarizeQuarantine", responses=errors(*READING, outcome.OPERATOR_ONLY)
)
async def summarize_quarantine(_operator: Operator, services: Services) -> QuarantineSummary:
    """How many are kept, by code, server and instance."""
    counts = await services.quarantine.summary()
    return QuarantineSummary(
        total=sum(row.count for row in counts),
        counts=[
            QuarantineCount(
                code=row.outcome,
                server=row.server_id,
                instance=row.instance,
                count=row.count,
                last_received_at=row.last_received_at,
            )
            for row in counts
        ],
    )


@router.get("/quarantine/instances", operation_id="listUnclaimed", responses=errors(*READING, outcome.OPERATOR_ONLY))
async def list_unclaimed(operator: Operator, services: Services) -> UnclaimedAnswer:
    """Instances that nobody owns, with how much of theirs is in quarantine: assign them, or let them be claimed."""
    counts = {
        (row.server_id, row.instance): row
        for row in await services.quarantine.summary()
        if row.outcome == outcome.UNASSIGNED.code
    }
    nobodys = [it for it in visible_instances(operator, services) if it.organization_id is None]
    return UnclaimedAnswer(instances=[_unclaimed(it, counts.get((it.server_id, it.name))) for it in nobodys])


@router.get("/gaps", operation_id="listGaps", responses=errors(*READING, outcome.INVALID_REQUEST))
async def list_gaps(caller: Reader, services: Services, limit: Limit = 100) -> GapsAnswer:
    """Spans in which events may have been missed, newest first: an organization sees those of its own instances and
    the times at which the global link was down.
    """
    servers = [server.server_id for server in services.directory.servers()]
    if caller.is_operator:
        found = [gap for server_id in servers for gap in await services.gaps.list(server_id, limit)]
        newest = sorted(found, key=lambda gap: gap.from_at, reverse=True)
        return GapsAnswer(gaps=[_gap(gap, gap.detail) for gap in newest[:limit]])
    mine = {(it.server_id, it.name): it for it in visible_instances(caller, services)}
    found = []
    for server_id in sorted({server_id for server_id, _ in mine}):
        found += await services.gaps.list(server_id, GAP_WINDOW)
    # Of the global link only the times: what was too large on it may have been anybody's.
    shown = [
        _gap(gap, None if gap.target.is_global else gap.detail)
        for gap in sorted(found, key=lambda gap: gap.from_at, reverse=True)
        if (gap.target.server_id, gap.target.instance) in mine
        or (gap.target.is_global and gap.kind is GapKind.LINK_DOWN)
    ]
    return GapsAnswer(gaps=shown[:limit])


def _unclaimed(instance: Instance, counted: Counted | None) -> UnclaimedInstance:
    return UnclaimedInstance(
        name=instance.name,
        server=instance.server_id,
        integration=instance.integration,
        state=instance.state,
        quarantined=counted.count if counted else 0,
        last_received_at=counted.last_received_at if counted else None,
    )


def _refused(row: Quarantined) -> RefusedFrame:
    return RefusedFrame(
        id=row.quarantine_id,
        code=row.outcome,
        detail=row.detail,
        server=row.target.server_id,
        instance=row.instance,
        event=row.event,
        link=row.target.instance,
        received_at=row.received_at,
        size=row.size,
        excerpt=row.excerpt,
    )


def _gap(gap: Gap, detail: str | None) -> GapAnswer:
    return GapAnswer(
        server=gap.target.server_id,
        instance=gap.target.instance,
        kind=gap.kind,
        from_at=gap.from_at,
        to_at=gap.to_at,
        detail=detail,
    )
