"""Everything that carries messages out of the house, put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from ponteio.config import GatewaySettings
from ponteio.foundation import Foundation
from ponteio.model.outcome import RefusalError
from ponteio.notify.apprise_channel import AppriseSender
from ponteio.notify.channels import Channels
from ponteio.notify.deliveries import DeliveryQueue
from ponteio.notify.delivery_claims import DeliveryClaims
from ponteio.notify.delivery_worker import DeliveryWorker, WorkerOptions
from ponteio.notify.dispatch import Dispatcher, Senders
from ponteio.notify.http_post import HttpPost, PostOptions
from ponteio.notify.push_subscriptions import PushSubscriptions
from ponteio.notify.trials import Trials
from ponteio.notify.vapid import VapidKeys
from ponteio.notify.web_push import WebPush
from ponteio.notify.webhooks import Webhooks
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageError
from ponteio.storage.vault import Vault
from ponteio.tenancy.audit import Action, Actor, AuditLog
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices

_HOUSE = Actor(kind="gateway")


@dataclass(frozen=True, slots=True)
class PostNeeds:
    """What the post office works with. `contact` is whom push services may write to."""

    database: Database
    vault: Vault
    directory: Directory
    audit: AuditLog
    notices: LimitNotices
    counters: Counters
    contact: str = "mailto:ponteio@localhost"
    public_url: str = ""
    post: PostOptions = field(default_factory=PostOptions)
    worker: WorkerOptions = field(default_factory=WorkerOptions)
    clock: Callable[[], datetime] = utc_now


@dataclass(frozen=True, slots=True)
class PostOffice:
    """Channels, devices, the queue, and who empties it. `run` is a task of the house's."""

    channels: Channels
    devices: PushSubscriptions
    vapid: VapidKeys
    deliveries: DeliveryQueue
    trials: Trials
    worker: DeliveryWorker
    http: HttpPost

    @classmethod
    def of(cls, needs: PostNeeds) -> Self:
        """All of it, over one database. Nothing leaves the queue before `run`."""
        database, clock = needs.database, needs.clock
        http = HttpPost(needs.post, clock)
        apprise = AppriseSender(needs.post.private_hosts)
        vapid = VapidKeys(database, needs.vault, clock)
        channels = Channels(database, needs.vault, http, apprise, clock)
        devices = PushSubscriptions(database, needs.vault, clock)
        web_push = WebPush(http, vapid, contact=needs.contact, public_url=needs.public_url, clock=clock)
        dispatcher = Dispatcher(channels, devices, Senders(web_push, Webhooks(http, clock), apprise), clock)
        directory = needs.directory
        queue = DeliveryQueue(
            database, lambda owner: directory.limits(owner).notifications_per_hour, needs.notices, clock
        )
        worker = DeliveryWorker(
            DeliveryClaims(database, needs.notices, clock),
            dispatcher,
            needs.counters,
            lambda owner, channel_id: _tell_stopped(needs.audit, owner, channel_id),
            options=needs.worker,
            clock=clock,
        )
        queue.on_wake(worker.wake)
        return cls(channels, devices, vapid, queue, Trials(dispatcher, queue, clock), worker, http)

    async def run(self) -> None:
        """Empty the queue until cancelled; no connection is left then. There is a key pair for web push from the first
        start on: one that cannot be opened, or made now, is told when it is asked for.
        """
        try:
            with suppress(RefusalError, StorageError):
                await self.vapid.pair()
            await self.worker.run()
        finally:
            await self.http.close()

    async def prune(self) -> None:
        """What is over is forgotten."""
        await self.deliveries.prune()
        await self.devices.prune()


def post_office(base: Foundation, settings: GatewaySettings, notices: LimitNotices, counters: Counters) -> PostOffice:
    """The house's own."""
    return PostOffice.of(
        PostNeeds(
            database=base.database,
            vault=base.vault,
            directory=base.directory,
            audit=base.audit,
            notices=notices,
            counters=counters,
            contact=settings.contact,
            public_url=settings.public_url,
            post=PostOptions(private_hosts=settings.private_hosts),
        )
    )


async def _tell_stopped(audit: AuditLog, organization_id: str, channel_id: str) -> None:
    await audit.record(Action.CHANNEL_STOPPED, _HOUSE, organization_id=organization_id, target=channel_id)
