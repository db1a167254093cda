"""`/api/incidents`: what alert rules found."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from ponteio.api.alert_schemas import IncidentAnswer, IncidentDetail, IncidentPage, TimelineEntry
from ponteio.api.alert_views import incident_answer
from ponteio.api.authentication import CHANGING, READING, NeedsScope, Record, Services, actor_of
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.model import outcome
from ponteio.model.identity import OrganizationScope
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action, Actor

router = APIRouter(prefix="/api/incidents", tags=["alerts"], route_class=GuardedRoute)

Reader = Annotated[OrganizationScope, NeedsScope(Right.ALERTS_READ)]
Manager = Annotated[OrganizationScope, NeedsScope(Right.ALERTS_MANAGE)]
Doer = Annotated[Actor, Depends(actor_of)]
_READ = (*READING, outcome.ORGANIZATION_ONLY)
_CHANGE = (*CHANGING, outcome.ORGANIZATION_ONLY, outcome.NOT_FOUND)


@router.get("", operation_id="listIncidents", responses=errors(*_READ, outcome.INVALID_REQUEST))
async def list_incidents(
    scope: Reader,
    services: Services,
    state: Annotated[Literal["open", "all"], Query(description="`open`: what has not ended.")] = "open",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(max_length=64, description="Older than the incident of this id.")] = None,
) -> IncidentPage:
    """Incidents, the newest first."""
    found = await services.alerts.incidents.list(
        scope.organization_id, only_open=state == "open", limit=limit, before=before
    )
    return IncidentPage(
        incidents=[incident_answer(one) for one in found],
        next_before=found[-1].incident_id if len(found) == limit else None,
    )


@router.get(
    "/{incident_id}", operation_id="getIncident", responses=errors(*_READ, outcome.NOT_FOUND, outcome.INVALID_REQUEST)
)
async def get_incident(incident_id: str, scope: Reader, services: Services) -> IncidentDetail:
    """One incident with its timeline."""
    incident, entries = await services.alerts.incidents.get(scope.organization_id, incident_id)
    timeline = [
        TimelineEntry.model_validate({"at": one.at, "kind": one.kind, "actor": one.actor, "detail": dict(one.detail)})
        for one in entries
    ]
    return IncidentDetail(incident=incident_answer(incident), timeline=timeline)


@router.post("/{incident_id}/acknowledge", operation_id="acknowledgeIncident", responses=errors(*_CHANGE))
async def acknowledge_incident(
    incident_id: str, scope: Reader, services: Services, doer: Doer, record: Record
) -> IncidentAnswer:
    """Say that the incident was seen: no more reminders."""
    incident = await services.alerts.incidents.acknowledge(scope.organization_id, incident_id, _name(doer))
    await record(Action.INCIDENT_ACKNOWLEDGED, incident_id)
    return incident_answer(incident)


@router.post("/{incident_id}/resolve", operation_id="resolveIncident", responses=errors(*_CHANGE))
async def resolve_incident(
    incident_id: str, scope: Manager, services: Services, doer: Doer, record: Record
) -> IncidentAnswer:
    """Close the incident by hand. While its trouble lasts there is no other, and nobody is told."""
    incident = await services.alerts.incidents.resolve(scope.organization_id, incident_id, _name(doer))
    await record(Action.INCIDENT_RESOLVED, incident_id)
    return incident_answer(incident)


def _name(doer: Actor) -> str:
    return doer.label or doer.actor_id or doer.kind
