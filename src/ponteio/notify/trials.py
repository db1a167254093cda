"""Trying a way out by hand: the button that says whether it works, and if not, why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ponteio.notify.attempt import Attempt
from ponteio.notify.channel import Message, Urgency
from ponteio.notify.deliveries import DeliveryQueue
from ponteio.notify.dispatch import Dispatcher
from ponteio.observe.clock import utc_now

_VALID_S = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went. `outcome` is an `Ending`, `status` the HTTP status, where there was one."""

    delivered: bool
    outcome: str
    status: int | None
    detail: str
    duration_ms: int


class Trials:
    """Sends test messages, at once and past the queue. They count against the organization's limit."""

    def __init__(self, dispatcher: Dispatcher, queue: DeliveryQueue, clock: Callable[[], datetime] = utc_now) -> None:
        self._dispatcher = dispatcher
        self._queue = queue
        self._clock = clock

    async def channel(self, organization_id: str, channel_id: str) -> Trial:
        """A test message on the channel, whether it is switched on or not. Raises `RefusalError` NOT_FOUND,
        SECRET_UNREADABLE or TOO_MANY_NOTIFICATIONS.
        """
        await self._queue.require_room(organization_id)
        began_at, loop = self._clock(), asyncio.get_running_loop()
        began = loop.time()
        attempt = await self._dispatcher.test(organization_id, channel_id, _message(organization_id))
        duration_s = loop.time() - began
        await self._queue.note_test(organization_id, channel_id, attempt, began_at, duration_s)
        return _trial(attempt, duration_s)

    async def devices(self, user_id: str, organization_id: str = "") -> Mapping[str, Trial]:
        """A test message to each of the person's own devices, by its id. Raises `RefusalError` SECRET_UNREADABLE."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        attempts = await self._dispatcher.test_devices(user_id, _message(organization_id))
        duration_s = loop.time() - began
        return {device_id: _trial(attempt, duration_s) for device_id, attempt in attempts.items()}


def _message(organization_id: str) -> Message:
    return Message(
        organization_id=organization_id,
        title="Ponteio",
        body="This is a test: notifications arrive here. Isto é um teste: as notificações chegam aqui.",
        tag="test",
        kind="test",
        urgency=Urgency.HIGH,
        valid_s=_VALID_S,
    )


def _trial(attempt: Attempt, duration_s: float) -> Trial:
    return Trial(attempt.is_delivered, attempt.ending.value, attempt.status, attempt.detail, round(duration_s * 1000))
