"""An event's life: heard, judged, addressed, stored. Each room takes one type and is the only one to make the next.

RawFrame ──decode──▶ DecodedEvent ──tenancy──▶ AddressedEvent ──eventlog──▶ StoredEvent
            └──────▶ Refusal       └─────────▶ Refusal     └──corridor──▶ PassingEvent
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

import orjson

from ponteio.model.cursor import Cursor
from ponteio.model.event_facts import EventFacts
from ponteio.model.identity import InstanceChange
from ponteio.model.link import LinkTarget
from ponteio.model.outcome import Outcome
from ponteio.model.sight import Sight, metadata, withheld


class Origin(StrEnum):
    """How an event came to us."""

    LIVE = "live"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A Socket.IO event packet as it arrived, before anybody looked inside.

    `payload` is the JSON array of the packet (`["messages.upsert",{…}]`) in UTF-8, with `{"_placeholder":true,"num":n}`
    where `attachments[n]` belongs (Socket.IO protocol 5). `received_at` is our clock when the last byte was read.
    """

    target: LinkTarget
    payload: bytes = field(repr=False)
    attachments: tuple[bytes, ...] = field(repr=False)
    received_at: datetime
    origin: Origin = Origin.LIVE

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.payload) + sum(map(len, self.attachments))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame or event that may not go on, and why. Kept in quarantine for the operator.

    `excerpt` is at most 2 KiB of what arrived, already without secrets.
    """

    outcome: Outcome
    frame_target: LinkTarget
    received_at: datetime
    detail: str
    size: int
    excerpt: str = field(default="", repr=False)
    instance: str | None = None
    event: str | None = None
    decoded: DecodedEvent | None = None


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """An event without its secrets. Only `decode` makes one.

    `data` is the JSON of Evolution's `data` member (object, array or null), `extra` the JSON object of envelope
    members that Evolution adds to some events (`isLatest`, `progress`), or None. `date_time` is kept as sent: local
    time of the server with a false Z. `occurred_at` is WhatsApp's own time of a message, else our best repair of
    `date_time`. `emitted_at` is that repair alone, None where it is not to be trusted or the event was fetched.
    `fingerprint` (32 bytes) is the same for the same event over whichever link it came.
    """

    target: LinkTarget
    instance: str
    event: str
    data: bytes = field(repr=False)
    extra: bytes | None = field(repr=False)
    sender: str | None
    date_time: str | None
    occurred_at: datetime
    received_at: datetime
    fingerprint: bytes
    origin: Origin = Origin.LIVE
    change: InstanceChange | None = None
    emitted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddressedEvent:
    """An event with its one owner. Only `tenancy` makes one."""

    organization_id: str
    instance_id: str
    decoded: DecodedEvent


class ShownEvent:
    """What readers are shown of an event, stored or not: each form is made once for all alike."""

    organization_id: str
    instance: str
    event: str
    sender: str | None
    date_time: str | None
    occurred_at: datetime
    received_at: datetime
    origin: str
    data: bytes
    extra: bytes | None

    def envelope(self, sight: Sight) -> bytes:
        """The event as a reader with this sight gets it, JSON in UTF-8."""
        return self._whole if sight.is_whole(self.event) else self._reduced

    def facts(self, sight: Sight) -> EventFacts:
        """What a reader with this sight may learn from the data."""
        return self._whole_facts if sight.is_whole(self.event) else self._reduced_facts

    @cached_property
    def envelope_without_data(self) -> bytes:
        """The event for readers to whom its data is too large: `data` is null, `data_bytes` says how much there is and,
        if it can be fetched, `data_href` where.
        """
        return self._envelope(b"null", self.extra, self._elsewhere)

    def without_data(self, sight: Sight) -> bytes:
        """`envelope_without_data` as a reader with this sight gets it."""
        if sight.is_whole(self.event):
            return self.envelope_without_data
        return self._envelope(b"null", self._reduced_extra, self._withheld + self._elsewhere)

    @property
    def _place(self) -> dict[str, object]:
        """What says where in the log the event is."""
        return {}

    @property
    def _elsewhere(self) -> bytes:
        return b',"data_bytes":%d' % len(self.data)

    @cached_property
    def _whole_facts(self) -> EventFacts:
        return EventFacts.of(self.data)

    @cached_property
    def _reduced_facts(self) -> EventFacts:
        return EventFacts.of(metadata(self.event, self.data))

    @cached_property
    def _whole(self) -> bytes:
        return self._envelope(self.data, self.extra, b"")

    @cached_property
    def _reduced(self) -> bytes:
        return self._envelope(metadata(self.event, self.data), self._reduced_extra, self._withheld)

    @property
    def _reduced_extra(self) -> bytes | None:
        return None if self.extra is None else metadata(self.event, self.extra)

    @property
    def _withheld(self) -> bytes:
        return b',"withheld":"%b"' % withheld(self.event).encode()

    def _envelope(self, data: bytes, extra: bytes | None, more: bytes) -> bytes:
        head = {**self._place, "organization": self.organization_id, "instance": self.instance, "event": self.event}
        if self.sender is not None:
            head["sender"] = self.sender
        head["occurred_at"] = utc_text(self.occurred_at)
        head["received_at"] = utc_text(self.received_at)
        head["date_time"] = self.date_time
        head["origin"] = self.origin
        added = b"" if extra is None else b',"extra":' + extra
        return orjson.dumps(head)[:-1] + b'%b%b,"data":%b}' % (added, more, data)


@dataclass(frozen=True)
class StoredEvent(ShownEvent):
    """A committed event with its place. Only `eventlog` makes one."""

    organization_id: str
    epoch: str
    seq: int
    instance: str
    event: str
    sender: str | None
    date_time: str | None
    occurred_at: datetime
    received_at: datetime
    origin: str
    data: bytes = field(repr=False)
    extra: bytes | None = field(default=None, repr=False)

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, self.seq)

    @property
    def _place(self) -> dict[str, object]:
        return {"cursor": str(self.cursor), "seq": self.seq}

    @property
    def _elsewhere(self) -> bytes:
        return b',"data_bytes":%d,"data_href":%b' % (len(self.data), orjson.dumps(f"/api/events/{self.cursor}"))


@dataclass(frozen=True)
class PassingEvent(ShownEvent):
    """An event that its organization chose to be shown while it happens, and not to be stored: it has no place, and
    nobody can ask for it later. Only the corridor makes one.
    """

    organization_id: str
    instance: str
    event: str
    sender: str | None
    date_time: str | None
    occurred_at: datetime
    received_at: datetime
    origin: str
    data: bytes = field(repr=False)
    extra: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, addressed: AddressedEvent) -> PassingEvent:
        """The event, with its owner."""
        decoded = addressed.decoded
        return cls(
            organization_id=addressed.organization_id,
            instance=decoded.instance,
            event=decoded.event,
            sender=decoded.sender,
            date_time=decoded.date_time,
            occurred_at=decoded.occurred_at,
            received_at=decoded.received_at,
            origin=decoded.origin.value,
            data=decoded.data,
            extra=decoded.extra,
        )


def utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-23T14:46:13.999Z`."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
