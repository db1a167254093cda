"""The shapes of requests and answers, as `/openapi.json` shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, WithJsonSchema

from ponteio.model.event import utc_text
from ponteio.model.identity import InstanceState
from ponteio.model.link import GapKind, LinkState

Moment = Annotated[
    datetime,
    PlainSerializer(utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T14:46:13.999Z"]}),
]
Mode = Literal["global", "traditional"]


class Health(BaseModel):
    """All is well; otherwise a problem is answered."""

    status: Literal["ok"] = "ok"


class LinkAnswer(BaseModel):
    """One of our links to Evolution API. `events` and `last_event_at` of the global link are the operator's to see."""

    server: str = Field(description="The Evolution server's id.")
    instance: str | None = Field(description="Null for the global link.")
    state: LinkState
    since: Moment
    attempts: int = Field(description="Dials since it was last connected.")
    reconnects: int = Field(description="Returns since the gateway started.")
    events: int | None
    last_event_at: Moment | None
    reason: str | None = Field(description="A stable code; null when all is well.")
    detail: str | None


class LinksAnswer(BaseModel):
    links: list[LinkAnswer]


class InstanceLink(BaseModel):
    """How the events of one instance reach us: over the global link, its own, both, or not at all."""

    mode: Literal["global", "instance", "both", "none"]
    state: LinkState
    since: Moment
    last_event_at: Moment | None
    attempts: int
    reason: str | None
    detail: str | None


class InstanceAnswer(BaseModel):
    """An instance as we know it. `state` follows Evolution's reports; `reason` is Evolution's own number for it."""

    name: str
    server: str = Field(description="The Evolution server's id.")
    organization: str | None
    integration: str | None
    state: InstanceState
    state_at: Moment | None
    reason: int | None
    link: InstanceLink


class InstancesAnswer(BaseModel):
    instances: list[InstanceAnswer]


class EmittedEvents(BaseModel):
    """What Evolution emits on the instance's own namespace, in Evolution's setting names."""

    enabled: bool
    events: list[str]


class Unavailable(BaseModel):
    """Why Evolution could not be asked just now."""

    code: str
    detail: str


class InstanceDetailAnswer(InstanceAnswer):
    """An instance, with its state asked of Evolution just now. `websocket` is null if never set on Evolution."""

    websocket: EmittedEvents | None
    unavailable: Unavailable | None = Field(description="Null when Evolution answered.")


class ConnectedAnswer(InstanceAnswer):
    """An instance that was told to connect. The codes log a phone in: keep them from other eyes."""

    qr_code: str | None = Field(description="The text of the QR code.")
    qr_image: str | None = Field(description="The QR code as a data URL.")
    pairing_code: str | None = Field(description="To be typed into the phone, when a number was given.")
    qr_count: int | None = Field(description="How many QR codes Evolution has made in this attempt.")


class DeletedAnswer(BaseModel):
    name: str
    deleted: Literal[True] = True


class NewInstanceRequest(BaseModel):
    """What a new instance on Evolution needs."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="Unique on the Evolution server.")
    integration: Literal["WHATSAPP-BAILEYS", "WHATSAPP-BUSINESS", "EVOLUTION"] = "WHATSAPP-BAILEYS"
    number: str | None = Field(None, pattern=r"^\d[\d.@\w-]{0,63}$", description="The phone's number, or Meta's id.")
    token: str | None = Field(
        None,
        min_length=20,
        max_length=1024,
        # Every token is taken out of everybody's events: nobody may choose a word for one.
        pattern=r"^[\w-]*[A-Za-z][\w-]*$",
        description="Letters, digits, `-` and `_`; for WHATSAPP-BUSINESS Meta's token. Never shown again.",
    )
    business_id: str | None = Field(None, pattern=r"^\w{1,64}$", description="WHATSAPP-BUSINESS: Meta's account.")
    organization: str | None = Field(
        None,
        max_length=200,
        description="Who is to own it, by id or name: the operator says so, others own what they make.",
    )
    server: str | None = Field(None, max_length=100, description="On which Evolution server.")


class ClaimRequest(BaseModel):
    """An instance that is to be the caller's, and its own token, which is asked of Evolution and not kept."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255)
    token: str = Field(min_length=1, max_length=1024)
    server: str | None = Field(None, max_length=100, description="Which server's; needed where there are several.")


class AssignRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    organization: str = Field(min_length=1, max_length=200, description="The new owner, by id or name.")
    move: bool = Field(False, description="Take it from another owner.")


class ConnectRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: str | None = Field(None, pattern=r"^\d{5,20}$", description="Asks for a pairing code for this phone.")


class LinkCounts(BaseModel):
    total: int
    by_state: dict[LinkState, int]


class EventCounts(BaseModel):
    """`stored` counts what the organization's log holds; for the operator everything is counted since the start."""

    stored: int
    received: int | None = Field(description="Frames from Evolution. The operator's to see.")
    duplicates: int | None = Field(description="Heard twice, stored once. The operator's to see.")
    refused: dict[str, int] | None = Field(description="Set aside, by code. The operator's to see.")


class LastError(BaseModel):
    """The newest trouble of a link that is not yet over."""

    server: str
    instance: str | None
    state: LinkState
    since: Moment
    reason: str | None
    detail: str | None


class WebsocketStatusAnswer(BaseModel):
    enabled: bool = Field(description="WEBSOCKET_ENABLED.")
    mode: Mode = Field(description="WEBSOCKET_GLOBAL_EVENTS.")
    global_link: LinkAnswer
    links: LinkCounts = Field(description="The links that the caller may act on, the global one not counted.")
    sockets: int = Field(description="Browsers and services that listen now.")
    events: EventCounts
    reconnects: int
    last_error: LastError | None
    requests_refused: dict[str, int] | None = Field(description="By code, since the start. The operator's to see.")


class EventAnswer(BaseModel):
    """An event. `data` is Evolution's own, with bytes as marked base64 and without secrets."""

    cursor: str
    seq: int
    organization: str
    instance: str
    event: str
    sender: str | None = Field(None, description="Missing when Evolution names none.")
    occurred_at: Moment
    received_at: Moment
    date_time: str | None = Field(description="As Evolution sent it: its local time with a false Z.")
    origin: str
    extra: dict[str, JsonValue] | None = None
    withheld: Literal["content", "pairing"] | None = Field(
        None, description="Why `data` is reduced to its metadata: the right that the reader lacks."
    )
    data: JsonValue


class EventPage(BaseModel):
    """Events in order. Ask again with `after` = `next` (`before` = `next`, newest first) while there is `more`; oldest
    first, there is nothing more for now when `next` equals `head`.
    """

    events: list[EventAnswer]
    next: str
    previous: str = Field(description="For the other direction: `before` it, oldest first; `after` it, newest first.")
    head: str = Field(description="The end of the log.")
    more: bool
    complete: bool = Field(description="False: the time was over before the page was full. `next` goes on from there.")


class RefusedFrame(BaseModel):
    """A frame or event that was set aside. `excerpt` holds no secret."""

    id: int
    code: str
    detail: str
    server: str
    instance: str | None
    event: str | None
    link: str | None = Field(description="The instance whose link it came over; null for the global link.")
    received_at: Moment
    size: int
    excerpt: str


class QuarantinePage(BaseModel):
    refused: list[RefusedFrame]
    next_before: int | None = Field(description="`before` for the page of older ones; null at the end.")


class QuarantineCount(BaseModel):
    code: str
    server: str
    instance: str | None
    count: int
    last_received_at: Moment


class QuarantineSummary(BaseModel):
    total: int
    counts: list[QuarantineCount]


class GapAnswer(BaseModel):
    """A span in which events may have been lost. `to_at` is null while it lasts."""

    server: str
    instance: str | None = Field(description="Null: the server's global link, so any instance.")
    kind: GapKind
    from_at: Moment
    to_at: Moment | None
    detail: str | None


class GapsAnswer(BaseModel):
    gaps: list[GapAnswer]


class UnclaimedInstance(BaseModel):
    """An instance that nobody owns. Its events go to quarantine, of which the newest are kept."""

    name: str
    server: str
    integration: str | None
    state: InstanceState
    quarantined: int
    last_received_at: Moment | None


class UnclaimedAnswer(BaseModel):
    instances: list[UnclaimedInstance]
