"""The channels of organizations. What is secret about them is sealed, and shown once if at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.outcome import INVALID_REQUEST, NOT_FOUND, TOO_MANY_CHANNELS, RefusalError
from ponteio.notify.apprise_channel import AppriseSender
from ponteio.notify.channel import Channel, ChannelKind
from ponteio.notify.channel_settings import ChannelSettings
from ponteio.notify.http_post import HttpPost
from ponteio.notify.webhooks import WebhookTarget, new_secret
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import channels, deliveries
from ponteio.storage.tables import organizations
from ponteio.storage.vault import Vault
from ponteio.tenancy import versions
from ponteio.tenancy.identifiers import new_id

MAX_CHANNELS = 50
MAX_NAME = 100
MAX_OVERLAP = timedelta(days=7)


class ChannelChange(TypedDict, total=False):
    """What of a channel is to be another; what is left out stays."""

    name: str
    url: str
    users: list[str] | None
    header: tuple[str, str] | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel with what is needed to use it."""

    channel: Channel
    target: WebhookTarget = field(repr=False)


class Channels:
    """An organization finds, changes and removes its own channels only: another's is NOT_FOUND."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        post: HttpPost,
        apprise: AppriseSender,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._apprise = apprise
        self._settings = ChannelSettings(database, vault, post, apprise)
        self._clock = clock

    @property
    def kinds(self) -> Mapping[str, bool]:
        """Every kind, and whether this deployment has what it needs."""
        return {kind.value: kind is not ChannelKind.APPRISE or self._apprise.is_installed for kind in ChannelKind}

    async def create(
        self,
        organization_id: str,
        kind: str,
        name: str,
        *,
        url: str | None = None,
        users: Sequence[str] | None = None,
        header: tuple[str, str] | None = None,
    ) -> tuple[Channel, str | None]:
        """A new channel, and a webhook's secret, which is given this once. `url` is for webhooks and apprise, `users`
        (members; None: all) for web push, `header` for webhooks.

        Raises `RefusalError` INVALID_REQUEST, ADDRESS_REFUSED, NOT_INSTALLED or TOO_MANY_CHANNELS.
        """
        wanted = ChannelKind(kind)
        channel_id, secret = new_id("chn"), new_secret() if wanted is ChannelKind.WEBHOOK else None
        settings: dict[str, Any] = {"secrets": [secret] if secret else []}
        values = {
            "organization_id": organization_id,
            "channel_id": channel_id,
            "kind": wanted.value,
            "address": "",
            "created_at": self._clock(),
            "failures": 0,
            **_name(name),
            **await self._settings.settled(organization_id, wanted, settings, url=url, users=users, header=header),
        }
        if wanted is not ChannelKind.WEB_PUSH:
            if url is None:
                raise RefusalError(INVALID_REQUEST, "A channel of this kind needs a `url`.")
            values["sealed_settings"] = self._settings.sealed(channel_id, settings)
        async with self._database.write() as connection:
            await versions.bump(connection)
            await _require_room(connection, organization_id)
            await connection.execute(insert(channels).values(values))
        return await self.get(organization_id, channel_id), secret

    async def get(self, organization_id: str, channel_id: str) -> Channel:
        """The organization's channel. Raises `RefusalError` NOT_FOUND."""
        return _channel(await self._row(organization_id, channel_id))

    async def change(self, organization_id: str, channel_id: str, wanted: ChannelChange) -> Channel:
        """The channel is as wanted. Switched on, it counts as healthy. Raises `RefusalError` as `create` does, and
        NOT_FOUND or SECRET_UNREADABLE.
        """
        row = await self._row(organization_id, channel_id)
        is_secret_new = bool({"url", "header"} & set(wanted))
        settings = self._settings.unsealed(row.channel_id, row.sealed_settings) if is_secret_new else {}
        values = await self._settings.settled(
            organization_id,
            ChannelKind(row.kind),
            settings,
            url=wanted.get("url"),
            **({"users": wanted["users"]} if "users" in wanted else {}),
            **({"header": wanted["header"]} if "header" in wanted else {}),
        )
        if "name" in wanted:
            values |= _name(wanted["name"])
        if "enabled" in wanted:
            values |= _switched(wanted["enabled"], row, self._clock())
        if is_secret_new:
            values["sealed_settings"] = self._settings.sealed(channel_id, settings)
        await self._put(organization_id, channel_id, row.sealed_settings, values)
        return await self.get(organization_id, channel_id)

    async def rotate(self, organization_id: str, channel_id: str, overlap: timedelta) -> tuple[Channel, str]:
        """The webhook has a new secret, which is given this once; the former signs too until `overlap` (at most seven
        days) is over. Raises `RefusalError` NOT_FOUND, SECRET_UNREADABLE, or INVALID_REQUEST for another kind.
        """
        row = await self._row(organization_id, channel_id)
        if row.kind != ChannelKind.WEBHOOK:
            raise RefusalError(INVALID_REQUEST, "Only webhooks have a secret.")
        settings, secret = self._settings.unsealed(row.channel_id, row.sealed_settings), new_secret()
        overlap = min(max(overlap, timedelta(0)), MAX_OVERLAP)
        settings["secrets"] = [secret, *(settings["secrets"][:1] if overlap else [])]
        until = self._clock() + overlap if overlap else None
        values = {"sealed_settings": self._settings.sealed(channel_id, settings), "old_secret_until": until}
        await self._put(organization_id, channel_id, row.sealed_settings, values)
        return await self.get(organization_id, channel_id), secret

    async def remove(self, organization_id: str, channel_id: str) -> None:
        """The channel and what waited for it are gone. Raises `RefusalError` NOT_FOUND."""
        async with self._database.write() as connection:
            await versions.bump(connection)
            gone = await connection.execute(delete(channels).where(*_this(organization_id, channel_id)))
            if not gone.rowcount:
                raise RefusalError(NOT_FOUND)
            mine = (deliveries.c.organization_id == organization_id, deliveries.c.channel_id == channel_id)
            await connection.execute(delete(deliveries).where(*mine))

    async def opened(self, organization_id: str, channel_id: str) -> OpenChannel | None:
        """The channel as it can be used now; None if it is gone or its organization disabled. Raises `RefusalError`
        SECRET_UNREADABLE.
        """
        statement = (
            select(channels)
            .join(organizations, organizations.c.organization_id == channels.c.organization_id)
            .where(*_this(organization_id, channel_id), organizations.c.disabled_at.is_(None))
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            return None
        settings, channel = self._settings.unsealed(row.channel_id, row.sealed_settings), _channel(row)
        keys = settings["secrets"]
        if channel.old_secret_until is None or channel.old_secret_until <= self._clock():
            keys = keys[:1]
        header = settings.get("header")
        target = WebhookTarget(settings.get("url", ""), tuple(keys), None if header is None else (header[0], header[1]))
        return OpenChannel(channel, target)

    async def unknown(self, organization_id: str, channel_ids: Collection[str]) -> set[str]:
        """Those of the ids that are no channel of the organization."""
        return set(channel_ids) - {one.channel_id for one in await self.list(organization_id)}

    async def list(self, organization_id: str) -> list[Channel]:
        """The organization's channels, the oldest first."""
        statement = select(channels).where(channels.c.organization_id == organization_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement.order_by(channels.c.created_at, channels.c.channel_id))).all()
        return [_channel(row) for row in rows]

    async def _row(self, organization_id: str, channel_id: str) -> Row[Any]:
        async with self._database.read() as connection:
            statement = select(channels).where(*_this(organization_id, channel_id))
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise RefusalError(NOT_FOUND)
        return row

    async def _put(
        self, organization_id: str, channel_id: str, was_sealed: str | None, values: Mapping[str, object]
    ) -> None:
        if not values:
            return
        async with self._database.write() as connection:
            await versions.bump(connection)
            # Whoever sealed it anew meanwhile, with another key or another secret, must not be undone.
            same = channels.c.sealed_settings.is_not_distinct_from(was_sealed)
            this = _this(organization_id, channel_id)
            if not (await connection.execute(update(channels).where(*this, same).values(values))).rowcount:
                raise RefusalError(NOT_FOUND)


def _name(name: str) -> dict[str, object]:
    if not 1 <= len(name.strip()) <= MAX_NAME:
        raise RefusalError(INVALID_REQUEST, f"The name has 1 to {MAX_NAME} characters.")
    return {"name": name.strip()}


def _switched(enabled: bool, row: Row[Any], now: datetime) -> dict[str, object]:
    if not enabled:
        return {} if row.disabled_at else {"disabled_at": now, "disabled_reason": "by_hand"}
    return {"disabled_at": None, "disabled_reason": None, "failing_since": None, "failures": 0}


async def _require_room(connection: AsyncConnection, organization_id: str) -> None:
    mine = select(func.count()).select_from(channels).where(channels.c.organization_id == organization_id)
    if (await connection.execute(mine)).scalar_one() >= MAX_CHANNELS:
        raise RefusalError(TOO_MANY_CHANNELS)


def _this(organization_id: str, channel_id: str) -> tuple[ColumnElement[bool], ...]:
    return channels.c.organization_id == organization_id, channels.c.channel_id == channel_id


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        channel_id=row.channel_id,
        organization_id=row.organization_id,
        kind=ChannelKind(row.kind),
        name=row.name,
        created_at=row.created_at,
        address=row.address,
        user_ids=None if row.user_ids is None else tuple(json.loads(row.user_ids)),
        header_name=row.header_name,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
        failures=row.failures,
        delivered_at=row.delivered_at,
        old_secret_until=row.old_secret_until,
    )
