"""`/api/push`: one's own browsers, and what they subscribe with."""

from __future__ import annotations

from fastapi import APIRouter

from ponteio.api.authentication import CHANGING, READING, Person, Record, Services
from ponteio.api.channel_schemas import (
    DeviceAnswer,
    DevicesAnswer,
    DeviceTrial,
    DeviceTrialsAnswer,
    PushKeyAnswer,
    SubscriptionRequest,
)
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.people_schemas import Done
from ponteio.api.post_protocols import DeviceView
from ponteio.api.problems import errors
from ponteio.model import outcome
from ponteio.model.identity import Principal
from ponteio.model.outcome import RefusalError
from ponteio.tenancy.audit import Action

router = APIRouter(prefix="/api/push", tags=["push"], route_class=GuardedRoute)


@router.get("/key", operation_id="getPushKey", responses=errors(*READING, outcome.SECRET_UNREADABLE))
async def get_key(_caller: Person, services: Services) -> PushKeyAnswer:
    """What a browser subscribes with. It never changes."""
    return PushKeyAnswer(key=await services.post.vapid.public())


@router.get("/subscriptions", operation_id="listDevices", responses=errors(*READING))
async def list_devices(caller: Person, services: Services) -> DevicesAnswer:
    """One's own browsers that take pushes."""
    found = await services.post.devices.list(_own(caller))
    return DevicesAnswer(devices=[_device_answer(one) for one in found])


@router.post("/subscriptions", status_code=201, operation_id="addDevice", responses=errors(*CHANGING))
async def add_device(caller: Person, services: Services, wanted: SubscriptionRequest, record: Record) -> DeviceAnswer:
    """Push to this browser from now on. Whoever registers a browser last has it; of one person's, twenty stay."""
    made = await services.post.devices.add(
        _own(caller),
        wanted.endpoint.get_secret_value(),
        wanted.keys.p256dh,
        wanted.keys.auth.get_secret_value(),
        wanted.label,
    )
    await record(Action.DEVICE_ADDED, made.subscription_id)
    return _device_answer(made)


@router.delete(
    "/subscriptions/{device_id}", operation_id="removeDevice", responses=errors(*CHANGING, outcome.NOT_FOUND)
)
async def remove_device(device_id: str, caller: Person, services: Services, record: Record) -> Done:
    """Push to this browser no more."""
    await services.post.devices.remove(_own(caller), device_id)
    await record(Action.DEVICE_REMOVED, device_id)
    return Done()


@router.post("/test", operation_id="testPush", responses=errors(*CHANGING, outcome.SECRET_UNREADABLE))
async def test_push(caller: Person, services: Services) -> DeviceTrialsAnswer:
    """Push a test message to each of one's own browsers now, and say what happened."""
    organization_id = "" if caller.scope is None else caller.scope.organization_id
    trials = await services.post.trials.devices(_own(caller), organization_id)
    return DeviceTrialsAnswer(
        devices=[
            DeviceTrial(
                id=device_id,
                delivered=trial.delivered,
                outcome=trial.outcome,
                status=trial.status,
                detail=trial.detail,
            )
            for device_id, trial in trials.items()
        ]
    )


def _own(caller: Principal) -> str:
    if caller.user_id is None:
        raise RefusalError(outcome.FORBIDDEN)
    return caller.user_id


def _device_answer(device: DeviceView) -> DeviceAnswer:
    return DeviceAnswer(
        id=device.subscription_id,
        label=device.label,
        service=device.host,
        created_at=device.created_at,
        delivered_at=device.delivered_at,
        failing_since=device.failing_since,
    )
