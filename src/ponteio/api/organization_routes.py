"""`/api/organizations` (the operator's), `/api/limits` and `/api/audit`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from ponteio.api.access_schemas import (
    AuditAnswer,
    AuditPage,
    LimitAnswer,
    LimitNoticeAnswer,
    LimitsAnswer,
    LimitsRequest,
    NewOrganizationRequest,
    OrganizationAnswer,
    OrganizationChange,
    OrganizationsAnswer,
)
from ponteio.api.authentication import CHANGING, READING, Needs, Operator, Record, Services, organization_meant
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.problems import errors
from ponteio.api.services import ApiServices
from ponteio.model import outcome
from ponteio.model.identity import Organization, Principal
from ponteio.model.link import LinkState
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action, AuditEntry

router = APIRouter(prefix="/api", tags=["organizations"], route_class=GuardedRoute)

LimitReader = Annotated[Principal, Needs(Right.LIMITS_READ)]
LimitSetter = Annotated[Principal, Needs(Right.LIMITS_SET)]
Auditor = Annotated[Principal, Needs(Right.AUDIT_READ)]
OrganizationId = Annotated[str | None, Query(max_length=200, description="Which one; needed from the operator.")]
_ABOUT = (outcome.ORGANIZATION_ONLY, outcome.ORGANIZATION_NOT_FOUND, outcome.INVALID_REQUEST)
_OPERATORS = (outcome.OPERATOR_ONLY, outcome.ORGANIZATION_NOT_FOUND)


@router.get("/organizations", operation_id="listOrganizations", responses=errors(*READING, outcome.OPERATOR_ONLY))
async def list_organizations(_operator: Operator, services: Services) -> OrganizationsAnswer:
    """Every organization of the deployment."""
    found = services.directory.organizations()
    return OrganizationsAnswer(organizations=[_organization_answer(services, one) for one in found])


@router.post(
    "/organizations",
    status_code=201,
    operation_id="createOrganization",
    responses=errors(*CHANGING, outcome.OPERATOR_ONLY, outcome.NAME_TAKEN, outcome.INVALID_NAME),
)
async def create_organization(
    _operator: Operator, services: Services, wanted: NewOrganizationRequest, record: Record
) -> OrganizationAnswer:
    """Make an organization. Invite its first admin next."""
    made = await services.directory.create_organization(wanted.name)
    await record(Action.ORGANIZATION_MADE, organization_id=made.organization_id)
    return _organization_answer(services, made)


@router.patch(
    "/organizations/{organization_id}",
    operation_id="changeOrganization",
    responses=errors(*CHANGING, *_OPERATORS, outcome.NAME_TAKEN, outcome.INVALID_NAME),
)
async def change_organization(
    organization_id: str, _operator: Operator, services: Services, wanted: OrganizationChange, record: Record
) -> OrganizationAnswer:
    """Rename, disable or enable it. While it is disabled its events are stored, and nobody may act for it."""
    here = _existing(services, organization_id)
    if wanted.name is not None:
        here = await services.directory.rename_organization(here.organization_id, wanted.name)
        await record(Action.ORGANIZATION_RENAMED, organization_id=here.organization_id)
    if wanted.disabled is not None:
        here = await services.directory.set_disabled(here.organization_id, wanted.disabled)
        action = Action.ORGANIZATION_DISABLED if wanted.disabled else Action.ORGANIZATION_ENABLED
        await record(action, organization_id=here.organization_id)
    return _organization_answer(services, here)


@router.get(
    "/organizations/{organization_id}/limits",
    operation_id="readLimits",
    responses=errors(*READING, *_OPERATORS, outcome.INVALID_REQUEST),
)
async def read_limits(organization_id: str, _setter: LimitSetter, services: Services) -> LimitsAnswer:
    """An organization's limits, what is used of them, and which were reached."""
    return await _limits_answer(services, _existing(services, organization_id).organization_id)


@router.put(
    "/organizations/{organization_id}/limits",
    operation_id="setLimits",
    responses=errors(*CHANGING, *_OPERATORS),
)
async def set_limits(
    organization_id: str, _setter: LimitSetter, services: Services, wanted: LimitsRequest, record: Record
) -> LimitsAnswer:
    """Set an organization's limits. They hold at once."""
    here = _existing(services, organization_id).organization_id
    changes = wanted.model_dump(exclude_unset=True)
    await services.directory.set_limits(here, changes)
    await record(Action.LIMITS_SET, organization_id=here, detail=changes)
    return await _limits_answer(services, here)


@router.get("/limits", operation_id="getLimits", responses=errors(*READING, *_ABOUT))
async def get_limits(caller: LimitReader, services: Services, organization: OrganizationId = None) -> LimitsAnswer:
    """The organization's limits, what is used of them, and which were reached."""
    return await _limits_answer(services, organization_meant(caller, services, organization))


@router.get("/audit", operation_id="listAudit", responses=errors(*READING, *_ABOUT))
async def list_audit(
    caller: Auditor,
    services: Services,
    organization: Annotated[str | None, Query(max_length=200, description="The operator's: only this one.")] = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> AuditPage:
    """Who did what, newest first: in the caller's organization; for the operator everywhere."""
    everywhere = organization is None and caller.is_operator
    here = None if everywhere else organization_meant(caller, services, organization)
    found = await services.audit.list(here, limit=limit, before=before, action=action)
    return AuditPage(
        entries=[_audit_answer(entry) for entry in found],
        next_before=found[-1].audit_id if len(found) == limit else None,
    )


def _existing(services: ApiServices, organization_id: str) -> Organization:
    found = services.directory.organization(organization_id)
    if found is None:
        raise RefusalError(outcome.ORGANIZATION_NOT_FOUND)
    return found


def _organization_answer(services: ApiServices, organization: Organization) -> OrganizationAnswer:
    scope = services.directory.scope_of(organization.organization_id)
    return OrganizationAnswer(
        id=organization.organization_id,
        name=organization.name,
        created_at=organization.created_at,
        disabled_at=organization.disabled_at,
        instances=len(services.directory.instances(scope)),
        sockets=services.live.socket_count(scope),
    )


async def _limits_answer(services: ApiServices, organization_id: str) -> LimitsAnswer:
    scope = services.directory.scope_of(organization_id)
    mine = {(it.server_id, it.name) for it in services.directory.instances(scope)}
    links = [
        status
        for station in services.fleet.stations()
        for status in station.links.statuses()
        if status.state is not LinkState.OFF and (status.target.server_id, status.target.instance) in mine
    ]
    used = {"sockets": services.live.socket_count(scope), "links": len(links)}
    limits = asdict(services.directory.limits(organization_id))
    return LimitsAnswer(
        limits=[LimitAnswer(name=name, limit=limit, used=used.get(name)) for name, limit in limits.items()],
        reached=[
            LimitNoticeAnswer(code=it.code, count=it.count, first_at=it.first_at, last_at=it.last_at)
            for it in services.notices.of(organization_id)
        ],
    )


def _audit_answer(entry: AuditEntry) -> AuditAnswer:
    return AuditAnswer(
        id=entry.audit_id,
        at=entry.at,
        organization=entry.organization_id,
        action=entry.action,
        actor_kind=entry.actor.kind,
        actor=entry.actor.actor_id,
        actor_label=entry.actor.label,
        address=entry.actor.address,
        target=entry.target,
        detail=None if entry.detail is None else dict(entry.detail),
    )
