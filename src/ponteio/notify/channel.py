"""What is sent, and to where: the words between whoever has something to tell and whoever delivers it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class ChannelKind(StrEnum):
    """The ways out."""

    WEB_PUSH = "web_push"
    """Browsers of the organization's members."""
    WEBHOOK = "webhook"
    """Another server, by a signed HTTP call (Standard Webhooks)."""
    APPRISE = "apprise"
    """Telegram, e-mail, ntfy and what else apprise speaks."""


class Urgency(StrEnum):
    """How soon a device should be woken (RFC 8030, section 5.3)."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell an organization.

    `title` and `body` never hold what somebody wrote on WhatsApp. `content` does, where somebody chose so: it goes only
    to those who may read content. `url` is where a click leads, a path of our own pages or a whole address. A later
    message with the same `tag` takes the place of an earlier one on a device. `data` is JSON, without content, for
    machines. After `valid_s` seconds the message is worth nothing and is not delivered any more.
    """

    organization_id: str
    title: str
    body: str
    tag: str
    url: str = ""
    urgency: Urgency = Urgency.NORMAL
    incident_id: str | None = None
    content: str = ""
    kind: str = "alert.firing"
    """What webhooks call it (`type`): words separated by full stops."""
    data: Mapping[str, object] = field(default_factory=dict)
    valid_s: int = 6 * 3600


@dataclass(frozen=True, slots=True)
class Channel:
    """A way out of one organization, without its secrets.

    `address` is what may be shown of where it leads (`https://n8n.example.com/…`, `tgram://…`). `user_ids` are the
    members whose devices a channel of web push reaches; None: all. `disabled_reason` is why it is off, in a stable
    word: `by_hand`, `failing` or `gone`.
    """

    channel_id: str
    organization_id: str
    kind: ChannelKind
    name: str
    created_at: datetime
    address: str = ""
    user_ids: tuple[str, ...] | None = None
    header_name: str | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    failures: int = 0
    """Tries that failed since one last succeeded."""
    delivered_at: datetime | None = None
    old_secret_until: datetime | None = None
    """Until when the former secret of a webhook signs too."""


class Deliveries(Protocol):
    """Where messages are handed in. Both put them into the queue and return: nothing is sent meanwhile."""

    async def send(self, organization_id: str, channel_ids: Collection[str], message: Message) -> int:
        """The message waits for each of these channels that is the organization's and not disabled; for how many. What
        is above the organization's limit is left out, counted and told.
        """
        ...

    async def send_within(
        self, connection: AsyncConnection, organization_id: str, channel_ids: Collection[str], message: Message
    ) -> int:
        """As `send`, as a part of a write transaction of the caller's: a message and what it tells of are stored
        together or not at all. Call `wake` after the commit.
        """
        ...

    def wake(self) -> None:
        """What waits is looked at now, not at the next turn."""
        ...


class ChannelBook(Protocol):
    """The channels of organizations, as far as others ask."""

    async def list(self, organization_id: str) -> list[Channel]:
        """The organization's channels, the oldest first."""
        ...

    async def unknown(self, organization_id: str, channel_ids: Collection[str]) -> set[str]:
        """Those of the ids that are no channel of the organization."""
        ...
