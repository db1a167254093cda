"""The shapes of requests and answers about channels, deliveries and devices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ponteio.api.schemas import Moment

Kind = Literal["web_push", "webhook", "apprise"]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Users = Annotated[list[str], Field(max_length=200)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class HeaderRequest(_Request):
    """A header of the receiver's choice, such as n8n's header authentication. Its value is never shown again."""

    name: str = Field(min_length=1, max_length=64)
    value: SecretStr = Field(min_length=1, max_length=1_024)


class NewChannelRequest(_Request):
    """A channel. `url` is for webhooks (`https://…`) and apprise (`tgram://…`), and never shown again."""

    kind: Kind
    name: Name
    url: SecretStr | None = Field(None, max_length=2_048)
    users: Users | None = Field(None, description="Web push: these members' devices; all members' if left out.")
    header: HeaderRequest | None = Field(None, description="Webhooks only.")


class ChannelChangeRequest(_Request):
    """Each may be left out to leave it as it is."""

    name: Name | None = None
    url: SecretStr | None = Field(None, max_length=2_048)
    users: Users | None = Field(None, description="Null: all members.")
    header: HeaderRequest | None = Field(None, description="Null: none.")
    enabled: bool | None = None


class ChannelAnswer(BaseModel):
    """A channel without its secrets."""

    id: str
    kind: Kind
    name: str
    address: str = Field(description="What may be shown of where it leads.")
    users: list[str] | None = Field(description="Web push: whose devices; null: all members'.")
    header: str | None = Field(description="The name of its own header.")
    enabled: bool
    created_at: Moment
    disabled_at: Moment | None
    disabled_reason: str | None = Field(description="`by_hand`, `failing` or `gone`.")
    failing_since: Moment | None
    failures: int = Field(description="Tries in vain since one last succeeded.")
    delivered_at: Moment | None
    old_secret_until: Moment | None = Field(description="Until then a webhook is signed with its former secret too.")


class KindAnswer(BaseModel):
    """A kind of channel. `installed` is false where a library is missing."""

    kind: Kind
    installed: bool


class ChannelsAnswer(BaseModel):
    channels: list[ChannelAnswer]
    kinds: list[KindAnswer]


class NewChannelAnswer(BaseModel):
    """A new channel. `secret` (`whsec_…`, webhooks only) is shown this once."""

    channel: ChannelAnswer
    secret: str | None


class SecretRequest(_Request):
    overlap_s: int = Field(86_400, ge=0, le=604_800, description="For how long the former secret signs too.")


class SecretAnswer(BaseModel):
    """`secret` is shown this once."""

    channel: ChannelAnswer
    secret: str


class TrialAnswer(BaseModel):
    """How a test message fared. `status` is the HTTP status, where there was an answer."""

    delivered: bool
    outcome: str
    status: int | None
    detail: str
    duration_ms: int


class DeliveryAnswer(BaseModel):
    """What became of one message. `outcome`, `status` and `duration_ms` are those of the last try."""

    id: str = Field(description="A webhook's `webhook-id`.")
    device: str | None = Field(description="Web push: which device.")
    created_at: Moment
    attempts: int
    tried_at: Moment | None
    finished_at: Moment | None
    next_at: Moment | None = Field(description="When it is tried next; null once finished.")
    outcome: str | None
    status: int | None
    detail: str | None
    duration_ms: int | None


class DeliveriesAnswer(BaseModel):
    deliveries: list[DeliveryAnswer]


class PushKeyAnswer(BaseModel):
    """`key` is what `pushManager.subscribe` takes as `applicationServerKey`."""

    key: str


class PushKeysRequest(_Request):
    p256dh: str = Field(min_length=80, max_length=100)
    auth: SecretStr = Field(min_length=20, max_length=30)


class SubscriptionRequest(_Request):
    """What `PushSubscription.toJSON()` gives."""

    endpoint: SecretStr = Field(min_length=1, max_length=2_048)
    keys: PushKeysRequest
    expirationTime: float | None = Field(None, description="Taken, and not used.")  # noqa: N815 - browsers name it so
    label: str = Field("", max_length=100, description="What the person calls the device.")


class DeviceAnswer(BaseModel):
    """A browser of one's own that takes pushes."""

    id: str
    label: str
    service: str = Field(description="Host of its push service.")
    created_at: Moment
    delivered_at: Moment | None
    failing_since: Moment | None


class DevicesAnswer(BaseModel):
    devices: list[DeviceAnswer]


class DeviceTrial(BaseModel):
    id: str
    delivered: bool
    outcome: str
    status: int | None
    detail: str


class DeviceTrialsAnswer(BaseModel):
    devices: list[DeviceTrial]
