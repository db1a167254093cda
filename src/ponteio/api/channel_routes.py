"""`/api/channels`: where an organization's notifications go."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ponteio.api.authentication import CHANGING, READING, NeedsScope, Record, Services
from ponteio.api.channel_schemas import (
    ChannelAnswer,
    ChannelChangeRequest,
    ChannelsAnswer,
    DeliveriesAnswer,
    DeliveryAnswer,
    HeaderRequest,
    KindAnswer,
    NewChannelAnswer,
    NewChannelRequest,
    SecretAnswer,
    SecretRequest,
    TrialAnswer,
)
from ponteio.api.guarded_route import GuardedRoute
from ponteio.api.people_schemas import Done
from ponteio.api.post_protocols import ChannelView, DeliveryView
from ponteio.api.problems import errors
from ponteio.model import outcome
from ponteio.model.identity import OrganizationScope
from ponteio.model.outcome import RefusalError
from ponteio.model.rights import Right
from ponteio.tenancy.audit import Action

router = APIRouter(prefix="/api/channels", tags=["channels"], route_class=GuardedRoute)

Reader = Annotated[OrganizationScope, NeedsScope(Right.ALERTS_READ)]
Manager = Annotated[OrganizationScope, NeedsScope(Right.ALERTS_MANAGE)]
_READ = (*READING, outcome.ORGANIZATION_ONLY)
_CHANGE = (*CHANGING, outcome.ORGANIZATION_ONLY)
_SETTING = (outcome.ADDRESS_REFUSED, outcome.NOT_INSTALLED)
_ONE = (outcome.NOT_FOUND, outcome.INVALID_REQUEST)
_OPENED = (outcome.NOT_FOUND, outcome.SECRET_UNREADABLE)


@router.get("", operation_id="listChannels", responses=errors(*_READ))
async def list_channels(scope: Reader, services: Services) -> ChannelsAnswer:
    """The organization's channels, and the kinds that there are."""
    found = await services.post.channels.list(scope.organization_id)
    kinds = [KindAnswer.model_validate({"kind": k, "installed": v}) for k, v in services.post.channels.kinds.items()]
    return ChannelsAnswer(channels=[_channel_answer(one) for one in found], kinds=kinds)


@router.post(
    "",
    status_code=201,
    operation_id="createChannel",
    responses=errors(*_CHANGE, *_SETTING, outcome.TOO_MANY_CHANNELS),
)
async def create_channel(
    scope: Manager, services: Services, wanted: NewChannelRequest, record: Record
) -> NewChannelAnswer:
    """Make a channel. A webhook's secret is in this answer and nowhere else."""
    made, secret = await services.post.channels.create(
        scope.organization_id,
        wanted.kind,
        wanted.name,
        url=None if wanted.url is None else wanted.url.get_secret_value(),
        users=wanted.users,
        header=_header(wanted.header),
    )
    await record(Action.CHANNEL_MADE, made.channel_id, detail={"kind": made.kind, "address": made.address})
    return NewChannelAnswer(channel=_channel_answer(made), secret=secret)


@router.get("/{channel_id}", operation_id="getChannel", responses=errors(*_READ, *_ONE))
async def get_channel(channel_id: str, scope: Reader, services: Services) -> ChannelAnswer:
    """One channel."""
    return _channel_answer(await services.post.channels.get(scope.organization_id, channel_id))


@router.patch("/{channel_id}", operation_id="changeChannel", responses=errors(*_CHANGE, *_SETTING, *_OPENED))
async def change_channel(
    channel_id: str, scope: Manager, services: Services, wanted: ChannelChangeRequest, record: Record
) -> ChannelAnswer:
    """Change a channel, or switch it off or on. Switched on, it counts as healthy."""
    changed = await services.post.channels.change(scope.organization_id, channel_id, _change(wanted))
    members = sorted(wanted.model_fields_set)
    await record(Action.CHANNEL_CHANGED, channel_id, detail={"members": members, "address": changed.address})
    return _channel_answer(changed)


@router.delete("/{channel_id}", operation_id="removeChannel", responses=errors(*_CHANGE, *_ONE))
async def remove_channel(channel_id: str, scope: Manager, services: Services, record: Record) -> Done:
    """Remove a channel, with what waits for it."""
    await services.post.channels.remove(scope.organization_id, channel_id)
    await record(Action.CHANNEL_REMOVED, channel_id)
    return Done()


@router.post("/{channel_id}/secret", operation_id="rotateChannelSecret", responses=errors(*_CHANGE, *_OPENED))
async def rotate_secret(
    channel_id: str, scope: Manager, services: Services, wanted: SecretRequest, record: Record
) -> SecretAnswer:
    """Give a webhook another secret. For a while calls are signed with both."""
    overlap = timedelta(seconds=wanted.overlap_s)
    changed, secret = await services.post.channels.rotate(scope.organization_id, channel_id, overlap)
    await record(Action.CHANNEL_SECRET_MADE, channel_id, detail={"overlap_s": wanted.overlap_s})
    return SecretAnswer(channel=_channel_answer(changed), secret=secret)


@router.post(
    "/{channel_id}/test",
    operation_id="testChannel",
    responses=errors(*_CHANGE, *_OPENED, outcome.TOO_MANY_NOTIFICATIONS),
)
async def test_channel(channel_id: str, scope: Manager, services: Services, record: Record) -> TrialAnswer:
    """Send a test message now, and say what happened. It counts against the organization's limit."""
    trial = await services.post.trials.channel(scope.organization_id, channel_id)
    await record(Action.CHANNEL_TESTED, channel_id, detail={"outcome": trial.outcome})
    return TrialAnswer(
        delivered=trial.delivered,
        outcome=trial.outcome,
        status=trial.status,
        detail=trial.detail,
        duration_ms=trial.duration_ms,
    )


@router.get("/{channel_id}/deliveries", operation_id="listDeliveries", responses=errors(*_READ, *_ONE))
async def list_deliveries(
    channel_id: str, scope: Reader, services: Services, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> DeliveriesAnswer:
    """What became of the channel's messages in the last seven days, the newest first. Never what they said."""
    await services.post.channels.get(scope.organization_id, channel_id)
    found = await services.post.deliveries.history(scope.organization_id, channel_id, limit)
    return DeliveriesAnswer(deliveries=[_delivery_answer(one) for one in found])


def _header(wanted: HeaderRequest | None) -> tuple[str, str] | None:
    return None if wanted is None else (wanted.name, wanted.value.get_secret_value())


def _change(wanted: ChannelChangeRequest) -> dict[str, Any]:
    """What is to be another. Null means something for `users` and `header` alone."""
    given = wanted.model_fields_set
    for member in given & {"name", "url", "enabled"}:
        if getattr(wanted, member) is None:
            raise RefusalError(outcome.INVALID_REQUEST, f"`{member}` cannot be null.")
    values: dict[str, Any] = {member: getattr(wanted, member) for member in given & {"name", "users", "enabled"}}
    if wanted.url is not None:
        values["url"] = wanted.url.get_secret_value()
    if "header" in given:
        values["header"] = _header(wanted.header)
    return values


def _channel_answer(channel: ChannelView) -> ChannelAnswer:
    return ChannelAnswer.model_validate(
        {
            "id": channel.channel_id,
            "kind": str(channel.kind),
            "name": channel.name,
            "address": channel.address,
            "users": None if channel.user_ids is None else list(channel.user_ids),
            "header": channel.header_name,
            "enabled": channel.disabled_at is None,
            "created_at": channel.created_at,
            "disabled_at": channel.disabled_at,
            "disabled_reason": channel.disabled_reason,
            "failing_since": channel.failing_since,
            "failures": channel.failures,
            "delivered_at": channel.delivered_at,
            "old_secret_until": channel.old_secret_until,
        }
    )


def _delivery_answer(delivery: DeliveryView) -> DeliveryAnswer:
    return DeliveryAnswer(
        id=delivery.delivery_id,
        device=delivery.device_id,
        created_at=delivery.created_at,
        attempts=delivery.attempts,
        tried_at=delivery.tried_at,
        finished_at=delivery.finished_at,
        next_at=delivery.next_at,
        outcome=delivery.outcome,
        status=delivery.status,
        detail=delivery.detail,
        duration_ms=delivery.duration_ms,
    )
