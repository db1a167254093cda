from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from ponteio.model.cursor import Cursor
from ponteio.model.event import (
    AddressedEvent,
    DecodedEvent,
    Origin,
    PassingEvent,
    RawFrame,
    Refusal,
    StoredEvent,
    utc_text,
)
from ponteio.model.link import LinkTarget
from ponteio.model.outcome import MALFORMED_JSON
from ponteio.model.sight import ALL_SEEN, Sight

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
    assert read(STORED.envelope(ALL_SEEN)) == {
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
    assert STORED.envelope(ALL_SEEN).endswith(b',"data":' + STORED.data + b"}")
    assert STORED.envelope(ALL_SEEN) is STORED.envelope(ALL_SEEN)


def test_sender_and_extra_are_there_only_when_evolution_sent_them() -> None:
    bare = replace(STORED, sender=None, extra=b'{"progress":42}', date_time=None, data=b"null")
    members = read(bare.envelope(ALL_SEEN))
    assert "sender" not in members
    assert members["extra"] == {"progress": 42}
    assert members["date_time"] is None
    assert members["data"] is None
    assert "extra" not in read(STORED.envelope(ALL_SEEN))


def test_an_event_too_large_to_push_says_where_its_data_is() -> None:
    short = read(STORED.envelope_without_data)
    assert short["data"] is None
    assert short["data_bytes"] == len(STORED.data)
    assert short["data_href"] == "/api/events/0123abcd-7"
    assert {**short, "data": None} == {
        **read(STORED.envelope(ALL_SEEN)),
        "data": None,
        **{k: short[k] for k in short if "_" in k},
    }


MESSAGE = replace(
    STORED,
    data=b'{"key":{"id":"3EB0","fromMe":true},"message":{"conversation":"what was said"},"pushName":"Maria"}',
    extra=b'{"progress":42,"note":"what was said"}',
)
LESS = Sight(content=False, pairing=False)


def test_a_reader_without_content_gets_the_same_event_with_less() -> None:
    """I5: the contract stays, what people wrote does not."""
    whole, less = read(MESSAGE.envelope(ALL_SEEN)), read(MESSAGE.envelope(LESS))
    assert less == {
        **whole,
        "data": {"key": {"id": "3EB0", "fromMe": True}},
        "extra": {"progress": 42},
        "withheld": "content",
    }
    assert b"what was said" not in MESSAGE.envelope(LESS)
    assert MESSAGE.envelope(Sight(content=False, pairing=True)) is MESSAGE.envelope(LESS)
    assert "withheld" not in whole


@pytest.mark.parametrize("content", [True, False])
def test_a_pairing_code_is_for_those_who_may_pair(content: bool) -> None:
    """I5: content of other events has nothing to do with it."""
    code = replace(
        STORED, event="qrcode.updated", data=b'{"qrcode":{"code":"2@secret"}}', extra=b'{"status":"2@secret"}'
    )
    less = code.envelope(Sight(content=content, pairing=False))
    assert b"2@secret" not in less
    assert (read(less)["data"], read(less)["extra"], read(less)["withheld"]) == (None, None, "pairing")
    assert b"2@secret" in code.envelope(Sight(content=content, pairing=True))


def test_a_large_event_without_its_data_shows_no_more_than_a_small_one() -> None:
    assert MESSAGE.without_data(ALL_SEEN) == MESSAGE.envelope_without_data
    less = read(MESSAGE.without_data(LESS))
    assert less == {
        **read(MESSAGE.envelope(LESS)),
        "data": None,
        "data_bytes": len(MESSAGE.data),
        "data_href": "/api/events/0123abcd-7",
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


@pytest.mark.parametrize("sight", [ALL_SEEN, Sight(content=False, pairing=False)])
@pytest.mark.parametrize("extra", [None, b'{"progress":3,"text":"secret"}'])
def test_what_is_not_stored_is_shown_as_if_it_were_but_for_its_place(sight: Sight, extra: bytes | None) -> None:
    stored = replace(STORED, data=b'{"key":{"id":"a"},"text":"secret"}', extra=extra)
    members = {name: getattr(stored, name) for name in PassingEvent.__dataclass_fields__}
    passing = PassingEvent(**members)
    place = {"cursor", "seq"}
    whole, without = read(stored.envelope(sight)), read(stored.without_data(sight))
    assert read(passing.envelope(sight)) == {name: value for name, value in whole.items() if name not in place}
    assert read(passing.without_data(sight)) == {
        name: value for name, value in without.items() if name not in {*place, "data_href"}
    }
    assert passing.facts(sight).data == stored.facts(sight).data
