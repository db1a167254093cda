"""The shapes of requests and answers about keys, tickets, signers, organizations, limits, servers and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, SecretStr

from ponteio.api.schemas import Moment
from ponteio.model.event_policy import FOREVER_DAYS
from ponteio.model.rights import KeyScope

Names = Annotated[list[str], Field(min_length=1, max_length=500)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Days = Annotated[int, Field(ge=1, le=FOREVER_DAYS, description="36500, a hundred years, is for ever.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewKeyRequest(_Request):
    """What a key is to be. The operator's own keys take a label alone."""

    label: str = Field("", max_length=200)
    scopes: list[KeyScope] | None = Field(None, min_length=1, description="`admin` if left out.")
    instances: Names | None = Field(None, description="Only these.")
    events: Names | None = Field(None, description="Only these names or `family.*`.")
    metadata_only: bool = Field(False, description="No content of events.")
    expires_at: AwareDatetime | None = None
    live_per_minute: Count | None = Field(None, description="Storm damper of its sockets; none if left out.")


class KeyAnswer(BaseModel):
    """A key without its secret."""

    id: str
    organization: str | None
    label: str
    prefix: str
    scopes: list[KeyScope]
    instances: list[str] | None
    events: list[str] | None
    metadata_only: bool
    live_per_minute: int | None
    created_at: Moment
    created_by: str | None
    expires_at: Moment | None
    last_used_at: Moment | None
    revoked_at: Moment | None


class KeysAnswer(BaseModel):
    keys: list[KeyAnswer]


class NewKeyAnswer(BaseModel):
    """A new key. `api_key` is shown this once."""

    key: KeyAnswer
    api_key: str


class TicketRequest(_Request):
    """What a browser may see. Never more than the key that asks."""

    instances: Names | None = None
    events: Names | None = None
    content: bool = Field(True, description="What events hold, not only their metadata.")
    pairing: bool = Field(False, description="QR and pairing codes.")
    user_label: str | None = Field(None, max_length=128, description="Tells people apart where limits are for each.")
    valid_s: int = Field(60, ge=1, le=60)


class TicketAnswer(BaseModel):
    """Good for one handshake: `io(url, { auth: { token: ticket } })`."""

    ticket: str
    expires_at: Moment
    url: str | None = Field(description="Where browsers find the gateway: PONTEIO_PUBLIC_URL, or null.")


class SignerRequest(_Request):
    """Either a shared secret or a set of public keys (RFC 7517)."""

    secret: SecretStr | None = Field(None, max_length=1024, description="32 to 1024 bytes. Never shown again.")
    jwks: dict[str, Any] | None = None
    audience: str = Field("ponteio", min_length=1, max_length=256)


class SignerAnswer(BaseModel):
    """What tokens must say: `iss`, `aud`, and with what they may be signed."""

    issuer: str
    audience: str
    algorithms: list[str]
    jwks: dict[str, JsonValue] | None
    created_at: Moment


class NewOrganizationRequest(_Request):
    name: str = Field(min_length=1, max_length=200)


class OrganizationChange(_Request):
    name: str | None = Field(None, min_length=1, max_length=200)
    disabled: bool | None = None


class OrganizationAnswer(BaseModel):
    id: str
    name: str
    created_at: Moment
    disabled_at: Moment | None
    instances: int
    sockets: int


class OrganizationsAnswer(BaseModel):
    organizations: list[OrganizationAnswer]


class LimitsRequest(_Request):
    """Each may be left out to leave it as it is, or null for the deployment's default."""

    sockets: Count | None = None
    sockets_per_user: Count | None = None
    links: Count | None = None
    live_per_minute: Count | None = None
    live_burst: Count | None = None
    requests_per_minute: Count | None = None
    notifications_per_hour: Count | None = None
    keep_days: Days | None = None


class LimitAnswer(BaseModel):
    """One limit. `used` is null where there is no count that would mean anything at one moment."""

    name: str
    limit: int
    used: int | None


class LimitNoticeAnswer(BaseModel):
    """A limit that was reached since the gateway started."""

    code: str
    count: int
    first_at: Moment
    last_at: Moment


class LimitsAnswer(BaseModel):
    limits: list[LimitAnswer]
    reached: list[LimitNoticeAnswer]


class NewServerRequest(_Request):
    url: str = Field(min_length=1, max_length=2000)
    key: SecretStr = Field(description="Evolution's global key. Kept sealed, never shown again.")
    label: str = Field("", max_length=200)
    global_events: bool = Field(False, description="WEBSOCKET_GLOBAL_EVENTS is true there.")
    allow_private: bool = Field(False, description="Its address may be a private one.")


class ServerChange(_Request):
    url: str | None = Field(None, min_length=1, max_length=2000)
    key: SecretStr | None = None
    label: str | None = Field(None, max_length=200)
    global_events: bool | None = None
    allow_private: bool | None = None


class ServerAnswer(BaseModel):
    """A server. Of its key only the last four characters are shown, and of the environment's nothing."""

    id: str
    url: str
    label: str
    global_events: bool
    allow_private: bool
    is_from_environment: bool
    key_last4: str | None
    key_is_public: bool = Field(description="It is a default that everybody knows from Evolution's own examples.")
    is_usable: bool = Field(description="False when its key cannot be opened or its address not be used.")
    instances: int
    created_at: Moment


class ServersAnswer(BaseModel):
    servers: list[ServerAnswer]


class ServerChoice(BaseModel):
    id: str
    label: str


class ServerChoices(BaseModel):
    servers: list[ServerChoice]


class AuditAnswer(BaseModel):
    """One thing that was done: by whom, to what, from where."""

    id: int
    at: Moment
    organization: str | None
    action: str
    actor_kind: str
    actor: str | None
    actor_label: str | None
    address: str | None
    target: str | None
    detail: dict[str, JsonValue] | None


class AuditPage(BaseModel):
    entries: list[AuditAnswer]
    next_before: int | None = Field(description="`before` for the page of older ones; null at the end.")
