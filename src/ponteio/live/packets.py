"""What goes out: Socket.IO packets, each encoded once, whoever and however many get it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import orjson

from ponteio.live.websocket import text_frame
from ponteio.model.cursor import Cursor
from ponteio.model.event import StoredEvent, utc_text
from ponteio.model.identity import Instance
from ponteio.model.link import LinkStatus
from ponteio.model.outcome import Outcome
from ponteio.model.sight import ALL_SEEN

_EVENT = b'42["evolution-event",'


class Packet:
    """One Engine.IO message that holds one Socket.IO event of the root namespace, as a finished WebSocket frame.

    `42["name",{…}]`: 4 is Engine.IO's message (protocol 4), 2 is Socket.IO's event (protocol 5).
    """

    __slots__ = ("_text", "frame", "payload_size")

    def __init__(self, payload: bytes) -> None:
        self.frame = text_frame(payload)
        self.payload_size = len(payload)
        self._text: str | None = None

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return len(self.frame)

    def encode(self, b64: bool = False) -> str:  # noqa: ARG002
        """The packet without its frame, made at the first call. Named and shaped as python-engineio wants it of what
        waits in its queue; text packets have no base64 form.
        """
        if self._text is None:
            self._text = self.frame[-self.payload_size :].decode()
        return self._text


@dataclass(frozen=True, slots=True)
class EventPacket:
    """A committed event, ready to be sent, with what a filter asks about."""

    seq: int
    instance: str
    event: str
    packet: Packet

    @property
    def size(self) -> int:
        return self.packet.size


@dataclass(frozen=True)
class Batch:
    """Events to hand to a socket at once. `next` is the cursor of whoever got them: events that the socket's filter
    left out count as passed.
    """

    packets: Sequence[Packet]
    next: Cursor

    @cached_property
    def wire(self) -> bytes:
        """All frames in a row, made once for all sockets that stand at the same place."""
        return self.packets[0].frame if len(self.packets) == 1 else b"".join(packet.frame for packet in self.packets)


def event_packet(stored: StoredEvent, max_bytes: int) -> EventPacket:
    """The packet of `stored`; without the event's data when its envelope is larger than `max_bytes`."""
    envelope = stored.envelope(ALL_SEEN) if len(stored.data) <= max_bytes else stored.envelope_without_data
    if len(envelope) > max_bytes:
        envelope = stored.envelope_without_data
    return EventPacket(stored.seq, stored.instance, stored.event, Packet(b"%b%b]" % (_EVENT, envelope)))


def notice(name: str, body: Mapping[str, object]) -> Packet:
    """The packet of the server event `name`. Members that are None stay, as null."""
    return Packet(b'42["%b",%b]' % (name.encode(), orjson.dumps(body)))


def tip(cursor: Cursor, sent: int) -> Packet:
    """The place up to which a socket has been served, and how many events were sent to it on this connection."""
    return notice("tip", {"cursor": str(cursor), "sent": sent})


def goodbye(outcome: Outcome, detail: str | None = None) -> Packet:
    """The last packet of a socket: why it is closed, and whether coming back can help."""
    return notice("goodbye", {"code": outcome.code, "reason": detail or outcome.title, "retry": outcome.retry})


def connection_status(status: LinkStatus) -> Packet:
    """Where one of our links to Evolution API stands."""
    body: dict[str, object] = {"link": "global" if status.target.is_global else "instance"}
    if status.target.instance is not None:
        body["instance"] = status.target.instance
    body |= {
        "state": status.state,
        "since": utc_text(status.since),
        "attempts": status.attempts,
        "reconnects": status.reconnects,
        "reason": status.reason,
        "detail": status.detail,
    }
    return notice("connection-status", body)


def instance_status(instance: Instance) -> Packet:
    """Where the WhatsApp connection of one instance stands."""
    return notice(
        "instance-status",
        {
            "instance": instance.name,
            "state": instance.state,
            "reason": instance.reason,
            "state_at": None if instance.state_at is None else utc_text(instance.state_at),
            "integration": instance.integration,
            "removed_at": None if instance.removed_at is None else utc_text(instance.removed_at),
        },
    )
