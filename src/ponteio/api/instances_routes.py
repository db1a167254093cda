"""`/api/instances`: Evolution's instances, each with exactly one owner."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from ponteio.api.authentication import (
    CHANGING,
    READING,
    UNUSABLE,
    Needs,
    NeedsInstance,
    Operator,
    Record,
    Recorder,
    Services,
    organization_meant,
    station_meant,
    visible_instances,
)
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.link_views import instance_answer
from ponteio.api.problems import errors
from ponteio.api.rate_limits import CLAIMS_PER_MINUTE, limits_of
from ponteio.api.schemas import (
    AssignRequest,
    ClaimRequest,
    ConnectedAnswer,
    ConnectRequest,
    DeletedAnswer,
    EmittedEvents,
    InstanceAnswer,
    InstanceDetailAnswer,
    InstancesAnswer,
    NewInstanceRequest,
    Unavailable,
)
from ponteio.api.services import ApiServices, ConnectedView
from ponteio.model import outcome
from ponteio.model.identity import Instance, Principal
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action
from ponteio.tenancy.permissions import require_organization

router = APIRouter(prefix="/api/instances", tags=["instances"], route_class=GuardedRoute)

Manager = Annotated[Principal, Needs(Right.INSTANCES_MANAGE)]
Reader = Annotated[Principal, Needs(Right.INSTANCES_READ)]
SeenInstance = Annotated[Instance, NeedsInstance(Right.INSTANCES_READ)]
ManagedInstance = Annotated[Instance, NeedsInstance(Right.INSTANCES_MANAGE)]
PairedInstance = Annotated[Instance, NeedsInstance(Right.PAIRING)]

_OWN = (*CHANGING, *UNUSABLE, outcome.INSTANCE_NOT_FOUND)
_UPSTREAM = (
    *UNUSABLE,
    outcome.UPSTREAM_UNREACHABLE,
    outcome.UPSTREAM_TIMEOUT,
    outcome.UPSTREAM_AUTH_FAILED,
    outcome.UPSTREAM_BAD_ANSWER,
    outcome.UPSTREAM_REFUSED,
    outcome.UPSTREAM_FAILED,
)


@router.get("", operation_id="listInstances", responses=errors(*READING))
async def list_instances(caller: Reader, services: Services) -> InstancesAnswer:
    """The caller's instances; the operator's are all."""
    seen = visible_instances(caller, services)
    return InstancesAnswer(instances=[instance_answer(instance, services) for instance in seen])


@router.post(
    "",
    status_code=201,
    operation_id="createInstance",
    responses=errors(
        *CHANGING,
        *_UPSTREAM,
        outcome.OPERATOR_ONLY,
        outcome.ORGANIZATION_ONLY,
        outcome.ORGANIZATION_NOT_FOUND,
        outcome.NAME_TAKEN,
        outcome.INVALID_NAME,
        outcome.UNLINKABLE_NAME,
    ),
)
async def create_instance(
    caller: Manager, services: Services, wanted: NewInstanceRequest, record: Record
) -> InstanceAnswer:
    """Make an instance on Evolution that emits all its events. It belongs to the caller's organization."""
    owner = _future_owner(caller, services, wanted.organization)
    made = await station_meant(services, wanted.server).control.create(
        name=wanted.name,
        integration=wanted.integration,
        number=wanted.number,
        token=wanted.token,
        business_id=wanted.business_id,
        organization_id=owner,
    )
    await record(Action.INSTANCE_CREATED, made.name, organization_id=owner)
    return instance_answer(made, services)


@router.post(
    "/claim",
    operation_id="claimInstance",
    responses=errors(
        *CHANGING,
        *_UPSTREAM,
        outcome.ORGANIZATION_ONLY,
        outcome.CLAIM_REFUSED,
        outcome.NAME_TAKEN,
    ),
)
async def claim_instance(
    request: Request, caller: Manager, services: Services, wanted: ClaimRequest, record: Record
) -> InstanceAnswer:
    """Take an instance that nobody owns, by proving its token. Its events are the organization's from now on."""
    scope = require_organization(caller)
    try:
        limits_of(request).take("claims", CLAIMS_PER_MINUTE, scope.organization_id)
    except RefusalError as refusal:
        services.notices.reached(scope.organization_id, refusal.outcome)
        raise
    try:
        claimed = await services.fleet.claim(wanted.server, wanted.name, wanted.token, scope.organization_id)
    except RefusalError as refusal:
        if refusal.outcome is outcome.CLAIM_REFUSED:
            await record(Action.CLAIM_REFUSED, wanted.name)
        raise
    await record(Action.INSTANCE_CLAIMED, claimed.name)
    return instance_answer(claimed, services)


@router.post(
    "/{instance_name:path}/assign",
    operation_id="assignInstance",
    responses=errors(
        *CHANGING,
        outcome.OPERATOR_ONLY,
        outcome.INSTANCE_NOT_FOUND,
        outcome.ORGANIZATION_NOT_FOUND,
        outcome.NAME_TAKEN,
    ),
)
async def assign_instance(
    operator: Operator, instance: SeenInstance, services: Services, wanted: AssignRequest, record: Record
) -> InstanceAnswer:
    """Give the instance to an organization: its events go there from now on, and nothing of before. Taking it from
    another owner must be said with `move`.
    """
    owner = organization_meant(operator, services, wanted.organization)
    given = await _given(services, instance, owner, move=wanted.move)
    if instance.organization_id not in (None, owner):
        await record(Action.INSTANCE_UNASSIGNED, instance.name, organization_id=instance.organization_id)
    await record(Action.INSTANCE_ASSIGNED, instance.name, organization_id=owner)
    return instance_answer(given, services)


@router.post(
    "/{instance_name:path}/unassign",
    operation_id="unassignInstance",
    responses=errors(*CHANGING, outcome.OPERATOR_ONLY, outcome.INSTANCE_NOT_FOUND),
)
async def unassign_instance(
    _operator: Operator, instance: SeenInstance, services: Services, record: Record
) -> InstanceAnswer:
    """Take the instance from its owner: its events go to quarantine from now on. What the owner has stays theirs."""
    freed = await services.directory.unassign(instance.name, server_id=instance.server_id)
    await record(Action.INSTANCE_UNASSIGNED, instance.name, organization_id=instance.organization_id)
    return instance_answer(freed, services)


@router.get("/{instance_name:path}", operation_id="getInstance", responses=errors(*_OWN))
async def get_instance(instance: SeenInstance, services: Services) -> InstanceDetailAnswer:
    """The instance, with its state and its events asked of Evolution; answered too when Evolution is away."""
    detail = await services.fleet.station(instance.server_id).control.detail(instance.name)
    emitted, refusal = detail.websocket, detail.refusal
    return InstanceDetailAnswer(
        **instance_answer(detail.instance, services).model_dump(),
        websocket=None if emitted is None else EmittedEvents(enabled=emitted.enabled, events=list(emitted.events)),
        unavailable=None if refusal is None else Unavailable(code=refusal.outcome.code, detail=refusal.detail),
    )


@router.post(
    "/{instance_name:path}/connect",
    operation_id="connectInstance",
    responses=errors(*_OWN, *_UPSTREAM, outcome.TOO_MANY_LINKS),
)
async def connect_instance(
    instance: PairedInstance,
    services: Services,
    record: Record,
    wanted: Annotated[ConnectRequest | None, Body()] = None,
) -> ConnectedAnswer:
    """Begin to connect the phone: the answer holds the QR or pairing code. Its link is connected too, and in
    traditional mode its events are switched on on Evolution. Harmless for one that is connected.
    """
    control = services.fleet.station(instance.server_id).control
    return await _connected(await control.connect(instance.name, wanted.number if wanted else None), services, record)


@router.post("/{instance_name:path}/restart", operation_id="restartInstance", responses=errors(*_OWN, *_UPSTREAM))
async def restart_instance(instance: PairedInstance, services: Services, record: Record) -> ConnectedAnswer:
    """Drop the phone's connection and make it anew."""
    view = await services.fleet.station(instance.server_id).control.restart(instance.name)
    await record(Action.INSTANCE_RESTARTED, instance.name, organization_id=instance.organization_id)
    return await _connected(view, services, record)


@router.post("/{instance_name:path}/logout", operation_id="logoutInstance", responses=errors(*_OWN, *_UPSTREAM))
async def logout_instance(instance: ManagedInstance, services: Services, record: Record) -> InstanceAnswer:
    """End the session with the phone. Harmless for one that has none."""
    left = await services.fleet.station(instance.server_id).control.logout(instance.name)
    await record(Action.INSTANCE_LOGGED_OUT, instance.name, organization_id=instance.organization_id)
    return instance_answer(left, services)


@router.delete("/{instance_name:path}", operation_id="deleteInstance", responses=errors(*_OWN, *_UPSTREAM))
async def delete_instance(instance: ManagedInstance, services: Services, record: Record) -> DeletedAnswer:
    """Remove the instance from Evolution, and its link. Its events stay in the log."""
    await services.fleet.station(instance.server_id).control.delete(instance.name)
    await record(Action.INSTANCE_DELETED, instance.name, organization_id=instance.organization_id)
    return DeletedAnswer(name=instance.name)


def _future_owner(caller: Principal, services: ApiServices, wanted: str | None) -> str | None:
    if caller.scope is not None:
        if wanted is not None:
            detail = "An organization's key makes instances for its own organization: leave `organization` out."
            raise RefusalError(outcome.OPERATOR_ONLY, detail)
        return caller.scope.organization_id
    if not caller.is_operator:
        raise RefusalError(outcome.ORGANIZATION_ONLY)
    if wanted is None:
        return None
    found = services.directory.organization(wanted)
    if found is None:
        raise RefusalError(outcome.ORGANIZATION_NOT_FOUND)
    return found.organization_id


async def _given(services: ApiServices, instance: Instance, owner: str, *, move: bool) -> Instance:
    directory, name, server_id = services.directory, instance.name, instance.server_id
    if move:
        return await directory.assign(name, owner, server_id=server_id)
    try:
        return await directory.claim(name, owner, server_id=server_id, upstream_id=None)
    except RefusalError as refusal:
        if refusal.outcome is not outcome.CLAIM_REFUSED:
            raise
        detail = "It belongs to another organization: `move` takes it from there."
        raise RefusalError(outcome.INVALID_REQUEST, detail) from None


async def _connected(view: ConnectedView, services: ApiServices, record: Recorder) -> ConnectedAnswer:
    pairing, instance = view.pairing, view.instance
    if pairing.code or pairing.base64 or pairing.pairing_code:
        await record(Action.PAIRING_REVEALED, instance.name, organization_id=instance.organization_id)
    return ConnectedAnswer(
        **instance_answer(instance, services).model_dump(),
        qr_code=pairing.code,
        qr_image=pairing.base64,
        pairing_code=pairing.pairing_code,
        qr_count=pairing.count,
    )
