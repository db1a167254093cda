"""Frames for the decoder's tests, and everything that came out of it as text."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ponteio.decode.decoder import Decoder
from ponteio.decode.redaction import KnownSecrets
from ponteio.model.event import DecodedEvent, Origin, RawFrame, Refusal
from ponteio.model.link import LinkTarget

NOW = datetime(2026, 11, 23, 14, 46, 13, 999_000, tzinfo=UTC)
GOLDEN = Path(__file__).parent.parent / "golden" / "events"


@dataclass(frozen=True)
class GoldenLine:
    """One golden event: what was sent, and when it was received."""

    file: str
    shape: str
    event: str
    args: list[Any]
    attachments: tuple[bytes, ...]
    received_at: datetime
    link: str | None

    @property
    def envelope(self) -> dict[str, Any]:
        envelope: dict[str, Any] = self.args[0]
        return envelope

    @property
    def frame(self) -> RawFrame:
        return raw(orjson.dumps([self.event, *self.args]), self.attachments, link=self.link, at=self.received_at)


def golden(file: str) -> Iterator[GoldenLine]:
    """The events of one golden file."""
    for line in (GOLDEN / file).read_text("utf-8").splitlines():
        record = json.loads(line)
        if "event" in record:
            yield GoldenLine(
                file,
                record.get("shape", "recorded"),
                record["event"],
                record["args"],
                tuple(b64decode(part) for part in record.get("attachments", ())),
                datetime.fromtimestamp(record["t"], UTC) if "t" in record else datetime(2026, 11, 23, 12, tzinfo=UTC),
                record.get("nsp", "/").removeprefix("/") or None,
            )


def raw(
    payload: bytes,
    attachments: Sequence[bytes] = (),
    *,
    link: str | None = None,
    server: str = "main",
    at: datetime = NOW,
    origin: Origin = Origin.LIVE,
) -> RawFrame:
    """A frame of exactly these bytes."""
    return RawFrame(LinkTarget(server, link), payload, tuple(attachments), at, origin)


def envelope(event: str, data: object = None, **members: object) -> dict[str, object]:
    """An envelope as Evolution writes it."""
    return {
        "event": event,
        "instance": "alpha",
        "data": data,
        "server_url": "http://127.0.0.1:18080",
        "date_time": "2026-11-23T14:46:13.500Z",
        "apikey": None,
        **members,
    }


def frame(event: str, data: object = None, *, attachments: Sequence[bytes] = (), **members: object) -> RawFrame:
    """A frame of the global link with an ordinary envelope."""
    return raw(orjson.dumps([event, envelope(event, data, **members)]), attachments)


def decoded(frame: RawFrame, *secrets: str) -> DecodedEvent:
    """The event in `frame`, by a fresh decoder that knows `secrets`."""
    result = Decoder(KnownSecrets(secrets)).decode(frame)
    assert isinstance(result, DecodedEvent), result
    return result


def refused(frame: RawFrame, *secrets: str) -> Refusal:
    """The refusal of `frame`, by a fresh decoder that knows `secrets`."""
    result = Decoder(KnownSecrets(secrets)).decode(frame)
    assert isinstance(result, Refusal), result
    return result


def texts(result: DecodedEvent | Refusal) -> list[str]:
    """Every text that leaves with `result`: its own, and all values and member names of its JSON."""
    if isinstance(result, Refusal):
        own = [result.detail, result.excerpt, result.instance or "", result.event or "", repr(result)]
        return own + (texts(result.decoded) if result.decoded else [])
    parts = [result.data, result.extra or b"null"]
    own = [result.instance, result.event, result.sender or "", result.date_time or "", repr(result)]
    return own + [part.decode() for part in parts] + [text for part in parts for text in leaves(orjson.loads(part))]


def leaves(value: object) -> Iterator[str]:
    """All texts in a JSON value, member names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for member in value.values():
            yield from leaves(member)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
