"""The devices of people: where their browsers can be pushed to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.outcome import INVALID_REQUEST, NOT_FOUND, RefusalError
from ponteio.model.rights import Right, Role
from ponteio.notify.http_post import checked_url, host_of
from ponteio.notify.push_crypto import PushKeys, checked_keys
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import push_subscriptions
from ponteio.storage.tables import memberships, organizations, users
from ponteio.storage.vault import Vault
from ponteio.tenancy import versions
from ponteio.tenancy.identifiers import new_id
from ponteio.tenancy.permissions import ROLE_RIGHTS

MAX_DEVICES = 20
"""Of one person: another one takes the place of the one that was pushed to longest ago."""
MAX_LABEL = 100
FAILING_KEPT = timedelta(days=14)
"""A device that nothing reached for so long is forgotten."""


@dataclass(frozen=True, slots=True)
class Device:
    """A browser of somebody, without its secrets. `host` is its push service's."""

    subscription_id: str
    user_id: str
    label: str
    host: str
    created_at: datetime
    delivered_at: datetime | None = None
    failing_since: datetime | None = None


class PushSubscriptions:
    """Devices come and go with what browsers say. One endpoint is one person's: who registers it last has it."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def add(self, user_id: str, endpoint: str, p256dh: str, auth: str, label: str = "") -> Device:
        """The person's browser can be pushed to; it was another person's no longer. Raises `RefusalError`
        INVALID_REQUEST for an endpoint that is not HTTPS, or keys that are none.
        """
        try:
            checked_url(endpoint, https_only=True)
            keys = PushKeys(endpoint, *checked_keys(p256dh, auth))
        except ValueError as error:
            raise RefusalError(INVALID_REQUEST, f"The subscription cannot be used: {error}.") from None
        row = self._row(user_id, keys, label[:MAX_LABEL])
        async with self._database.write() as connection:
            await versions.bump(connection)
            hashed = push_subscriptions.c.endpoint_hash == row["endpoint_hash"]
            await connection.execute(delete(push_subscriptions).where(hashed))
            await _make_room(connection, user_id)
            await connection.execute(insert(push_subscriptions).values(row))
        return await self._get(user_id, str(row["subscription_id"]))

    async def remove(self, user_id: str, subscription_id: str) -> None:
        """The device is not pushed to. Raises `RefusalError` NOT_FOUND unless it was the person's."""
        this = (push_subscriptions.c.user_id == user_id, push_subscriptions.c.subscription_id == subscription_id)
        async with self._database.write() as connection:
            if not (await connection.execute(delete(push_subscriptions).where(*this))).rowcount:
                raise RefusalError(NOT_FOUND)

    async def keys_of(self, user_id: str) -> dict[str, PushKeys]:
        """How each of the person's devices is pushed to. Raises `RefusalError` SECRET_UNREADABLE."""
        statement = select(push_subscriptions).where(push_subscriptions.c.user_id == user_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {row.subscription_id: self._keys(row) for row in rows}

    async def reached(self, organization_id: str, user_ids: Collection[str] | None) -> list[tuple[str, str]]:
        """The devices of the organization's members, or of those of them in `user_ids`: ids, and their push services'
        hosts. Nobody's, while the organization or the account is disabled.
        """
        statement = _of_members(organization_id, push_subscriptions.c.subscription_id, push_subscriptions.c.host)
        if user_ids is not None:
            statement = statement.where(push_subscriptions.c.user_id.in_(user_ids))
        async with self._database.read() as connection:
            rows = (await connection.execute(statement.order_by(push_subscriptions.c.subscription_id))).all()
        return [(row.subscription_id, row.host) for row in rows]

    async def open_for(
        self, organization_id: str, subscription_id: str, user_ids: Collection[str] | None
    ) -> tuple[PushKeys, bool] | None:
        """How the device is pushed to, and whether its owner may read content, if at this moment it is one of those
        that `reached` finds. Raises `RefusalError` SECRET_UNREADABLE.
        """
        statement = _of_members(organization_id, push_subscriptions, memberships.c.role)
        statement = statement.where(push_subscriptions.c.subscription_id == subscription_id)
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None or (user_ids is not None and row.user_id not in user_ids):
            return None
        return self._keys(row), Right.CONTENT_READ in ROLE_RIGHTS[Role(row.role)]

    async def prune(self) -> int:
        """Devices that nothing has reached for long are gone; how many."""
        old = push_subscriptions.c.failing_since < self._clock() - FAILING_KEPT
        async with self._database.write() as connection:
            return (await connection.execute(delete(push_subscriptions).where(old))).rowcount

    async def _get(self, user_id: str, subscription_id: str) -> Device:
        found = [one for one in await self.list(user_id) if one.subscription_id == subscription_id]
        if not found:  # somebody registered it again in the same moment
            raise RefusalError(NOT_FOUND)
        return found[0]

    async def list(self, user_id: str) -> list[Device]:
        """The person's devices, the oldest first."""
        statement = select(push_subscriptions).where(push_subscriptions.c.user_id == user_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement.order_by(push_subscriptions.c.created_at))).all()
        return [_device(row) for row in rows]

    def _row(self, user_id: str, keys: PushKeys, label: str) -> dict[str, object]:
        subscription_id = new_id("psh")
        text = json.dumps({"endpoint": keys.endpoint, "p256dh": keys.p256dh, "auth": keys.auth})
        return {
            "subscription_id": subscription_id,
            "user_id": user_id,
            "endpoint_hash": hashlib.sha256(keys.endpoint.encode()).digest(),
            "host": host_of(keys.endpoint),
            "sealed_subscription": self._vault.seal(text, _place(subscription_id)),
            "label": label,
            "created_at": self._clock(),
        }

    def _keys(self, row: Row[Any]) -> PushKeys:
        return PushKeys(**json.loads(self._vault.unseal(row.sealed_subscription, _place(row.subscription_id))))


async def note_push(connection: AsyncConnection, subscription_id: str, now: datetime, *, delivered: bool) -> None:
    """The device was reached, or was not."""
    mine = push_subscriptions.c.subscription_id == subscription_id
    if delivered:
        values: dict[str, object] = {"delivered_at": now, "failing_since": None}
        await connection.execute(update(push_subscriptions).where(mine).values(values))
    else:
        healthy = push_subscriptions.c.failing_since.is_(None)
        await connection.execute(update(push_subscriptions).where(mine, healthy).values(failing_since=now))


async def forget(connection: AsyncConnection, subscription_id: str) -> None:
    """The device is not pushed to any more."""
    await connection.execute(delete(push_subscriptions).where(push_subscriptions.c.subscription_id == subscription_id))


def _of_members(organization_id: str, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .join(users, users.c.user_id == push_subscriptions.c.user_id)
        .join(memberships, memberships.c.user_id == push_subscriptions.c.user_id)
        .join(organizations, organizations.c.organization_id == memberships.c.organization_id)
        .where(
            memberships.c.organization_id == organization_id,
            users.c.disabled_at.is_(None),
            organizations.c.disabled_at.is_(None),
        )
    )


async def _make_room(connection: AsyncConnection, user_id: str) -> None:
    mine = push_subscriptions.c.user_id == user_id
    statement = select(push_subscriptions.c.subscription_id).where(mine)
    used_at = func.coalesce(push_subscriptions.c.delivered_at, push_subscriptions.c.created_at)
    freshest = statement.order_by(used_at.desc()).limit(MAX_DEVICES - 1)
    kept = (await connection.execute(freshest)).scalars().all()
    await connection.execute(delete(push_subscriptions).where(mine, push_subscriptions.c.subscription_id.not_in(kept)))


def _device(row: Row[Any]) -> Device:
    return Device(
        row.subscription_id,
        row.user_id,
        row.label,
        row.host,
        row.created_at,
        row.delivered_at,
        row.failing_since,
    )


def _place(subscription_id: str) -> str:
    return f"push_subscriptions.sealed_subscription:{subscription_id}"
