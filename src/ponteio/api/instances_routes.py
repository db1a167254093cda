"""`/api/instances`: Evolution's instances, each with exactly one owner."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from ponteio.api.authentication import Caller, OwnInstance, Services, visible_instances
from ponteio.api.link_views import instance_answer
from ponteio.api.problems import errors
from ponteio.api.schemas import (
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
from ponteio.model.identity import Principal
from ponteio.model.outcome import RefusalError

router = APIRouter(prefix="/api/instances", tags=["instances"])

_AUTH = (outcome.AUTH_REQUIRED, outcome.AUTH_INVALID)
_OWN = (*_AUTH, outcome.INSTANCE_NOT_FOUND, outcome.INVALID_REQUEST)
_UPSTREAM = (
    outcome.UPSTREAM_UNREACHABLE,
    outcome.UPSTREAM_TIMEOUT,
    outcome.UPSTREAM_AUTH_FAILED,
    outcome.UPSTREAM_BAD_ANSWER,
    outcome.UPSTREAM_REFUSED,
    outcome.UPSTREAM_FAILED,
)


@router.get("", operation_id="listInstances", responses=errors(*_AUTH))
async def list_instances(caller: Caller, services: Services) -> InstancesAnswer:
    """The caller's instances; the operator's are all."""
    seen = visible_instances(caller, services)
    return InstancesAnswer(instances=[instance_answer(instance, services) for instance in seen])


@router.post(
    "",
    status_code=201,
    operation_id="createInstance",
    responses=errors(
        *_AUTH,
        *_UPSTREAM,
        outcome.OPERATOR_ONLY,
        outcome.ORGANIZATION_NOT_FOUND,
        outcome.NAME_TAKEN,
        outcome.INVALID_NAME,
        outcome.UNLINKABLE_NAME,
        outcome.INVALID_REQUEST,
        outcome.TOO_LARGE,
    ),
)
async def create_instance(caller: Caller, services: Services, wanted: NewInstanceRequest) -> InstanceAnswer:
    """Make an instance on Evolution that emits all its events. It belongs to the caller's organization."""
    made = await services.control.create(
        name=wanted.name,
        integration=wanted.integration,
        number=wanted.number,
        token=wanted.token,
        business_id=wanted.business_id,
        organization_id=_future_owner(caller, services, wanted.organization),
    )
    return instance_answer(made, services)


@router.get("/{instance_name:path}", operation_id="getInstance", responses=errors(*_OWN))
async def get_instance(instance: OwnInstance, services: Services) -> InstanceDetailAnswer:
    """The instance, with its state and its events asked of Evolution; answered too when Evolution is away."""
    detail = await services.control.detail(instance.name)
    emitted, refusal = detail.websocket, detail.refusal
    return InstanceDetailAnswer(
        **instance_answer(detail.instance, services).model_dump(),
        websocket=None if emitted is None else EmittedEvents(enabled=emitted.enabled, events=list(emitted.events)),
        unavailable=None if refusal is None else Unavailable(code=refusal.outcome.code, detail=refusal.detail),
    )


@router.post(
    "/{instance_name:path}/connect",
    operation_id="connectInstance",
    responses=errors(*_OWN, *_UPSTREAM, outcome.TOO_LARGE),
)
async def connect_instance(
    instance: OwnInstance, services: Services, wanted: Annotated[ConnectRequest | None, Body()] = None
) -> ConnectedAnswer:
    """Begin to connect the phone: the answer holds the QR or pairing code. Its link is connected too, and in
    traditional mode its events are switched on on Evolution. Harmless for one that is connected.
    """
    return _connected(await services.control.connect(instance.name, wanted.number if wanted else None), services)


@router.post("/{instance_name:path}/restart", operation_id="restartInstance", responses=errors(*_OWN, *_UPSTREAM))
async def restart_instance(instance: OwnInstance, services: Services) -> ConnectedAnswer:
    """Drop the phone's connection and make it anew."""
    return _connected(await services.control.restart(instance.name), services)


@router.post("/{instance_name:path}/logout", operation_id="logoutInstance", responses=errors(*_OWN, *_UPSTREAM))
async def logout_instance(instance: OwnInstance, services: Services) -> InstanceAnswer:
    """End the session with the phone. Harmless for one that has none."""
    return instance_answer(await services.control.logout(instance.name), services)


@router.delete("/{instance_name:path}", operation_id="deleteInstance", responses=errors(*_OWN, *_UPSTREAM))
async def delete_instance(instance: OwnInstance, services: Services) -> DeletedAnswer:
    """Remove the instance from Evolution, and its link. Its events stay in the log."""
    await services.control.delete(instance.name)
    return DeletedAnswer(name=instance.name)


def _future_owner(caller: Principal, services: ApiServices, wanted: str | None) -> str | None:
    if caller.scope is not None:
        if wanted is not None:
            detail = "An organization's key makes instances for its own organization: leave `organization` out."
            raise RefusalError(outcome.OPERATOR_ONLY, detail)
        return caller.scope.organization_id
    if wanted is None:
        return None
    found = services.directory.organization(wanted)
    if found is None:
        raise RefusalError(outcome.ORGANIZATION_NOT_FOUND)
    return found.organization_id


def _connected(view: ConnectedView, services: ApiServices) -> ConnectedAnswer:
    pairing = view.pairing
    return ConnectedAnswer(
        **instance_answer(view.instance, services).model_dump(),
        qr_code=pairing.code,
        qr_image=pairing.base64,
        pairing_code=pairing.pairing_code,
        qr_count=pairing.count,
    )
