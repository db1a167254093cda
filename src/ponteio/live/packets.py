"""What goes out: Socket.IO packets, each encoded once, whoever and however many get it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import orjson

from ponteio.live.question import Question
from ponteio.live.websocket import text_frame
from ponteio.model.alert import Incident
from ponteio.model.cursor import Cursor
from ponteio.model.event import PassingEvent, ShownEvent, StoredEvent, utc_text
from ponteio.model.identity import Instance
from ponteio.model.link import LinkStatus
from ponteio.model.outcome import CATALOGUE, LIVE_HELD, Outcome
from ponteio.model.sight import ALL_SEEN, Sight
from ponteio.tenancy.limit_notices import LimitNotice

NOTHING_SEEN = Sight(content=False, pairing=False)
_EVENT = b'42["evolution-event",'
_PASSING = b'42["live-event",'


class Packet:
    """One Engine.IO message that holds one Socket.IO event of the root namespace, as a finished WebSocket frame.

    `42["name",{…}]`: 4 is Engine.IO's message (protocol 4), 2 is Socket.IO's event (protocol 5). `cursor` is where
    whoever was told this continues, for packets that say so.
    """

    __slots__ = ("_text", "cursor", "frame", "payload_size")

    def __init__(self, payload: bytes, cursor: Cursor | None = None) -> None:
        self.frame = text_frame(payload)
        self.payload_size = len(payload)
        self.cursor = cursor
        self._text: str | None = None

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return len(self.frame)

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """The event's name, and its body as JSON."""
        name, _, body = self.frame[-self.payload_size + 4 : -1].partition(b'",')
        return name, body

    def encode(self, b64: bool = False) -> str:  # noqa: ARG002
        """The packet without its frame, made at the first call. Named and shaped as python-engineio wants it of what
        waits in its queue; text packets have no base64 form.
        """
        if self._text is None:
            self._text = self.frame[-self.payload_size :].decode()
        return self._text


class EventPacket:
    """A committed event, ready to be sent, with what a filter asks about: whole, and as metadata once that is asked
    for. `held` is the most that it ever holds, in bytes.

    An envelope of more than `max_bytes` is sent without the event's data.
    """

    __slots__ = ("_max_bytes", "_reduced", "_stored", "_verdicts", "_warm", "event", "held", "instance", "seq", "whole")

    def __init__(self, stored: StoredEvent, max_bytes: int) -> None:
        self.seq = stored.seq
        self.instance = stored.instance
        self.event = stored.event
        self.whole = _event_packet(stored, ALL_SEEN, max_bytes)
        self.held = 2 * self.whole.size
        self._max_bytes = max_bytes
        self._reduced: Packet | None = None
        self._stored: StoredEvent | None = None
        self._warm: StoredEvent | None = None
        self._verdicts: dict[Question, bool] | None = None
        if len(stored.data) > max_bytes:
            self._reduced = _event_packet(stored, NOTHING_SEEN, max_bytes)  # now: the data must not be kept
        else:
            self._stored = replace(stored)  # a copy, without the envelope that the original now keeps
            self.held += len(stored.data)

    def seen_by(self, sight: Sight) -> Packet:
        """What a reader with this sight gets; made once for all alike."""
        if sight.is_whole(self.event):
            return self.whole
        if self._reduced is None:
            assert self._stored is not None  # noqa: S101 - what has no reduced packet yet keeps its event
            self._reduced = _event_packet(replace(self._stored), sight, self._max_bytes)
        return self._reduced

    @property
    def can_answer(self) -> bool:
        """Whether `passes` may be asked: not when the data was too large to be kept."""
        return self._stored is not None

    @property
    def is_warm(self) -> bool:
        """Whether what was worked out of the data for a question is kept for the next: much more than `held`."""
        return self._warm is not None

    def passes(self, question: Question) -> bool:
        """Whether the question lets the event through; worked out once. Only while it `can_answer`."""
        verdicts = self._verdicts
        if verdicts is None:
            verdicts = self._verdicts = {}
        verdict = verdicts.get(question)
        if verdict is None:
            assert self._stored is not None  # noqa: S101 - the caller looked
            if self._warm is None:
                self._warm = replace(self._stored)
            verdict = verdicts[question] = question.passes(self._warm)
        return verdict

    def cool(self) -> None:
        """What was worked out of the data is forgotten; the verdicts stay."""
        self._warm = None


@dataclass(frozen=True)
class Batch:
    """Events to hand to a socket at once. `next` is the cursor of whoever got them: events that the socket's view left
    out count as passed. `events` are those that the packets show, one for each.
    """

    packets: Sequence[Packet]
    next: Cursor
    events: Sequence[EventPacket] = ()

    @cached_property
    def wire(self) -> bytes:
        """All frames in a row, made once for all sockets that stand at the same place."""
        return self.packets[0].frame if len(self.packets) == 1 else b"".join(packet.frame for packet in self.packets)


def batch_of(events: Sequence[EventPacket], sight: Sight, following: Cursor) -> Batch:
    """`events` for readers with this sight, who stand at `following` afterwards."""
    return Batch([event.seen_by(sight) for event in events], following, events)


def passing_packet(event: PassingEvent, sight: Sight, max_bytes: int) -> Packet:
    """An event that is not stored, for readers with this sight; without its data if that is too large."""
    return _event_packet(event, sight, max_bytes, _PASSING)


def _event_packet(event: ShownEvent, sight: Sight, max_bytes: int, opening: bytes = _EVENT) -> Packet:
    envelope = event.envelope(sight) if len(event.data) <= max_bytes else event.without_data(sight)
    if len(envelope) > max_bytes:
        envelope = event.without_data(sight)
    return Packet(b"%b%b]" % (opening, envelope))


def notice(name: str, body: Mapping[str, object], cursor: Cursor | None = None) -> Packet:
    """The packet of the server event `name`. Members that are None stay, as null."""
    return Packet(b'42["%b",%b]' % (name.encode(), orjson.dumps(body)), cursor)


def tip(cursor: Cursor, sent: int) -> Packet:
    """The place up to which a socket has been served, and how many events were sent to it on this connection."""
    return notice("tip", {"cursor": str(cursor), "sent": sent}, cursor)


def goodbye(outcome: Outcome, detail: str | None = None) -> Packet:
    """The last packet of a socket: why it is closed, and whether coming back can help."""
    return notice("goodbye", {"code": outcome.code, "reason": detail or outcome.title, "retry": outcome.retry})


def held(instance: str, first: Cursor, last: Cursor, count: int) -> Packet:
    """What the storm damper kept from a socket: `count` events of `instance`, which stay in the log."""
    body = {"instance": instance, "from": str(first), "to": str(last), "count": count, "code": LIVE_HELD.code}
    return notice("held", body)


def limit_reached(found: LimitNotice) -> Packet:
    """A limit that the organization has reached, and how often."""
    reason, at = CATALOGUE[found.code].title, utc_text(found.last_at)
    return notice("limit", {"code": found.code, "reason": reason, "count": found.count, "at": at})


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


def incident_changed(incident: Incident) -> Packet:
    """An incident that was opened, changed or ended: where it stands, without its timeline."""
    ended_at = incident.resolved_at
    return notice(
        "incident",
        {
            "id": incident.incident_id,
            "rule": incident.rule_id,
            "rule_name": incident.rule_name,
            "condition": incident.condition,
            "state": incident.state,
            "subject": {"kind": incident.subject.kind, "name": incident.subject.name},
            "reason": incident.reason,
            "since": utc_text(incident.since),
            "opened_at": utc_text(incident.opened_at),
            "resolved_at": None if ended_at is None else utc_text(ended_at),
            "instances": incident.instance_count,
            "events": incident.event_count,
            "flaps": incident.flaps,
        },
    )
