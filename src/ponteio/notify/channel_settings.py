"""What a channel is set up with: checked, and what of it is secret sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from ponteio.model.outcome import INVALID_REQUEST, RefusalError
from ponteio.notify.apprise_channel import AppriseSender, shown
from ponteio.notify.channel import ChannelKind
from ponteio.notify.http_post import HttpPost, checked_url, origin_of
from ponteio.notify.webhooks import checked_header
from ponteio.storage.database import Database
from ponteio.storage.tables import memberships
from ponteio.storage.vault import Vault

MAX_USERS = 200


class ChannelSettings:
    """Checks settings, seals and opens them. Stores nothing."""

    def __init__(self, database: Database, vault: Vault, post: HttpPost, apprise: AppriseSender) -> None:
        self._database = database
        self._vault = vault
        self._post = post
        self._apprise = apprise

    async def settled(
        self, organization_id: str, kind: ChannelKind, settings: dict[str, Any], *, url: str | None, **more: Any
    ) -> dict[str, object]:
        """The columns for what is given of `url`, `users` and `header`; `settings` has what of it is secret.

        Raises `RefusalError` INVALID_REQUEST, ADDRESS_REFUSED or NOT_INSTALLED.
        """
        values: dict[str, object] = {}
        if url is not None:
            settings["url"] = url
            values["address"] = await self._checked_address(kind, url)
        if "users" in more and (more["users"] is not None or kind is ChannelKind.WEB_PUSH):
            values["user_ids"] = await self._checked_users(organization_id, kind, more["users"])
        if "header" in more and (more["header"] is not None or kind is ChannelKind.WEBHOOK):
            settings["header"] = header = _checked_header(kind, more["header"])
            values["header_name"] = None if header is None else header[0]
        return values

    async def _checked_address(self, kind: ChannelKind, url: str) -> str:
        if kind is ChannelKind.WEB_PUSH:
            raise RefusalError(INVALID_REQUEST, "Web push goes to devices: it takes no `url`.")
        if kind is ChannelKind.WEBHOOK:
            return self._checked_webhook(url)
        await self._apprise.check(url)
        return shown(url)

    def _checked_webhook(self, url: str) -> str:
        try:
            checked_url(url)
        except ValueError as error:
            raise RefusalError(INVALID_REQUEST, f"The address {error}.") from None
        self._post.check_literal(url)
        origin = origin_of(url)
        return origin if url[len(origin) :] in ("", "/") else f"{origin}/…"

    async def _checked_users(self, organization_id: str, kind: ChannelKind, users: Sequence[str] | None) -> str | None:
        if kind is not ChannelKind.WEB_PUSH:
            raise RefusalError(INVALID_REQUEST, "Only web push takes `users`.")
        if users is None:
            return None
        wanted = sorted(set(users))
        statement = select(memberships.c.user_id).where(
            memberships.c.organization_id == organization_id, memberships.c.user_id.in_(wanted[:MAX_USERS])
        )
        async with self._database.read() as connection:
            found = set((await connection.execute(statement)).scalars())
        if found != set(wanted):
            raise RefusalError(INVALID_REQUEST, f"`users` are at most {MAX_USERS} ids of members.")
        return json.dumps(wanted)

    def sealed(self, channel_id: str, settings: Mapping[str, Any]) -> str:
        """The settings as they may be stored."""
        return self._vault.seal(json.dumps(settings), _place(channel_id))

    def unsealed(self, channel_id: str, sealed_settings: str | None) -> dict[str, Any]:
        """What `sealed` was given. Raises `RefusalError` SECRET_UNREADABLE."""
        if sealed_settings is None:
            return {"secrets": []}
        settings: dict[str, Any] = json.loads(self._vault.unseal(sealed_settings, _place(channel_id)))
        return settings


def _checked_header(kind: ChannelKind, header: tuple[str, str] | None) -> tuple[str, str] | None:
    if kind is not ChannelKind.WEBHOOK:
        raise RefusalError(INVALID_REQUEST, "Only webhooks take a `header`.")
    if header is None:
        return None
    try:
        return checked_header(*header)
    except ValueError as error:
        raise RefusalError(INVALID_REQUEST, f"The header {error}.") from None


def _place(channel_id: str) -> str:
    return f"channels.sealed_settings:{channel_id}"
