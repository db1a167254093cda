"""An organization with people, channels and devices, the post office over it, and a clock to turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.machine_world import TurnableClock
from tests.support.people_world import QUICK
from tests.support.push_endpoint import Browser, PushService, push_service
from tests.support.webhook_receiver import Receiver, receiver

from ponteio.model.outcome import Outcome, RefusalError
from ponteio.model.rights import Role
from ponteio.notify.channel import Channel, Message
from ponteio.notify.delivery_claims import LEASE
from ponteio.notify.delivery_worker import WorkerOptions
from ponteio.notify.http_post import PostOptions
from ponteio.observe.counters import Counters
from ponteio.outbound.connector import OPERATORS_WORD
from ponteio.post_office import PostNeeds, PostOffice
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import Passwords

SECRET_WORDS = "https://n8n.example/webhook/a-secret-path"
VAULT_KEY = Vault.new_key()
LOOPBACK = PostOptions(connector=OPERATORS_WORD)
"""Private addresses may be reached: those of tests."""


@dataclass
class PostWorld:
    """What `post_world` yields. Nothing leaves the queue before `working`."""

    database: Database
    clock: TurnableClock
    directory: Directory
    accounts: Accounts
    memberships: Memberships
    audit: AuditLog
    notices: LimitNotices
    counters: Counters
    organization_id: str
    other_id: str
    vault: Vault
    needs: PostNeeds
    office: PostOffice
    opened: list[PostOffice] = field(default_factory=list)

    def another(self, **changes: Any) -> PostOffice:
        """The post office of another process on the same database, or one with other options."""
        made = PostOffice.of(replace(self.needs, **changes))
        self.opened.append(made)
        return made

    async def person(self, name: str, role: Role | None = Role.ADMIN, organization_id: str | None = None) -> str:
        """The id of a new account, a member of the organization if it has a role."""
        user = await self.accounts.create(f"{name}@example.com", name, "correct horse battery")
        if role is not None:
            await self.memberships.add(organization_id or self.organization_id, user.user_id, role)
        return user.user_id

    async def device(self, service: PushService, user_id: str) -> tuple[Browser, str]:
        """A new browser of the person that subscribed, and the device's id."""
        service.public_key = await self.office.vapid.public()
        browser = service.browser()
        keys = browser.subscription["keys"]
        made = await self.office.devices.add(user_id, browser.endpoint, keys["p256dh"], keys["auth"], "a browser")
        return browser, made.subscription_id

    async def webhook(self, url: str, **options: Any) -> tuple[Channel, str]:
        """A new webhook of the organization, and its secret."""
        owner = options.pop("organization_id", self.organization_id)
        made, secret = await self.office.channels.create(owner, "webhook", "hook", url=url, **options)
        assert secret is not None
        return made, secret

    async def web_push(self, **options: Any) -> Channel:
        """A new channel of web push."""
        return (await self.office.channels.create(self.organization_id, "web_push", "people", **options))[0]

    def message(self, **changes: Any) -> Message:
        """Something to tell."""
        said = {"title": "loja-01 is down", "body": "Since 14:05.", "tag": "incident-1", "url": "/incidents/1"}
        return Message(**{"organization_id": self.organization_id, **said, **changes})

    async def send(self, *channels: Channel, **changes: Any) -> int:
        """Hand a message in for these channels."""
        message = self.message(**changes)
        return await self.office.deliveries.send(
            channels[0].organization_id, [one.channel_id for one in channels], message
        )

    async def outcomes(self, channel: Channel) -> list[str | None]:
        """How the last try of each of the channel's messages ended, the newest first."""
        found = await self.office.deliveries.history(channel.organization_id, channel.channel_id, 200)
        return [one.outcome for one in found]

    async def settled(self, channel: Channel, *expected: str, attempts: int = 1) -> None:
        """Waits until the channel's messages were tried so often and ended so, whatever their order, and none is being
        tried.
        """
        async with asyncio.timeout(15):
            while True:
                found = await self.office.deliveries.history(channel.organization_id, channel.channel_id, 200)
                ended = sorted(str(one.outcome) for one in found) == sorted(expected)
                is_free = all(one.next_at is None or one.next_at - self.clock() != LEASE for one in found)
                if ended and is_free and all(one.attempts >= attempts for one in found):
                    return
                await asyncio.sleep(0.01)

    def turn(self, seconds: float) -> None:
        """The clock is so much further, and the worker looks."""
        self.clock.turn(seconds=seconds)
        for one in (self.office, *self.opened):
            one.worker.wake()

    @asynccontextmanager
    async def working(self, office: PostOffice | None = None) -> AsyncIterator[None]:
        """The queue is being emptied."""
        task = asyncio.create_task((office or self.office).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def refused(call: Any) -> Outcome:
    """The outcome that the call is refused with."""
    try:
        await call
    except RefusalError as refusal:
        return refusal.outcome
    raise AssertionError("it was not refused")


@asynccontextmanager
async def post_world(
    database: Database, *, post: PostOptions = LOOPBACK, worker: WorkerOptions | None = None
) -> AsyncIterator[PostWorld]:
    """A world over an empty database."""
    clock, directory, counters = TurnableClock(datetime.now(UTC)), Directory(database), Counters()
    audit, notices, vault = AuditLog(database, clock), LimitNotices(counters, clock), Vault([VAULT_KEY])
    needs = PostNeeds(
        database, vault, directory, audit, notices, counters,
        contact="mailto:ops@example.com", public_url="https://ponteio.example", post=post,
        worker=worker or WorkerOptions(idle_s=0.05), clock=clock,
    )  # fmt: skip
    world = PostWorld(
        database, clock, directory, Accounts(database, Passwords(QUICK), clock), Memberships(database, clock), audit,
        notices, counters,
        (await directory.create_organization("Acme")).organization_id,
        (await directory.create_organization("Rival")).organization_id,
        vault, needs, PostOffice.of(needs),
    )  # fmt: skip
    try:
        yield world
    finally:
        for one in (world.office, *world.opened):
            await one.http.close()


@asynccontextmanager
async def world_with_push(
    database: Database, folder: Path, **options: Any
) -> AsyncIterator[tuple[PostWorld, PushService]]:
    """A world that trusts a push service of its own."""
    async with (
        push_service(folder) as service,
        post_world(database, post=replace(LOOPBACK, tls=service.http.tls), **options) as world,
    ):
        yield world, service


@asynccontextmanager
async def world_with_receiver(database: Database, **options: Any) -> AsyncIterator[tuple[PostWorld, Receiver]]:
    """A world, and a server that takes its webhooks."""
    async with receiver() as here, post_world(database, **options) as world:
        yield world, here
