from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from ponteio.model.cursor import Cursor
from ponteio.model.event import AddressedEvent, DecodedEvent, Origin, RawFrame, Refusal, StoredEvent, utc_text
from ponteio.model.link import LinkTarget
from ponteio.model.outcome import MALFORMED_JSON

AT = datetime(2026, 11, 23, 14, 46, 13, 999_999, tzinfo=UTC)
STORED = StoredEvent(
    organization_id="org-1",
    epoch="0123abcd",
    seq=7,
    instance="Loja Centro",
    event="messages.upsert",
    sender="5511911112222@s.whatsapp.net",
    date_time="2026-11-23T11:46:12.999Z",
    occurred_at=AT - timedelta(seconds=1),
    received_at=AT,
    origin="live",
    data='{"z":1,"a":"é \\"quoted\\""}'.encode(),
)


def read(envelope: bytes) -> dict[str, Any]:
    members: dict[str, Any] = orjson.loads(envelope)
    return members


def test_the_envelope_is_the_contract() -> None:
    assert read(STORED.envelope) == {
        "cursor": "0123abcd-7",
        "seq": 7,
        "organization": "org-1",
        "instance": "Loja Centro",
        "event": "messages.upsert",
        "sender": "5511911112222@s.whatsapp.net",
        "occurred_at": "2026-11-23T14:46:12.999Z",
        "received_at": "2026-11-23T14:46:13.999Z",
        "date_time": "2026-11-23T11:46:12.999Z",
        "origin": "live",
        "data": {"z": 1, "a": 'é "quoted"'},
    }
    assert STORED.cursor == Cursor("0123abcd", 7)


def test_the_bytes_of_data_are_passed_on_untouched() -> None:
    assert STORED.envelope.endswith(b',"data":' + STORED.data + b"}")
    assert STORED.envelope is STORED.envelope


def test_sender_and_extra_are_there_only_when_evolution_sent_them() -> None:
    bare = replace(STORED, sender=None, extra=b'{"progress":42}', date_time=None, data=b"null")
    members = read(bare.envelope)
    assert "sender" not in members
    assert members["extra"] == {"progress": 42}
    assert members["date_time"] is None
    assert members["data"] is None
    assert "extra" not in read(STORED.envelope)


def test_an_event_too_large_to_push_says_where_its_data_is() -> None:
    short = read(STORED.envelope_without_data)
    assert short["data"] is None
    assert short["data_bytes"] == len(STORED.data)
    assert short["data_href"] == "/api/events/0123abcd-7"
    assert {**short, "data": None} == {
        **read(STORED.envelope),
        "data": None,
        **{k: short[k] for k in short if "_" in k},
    }


def test_a_frame_knows_its_size() -> None:
    frame = RawFrame(LinkTarget("main"), b"12345", (b"67", b"8"), AT)
    assert frame.size == 8
    assert frame.origin is Origin.LIVE


def test_no_content_shows_in_a_repr() -> None:
    """I5: a repr ends in logs and tracebacks."""
    secret = "tok-alpha"
    target = LinkTarget("main")
    frame = RawFrame(target, secret.encode(), (secret.encode(),), AT)
    content = secret.encode()
    decoded = DecodedEvent(target, "alpha", "x", content, content, None, None, AT, AT, b"\0" * 32)
    refusal = Refusal(MALFORMED_JSON, target, AT, "at 3", 10, excerpt=secret, decoded=decoded)
    stored = replace(STORED, data=content, extra=content)
    for thing in (frame, decoded, refusal, AddressedEvent("org-1", "i-1", decoded), stored):
        assert secret not in repr(thing)


def test_events_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        STORED.seq = 8  # type: ignore[misc]


def test_moments_are_written_in_utc_with_milliseconds_cut_not_rounded() -> None:
    assert utc_text(AT) == "2026-11-23T14:46:13.999Z"
    assert utc_text(AT.astimezone(timezone(timedelta(hours=-3)))) == "2026-11-23T14:46:13.999Z"
    assert utc_text(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"
