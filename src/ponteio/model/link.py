"""Our connections to Evolution API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Where a link listens: the root namespace (every instance) or the namespace of one instance.

    `instance` is None for the global link. The namespace is the instance's name, raw and case-sensitive, behind a
    slash: Evolution does not encode it.
    """

    server_id: str
    instance: str | None = None

    @property
    def is_global(self) -> bool:
        return self.instance is None

    @property
    def namespace(self) -> str:
        return "/" if self.instance is None else f"/{self.instance}"


class LinkState(StrEnum):
    """Where a link stands. All but `off`, `connected` and `unlinkable` are on their way back by themselves."""

    OFF = "off"
    """Nobody wants it."""
    CONNECTING = "connecting"
    """The first dial, or a new dial after `connected`, is under way and nothing has gone wrong yet."""
    CONNECTED = "connected"
    """The namespace is joined: events arrive."""
    NAMESPACE_PENDING = "namespace_pending"
    """Evolution answers "Invalid namespace": the instance has emitted nothing since Evolution started, or there is no
    such instance (the two cannot be told apart). Asked again for as long as it lasts."""
    UNREACHABLE = "unreachable"
    """No TCP, no TLS, no HTTP, or no Socket.IO behind the address."""
    AUTH_FAILED = "auth_failed"
    """Evolution refuses the key."""
    UPSTREAM_DISABLED = "upstream_disabled"
    """Evolution runs with WEBSOCKET_ENABLED=false: there is no Socket.IO behind a server that answers."""
    UNLINKABLE = "unlinkable"
    """The name has a comma, which ends a namespace on the wire: only the global link can hear this instance."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A link at one moment. `attempts` counts dials since it was last connected; `reconnects` counts returns since
    the process started; `reason` is a stable code and `detail` a sentence without secrets, both None when all is well.
    """

    target: LinkTarget
    state: LinkState
    since: datetime
    attempts: int = 0
    reconnects: int = 0
    events: int = 0
    last_event_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None


class GapKind(StrEnum):
    """Why we may have missed events, or know that we did."""

    LINK_DOWN = "link_down"
    NAMESPACE_PENDING = "namespace_pending"
    OVERSIZE = "oversize"


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which events of `target` may have been lost. `to_at` is None while it lasts."""

    target: LinkTarget
    kind: GapKind
    from_at: datetime
    to_at: datetime | None = None
    detail: str | None = None
