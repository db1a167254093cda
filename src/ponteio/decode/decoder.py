"""One frame in, one event or one named refusal out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from ponteio.decode.binary import marked, place
from ponteio.decode.catalogue import CATALOGUE
from ponteio.decode.excerpt import excerpt, printable
from ponteio.decode.fingerprint import canonical_json, fingerprint
from ponteio.decode.instance_change import instance_change
from ponteio.decode.limits import DecodeLimits, FrameError, check_limits
from ponteio.decode.moment import OffsetLearner, message_time, repaired, wall_clock
from ponteio.decode.packet_json import parse
from ponteio.decode.redaction import MASK, KnownSecrets, has_secret_member, hide, holds, redact
from ponteio.model.event import DecodedEvent, Origin, RawFrame, Refusal
from ponteio.model.outcome import (
    ENVELOPE_MISSING,
    EVENT_CONTRADICTION,
    INSTANCE_MISSING,
    INTERNAL,
    MALFORMED_FRAME,
    Outcome,
)

MAX_EVENT = 128
MAX_INSTANCE = 255
"""What Evolution's own column for the name holds."""
MAX_SENDER = 255
MAX_DATE_TIME = 64
MAX_EXTRA_BYTES = 65_536
OMITTED = "$omitted_bytes"
"""Stands alone in `extra` in place of members that together are larger than `MAX_EXTRA_BYTES`."""

_ENVELOPE_MEMBERS = frozenset({"event", "instance", "data", "server_url", "date_time", "sender"})


@dataclass(slots=True)
class _Names:
    """What a frame calls itself, as far as it was read."""

    event: str | None = None
    instance: str | None = None


class Decoder:
    """Turns frames into events, the same for the same sequence of frames.

    Remembers two things between frames: the `apikey` of every envelope, as a secret, and the clock offset of every
    server. What PostgreSQL's TEXT cannot hold (NUL, lone surrogates) is U+FFFD in the names and texts of the envelope;
    in `data` and `extra` NUL stays what it is, an escape in JSON text.
    """

    def __init__(self, secrets: KnownSecrets, limits: DecodeLimits | None = None) -> None:
        self._secrets = secrets
        self._limits = limits or DecodeLimits()
        self._clocks: dict[str, OffsetLearner] = {}

    def decode(self, frame: RawFrame) -> DecodedEvent | Refusal:
        """The event in `frame` without its secrets, or why there is none. Never raises.

        `data` and `extra` are JSON as orjson writes it, members in the order they were sent; bytes are
        `{"$base64": …}`. The instance's name is an address and stays as it is where it is one: on its own link, when
        it was told to `KnownSecrets.add_name`, and when it equals a secret as a whole.
        """
        names = _Names()
        try:
            return self._judge(frame, names)
        except FrameError as error:
            return self._refusal(frame, names, error.outcome, error.detail)
        except Exception as error:  # noqa: BLE001 - one frame that we misjudge must not stop all others
            return self._refusal(frame, names, INTERNAL, f"{type(error).__name__} while decoding")

    def _judge(self, frame: RawFrame, names: _Names) -> DecodedEvent:
        check_limits(frame.payload, self._limits)
        packet, envelope = _envelope(parse(frame.payload), names)
        self._learn_keys(envelope)
        if len(packet) > 2:
            raise FrameError(MALFORMED_FRAME, f"the event has {len(packet) - 1} arguments, not one")
        place(packet, self._leaves(frame.attachments))
        event = _agreed_event(envelope, names)
        instance = _instance(names)
        data, sender, date_time = envelope.get("data"), envelope.get("sender"), envelope.get("date_time")
        extra: object = {name: value for name, value in envelope.items() if _is_extra(name)}

        said_at = message_time(event, data, frame.received_at)
        server_id = frame.target.server_id
        canonical = canonical_json(server_id, instance, event, date_time, sender, data, extra)
        found = self._secrets.found_in(canonical)
        if found or has_secret_member(canonical):
            instance = self._address(instance, frame)
            event = event if event in CATALOGUE else hide(event, found)
            date_time, sender, data, extra = (redact(part, found) for part in (date_time, sender, data, extra))
            canonical = canonical_json(server_id, instance, event, date_time, sender, data, extra)
        emitted_at = self._emitted_at(frame, date_time)
        return DecodedEvent(
            target=frame.target,
            instance=instance,
            event=event,
            data=orjson.dumps(data),
            extra=_extra_json(extra),
            sender=_text(sender, MAX_SENDER),
            date_time=_text(date_time, MAX_DATE_TIME),
            occurred_at=said_at or emitted_at or frame.received_at,
            received_at=frame.received_at,
            fingerprint=fingerprint(canonical),
            origin=frame.origin,
            change=instance_change(event, data),
            emitted_at=emitted_at if frame.origin is Origin.LIVE else None,
        )

    def _learn_keys(self, envelope: dict[str, object]) -> None:
        """Before anything else is looked at, so that the key is not shown in this very event or its refusal.

        Only the envelope's own: a member of `data` may be written by anybody who can send a message.
        """
        for name, value in envelope.items():
            if _is_key(name) and isinstance(value, str):
                self._secrets.add(value)

    def _leaves(self, attachments: tuple[bytes, ...]) -> list[object]:
        """The JSON form of each attachment; of one that holds a secret, the mask."""
        found = self._secrets.found_in(b"\n".join(attachments)) if attachments else ()
        return [MASK if found and holds(content, found) else marked(content) for content in attachments]

    def _address(self, instance: str, frame: RawFrame) -> str:
        if instance == frame.target.instance or self._secrets.is_name(instance):
            return instance
        return self._hidden(instance)

    def _hidden(self, text: str) -> str:
        return text if text in CATALOGUE else hide(text, self._secrets.found_in(text.encode()))

    def _emitted_at(self, frame: RawFrame, date_time: object) -> datetime | None:
        clock = self._clocks.setdefault(frame.target.server_id, OffsetLearner())
        wall = wall_clock(date_time)
        if wall is not None and frame.origin is Origin.LIVE:
            clock.observe(wall, frame.received_at)
        return repaired(wall, clock.offset, frame.received_at)

    def _refusal(self, frame: RawFrame, names: _Names, outcome: Outcome, detail: str) -> Refusal:
        return Refusal(
            outcome=outcome,
            frame_target=frame.target,
            received_at=frame.received_at,
            detail=detail,
            size=frame.size,
            excerpt=excerpt(frame.payload, self._secrets),
            instance=names.instance and printable(self._address(names.instance, frame)),
            event=names.event and printable(self._hidden(names.event)),
        )


def _envelope(packet: object, names: _Names) -> tuple[list[object], dict[str, object]]:
    """The parts of the packet `[event, envelope]`; Evolution sends no other arguments and no acknowledgement id."""
    if not isinstance(packet, list) or not packet:
        raise FrameError(MALFORMED_FRAME, "the packet is no array, or an empty one")
    name, *arguments = packet
    if not isinstance(name, str) or not 0 < len(name) <= MAX_EVENT:
        raise FrameError(MALFORMED_FRAME, f"the packet does not begin with a name of 1 to {MAX_EVENT} characters")
    names.event = _storable(name)
    if not arguments or not isinstance(arguments[0], dict):
        raise FrameError(ENVELOPE_MISSING, "the event's argument is no object")
    instance = arguments[0].get("instance")
    if isinstance(instance, str) and 0 < len(instance) <= MAX_INSTANCE:
        names.instance = _storable(instance)
    return packet, arguments[0]


def _agreed_event(envelope: dict[str, object], names: _Names) -> str:
    """The frame's name, which the envelope must repeat if it names an event at all."""
    inside = envelope.get("event", names.event)
    if not isinstance(inside, str) or _storable(inside) != names.event:
        raise FrameError(EVENT_CONTRADICTION, "the envelope's event is not the frame's")
    return names.event


def _instance(names: _Names) -> str:
    if names.instance is None:
        raise FrameError(INSTANCE_MISSING, f"the envelope's instance is no text of 1 to {MAX_INSTANCE} characters")
    return names.instance


def _extra_json(extra: object) -> bytes | None:
    if not extra:
        return None
    encoded = orjson.dumps(extra)
    return encoded if len(encoded) <= MAX_EXTRA_BYTES else orjson.dumps({OMITTED: len(encoded)})


def _text(value: object, length: int) -> str | None:
    """A member that is usually a text; anything else, short of null, is its JSON text rather than nothing."""
    if value is None:
        return None
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return _storable(text)[:length]


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _is_extra(name: str) -> bool:
    return name not in _ENVELOPE_MEMBERS and not _is_key(name)


def _is_key(name: str) -> bool:
    return name.lower() == "apikey"
