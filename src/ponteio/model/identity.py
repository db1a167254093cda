"""Who asks, and what belongs to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ponteio.model.event_policy import FOREVER_DAYS
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.rights import CredentialKind, KeyScope, Right, Role
from ponteio.model.sight import ALL_SEEN, Sight


@dataclass(frozen=True, slots=True)
class OrganizationScope:
    """The right to read and change what one organization owns. Only `tenancy` makes one.

    `allowed` narrows it to some instances and events, `sight` to a part of what events hold: every read takes both into
    account, so that nobody has to remember to.
    """

    organization_id: str
    allowed: EventFilter = EVERYTHING
    sight: Sight = ALL_SEEN

    def covers(self, instance: str) -> bool:
        """Whether the organization's instance of this name is within the scope."""
        return self.allowed.instances is None or instance in self.allowed.instances


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever authenticated, and what they may do. Only `tenancy` makes one.

    `scope` is None where no organization is acted for: by the operator, and by a person who belongs to none.
    `credential_id` names the key, session, ticket or signer by which they came: what can be revoked. `user` tells
    people apart where a limit is per person: an account's id, or the label that a ticket or token gives its holder.
    `live_per_minute` is the storm damper that an API key was given (events a minute for each instance; None: none).
    """

    kind: CredentialKind
    credential_id: str
    rights: frozenset[Right]
    scope: OrganizationScope | None = None
    user: str | None = None
    user_id: str | None = None
    expires_at: datetime | None = None
    live_per_minute: int | None = None

    @property
    def is_operator(self) -> bool:
        return Right.OPERATE in self.rights

    def may(self, right: Right) -> bool:
        return right in self.rights


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant. `name` is unique in the deployment and may change; `organization_id` never does. While it is disabled
    its events are stored, and nobody may act for it.
    """

    organization_id: str
    name: str
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret, which is shown once and never stored. `organization_id` is None for the operator's.

    `allowed` narrows it to instances and event patterns; `metadata_only` keeps content from it; `live_per_minute` puts
    the storm damper on its sockets, which are free of it otherwise.
    """

    key_id: str
    organization_id: str | None
    label: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    scopes: frozenset[KeyScope] = frozenset({KeyScope.ADMIN})
    allowed: EventFilter = EVERYTHING
    metadata_only: bool = False
    expires_at: datetime | None = None
    created_by: str | None = None
    live_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A person's account. `email` is unique whatever its case."""

    user_id: str
    email: str
    name: str
    is_operator: bool
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """What a person is to an organization: `admin`, `agent` or `viewer`."""

    user_id: str
    organization_id: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What one organization may use. 0 means none at all, never unlimited."""

    sockets: int = 100
    sockets_per_user: int = 10
    links: int = 100
    live_per_minute: int = 100
    """Events a minute for each instance on one browser socket; more are held."""
    live_burst: int = 100
    requests_per_minute: int = 600
    """REST calls a minute with one credential."""
    notifications_per_hour: int = 200
    """Messages to channels; one that goes to three channels counts three times, one to many devices once."""
    keep_days: int = FOREVER_DAYS
    """Days for which events are kept at most, whatever the organization chose. At least 1."""


@dataclass(frozen=True, slots=True)
class Server:
    """An Evolution API server. Its key is sealed; `key_last4` is all that is ever shown of it.

    The server of the environment (`is_from_environment`) has no key here. `allow_private` lets its address be a
    private one: the operator's word, never an organization's. `key_mark` is another one whenever the key was sealed
    anew: two keys may end in the same four characters.
    """

    server_id: str
    url: str
    label: str
    created_at: datetime
    global_events: bool = False
    allow_private: bool = False
    is_from_environment: bool = False
    key_last4: str | None = None
    removed_at: datetime | None = None
    key_mark: str | None = field(default=None, repr=False)


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
