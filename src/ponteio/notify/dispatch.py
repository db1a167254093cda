"""One try: from a claimed message, through its channel as it is at this moment, to how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from ponteio.model.outcome import NOT_FOUND, RefusalError
from ponteio.notify.apprise_channel import AppriseSender
from ponteio.notify.attempt import Attempt, Ending, of_refusal
from ponteio.notify.channel import ChannelKind, Message
from ponteio.notify.channels import Channels, OpenChannel
from ponteio.notify.delivery_claims import Claim
from ponteio.notify.push_subscriptions import PushSubscriptions
from ponteio.notify.web_push import WebPush
from ponteio.notify.webhooks import Webhooks
from ponteio.observe.clock import utc_now
from ponteio.tenancy.identifiers import new_id

TRY_S = 90.0
"""No try takes longer, whatever its own limits."""
MAX_TESTED = 50
"""Devices that a test of one channel pushes to."""

_STOPPED = Attempt(Ending.STOPPED, "The channel is gone or switched off, or whoever it was for may not hear it.")
_EXPIRED = Attempt(Ending.EXPIRED, "It was not delivered while it was worth something.")
_NO_DEVICE = Attempt(Ending.NO_DEVICE, "Nobody whom the channel reaches has a device that takes pushes.")
_LATE = Attempt(Ending.TIMEOUT, "It took too long.", retry=True)


@dataclass(frozen=True, slots=True)
class Senders:
    """The ways out."""

    web_push: WebPush
    webhooks: Webhooks
    apprise: AppriseSender


class Dispatcher:
    """Tries to deliver. Who may hear a message is asked anew at each try."""

    def __init__(
        self,
        channels: Channels,
        subscriptions: PushSubscriptions,
        senders: Senders,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._channels = channels
        self._subscriptions = subscriptions
        self._senders = senders
        self._clock = clock

    async def attempt(self, claim: Claim) -> tuple[Attempt, Sequence[tuple[str, str]]]:
        """How the try ended, and the devices that a message to web push becomes a delivery each for. Raises
        `StorageError` where the database cannot be asked.
        """
        if claim.expires_at <= self._clock():
            return _EXPIRED, ()
        try:
            async with asyncio.timeout(TRY_S):
                return await self._tried(claim)
        except RefusalError as refusal:
            return of_refusal(refusal), ()
        except TimeoutError:
            return _LATE, ()

    async def test(self, organization_id: str, channel_id: str, message: Message) -> Attempt:
        """The message is sent on the channel now, whether it is switched on or not. Raises `RefusalError` NOT_FOUND."""
        opened = await self._channels.opened(organization_id, channel_id)
        if opened is None:
            raise RefusalError(NOT_FOUND)
        expires_at = self._clock() + timedelta(seconds=message.valid_s)
        if opened.channel.kind is not ChannelKind.WEB_PUSH:
            return await self._sent(opened, new_id("msg"), message, self._clock())
        users = opened.channel.user_ids
        found = await self._subscriptions.reached(organization_id, users)
        tries = [self._push(organization_id, one, users, message, expires_at) for one, _ in found[:MAX_TESTED]]
        return _together(await asyncio.gather(*tries))

    async def test_devices(self, user_id: str, message: Message) -> dict[str, Attempt]:
        """The message is pushed to each of the person's own devices now. Raises `RefusalError` SECRET_UNREADABLE."""
        keys = await self._subscriptions.keys_of(user_id)
        expires_at = self._clock() + timedelta(seconds=message.valid_s)
        push = self._senders.web_push.send
        attempts = await asyncio.gather(*(push(one, message, expires_at, content=False) for one in keys.values()))
        for subscription_id, attempt in zip(keys, attempts, strict=True):
            if attempt.ending is Ending.GONE:
                with suppress(RefusalError):  # the person removed it in the same moment
                    await self._subscriptions.remove(user_id, subscription_id)
        return dict(zip(keys, attempts, strict=True))

    async def _tried(self, claim: Claim) -> tuple[Attempt, Sequence[tuple[str, str]]]:
        opened = await self._channels.opened(claim.organization_id, claim.channel_id)
        if opened is None or opened.channel.disabled_at is not None:
            return _STOPPED, ()
        users = opened.channel.user_ids
        if claim.subscription_id is not None:
            expires_at, one = claim.expires_at, claim.subscription_id
            return await self._push(claim.organization_id, one, users, claim.message, expires_at), ()
        if opened.channel.kind is ChannelKind.WEB_PUSH:
            devices = await self._subscriptions.reached(claim.organization_id, users)
            return (Attempt(Ending.SPREAD), devices) if devices else (_NO_DEVICE, ())
        return await self._sent(opened, claim.delivery_id, claim.message, claim.created_at), ()

    async def _sent(self, opened: OpenChannel, delivery_id: str, message: Message, created_at: datetime) -> Attempt:
        if opened.channel.kind is ChannelKind.APPRISE:
            return await self._senders.apprise.send(opened.target.url, message)
        return await self._senders.webhooks.send(opened.target, delivery_id, message, created_at)

    async def _push(
        self,
        organization_id: str,
        subscription_id: str,
        users: Sequence[str] | None,
        message: Message,
        expires_at: datetime,
    ) -> Attempt:
        found = await self._subscriptions.open_for(organization_id, subscription_id, users)
        if found is None:
            return _STOPPED
        keys, may_read = found
        return await self._senders.web_push.send(keys, message, expires_at, content=may_read)


def _together(attempts: Sequence[Attempt]) -> Attempt:
    """One ending for all: delivered when it reached a device."""
    if not attempts:
        return _NO_DEVICE
    reached = sum(one.is_delivered for one in attempts)
    worst = next((one for one in attempts if not one.is_delivered), attempts[0])
    detail = f"Reached {reached} of {len(attempts)} devices. {worst.detail}".strip()
    return Attempt(Ending.DELIVERED if reached else worst.ending, detail, worst.status)
