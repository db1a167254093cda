"""Who asks, and what belongs to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OrganizationScope:
    """The right to read and change what one organization owns. Only `tenancy` makes one."""

    organization_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever authenticated. `scope` is None for the operator, who runs the deployment and owns no events."""

    key_id: str
    scope: OrganizationScope | None

    @property
    def is_operator(self) -> bool:
        return self.scope is None


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant. `name` is unique in the deployment and may change; `organization_id` never does."""

    organization_id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret, which is shown once and never stored. `organization_id` is None for the operator's."""

    key_id: str
    organization_id: str | None
    label: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class InstanceState(StrEnum):
    """State of an instance's WhatsApp connection, in Evolution's own words; `unknown` before the first report."""

    OPEN = "open"
    CONNECTING = "connecting"
    CLOSE = "close"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Instance:
    """An Evolution instance that we know of. `organization_id` is None until somebody owns it.

    `upstream_id` is Evolution's own id (it survives a rename and dies with the instance); `reason` is Evolution's
    `statusReason` or disconnection code; `removed_at` is set once Evolution no longer has the instance.
    """

    instance_id: str
    server_id: str
    name: str
    organization_id: str | None = None
    upstream_id: str | None = None
    integration: str | None = None
    state: InstanceState = InstanceState.UNKNOWN
    state_at: datetime | None = None
    reason: int | None = None
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstanceChange:
    """What one event, or one answer of Evolution's REST API, says about an instance.

    None means "says nothing about this".
    """

    state: InstanceState | None = None
    reason: int | None = None
    upstream_id: str | None = None
    integration: str | None = None
    removed: bool = False
