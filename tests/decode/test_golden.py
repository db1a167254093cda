"""Every recorded and invented golden event, through the decoder."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import orjson
import pytest
from tests.support.decode_frames import GoldenLine, golden, texts

from ponteio.decode.catalogue import CATALOGUE
from ponteio.decode.decoder import Decoder
from ponteio.decode.redaction import MASK, KnownSecrets
from ponteio.model.event import DecodedEvent

RECORDED = ["events_global.jsonl", "events_ns.jsonl", "baileys.jsonl"]
FILES = [*RECORDED, "catalogue.jsonl"]
LINES = [line for file in FILES for line in golden(file)]
GLOBAL_KEY = "evo-global-key-1234567890"
CANARIES = {
    *("tok-alpha", "tok-beta", "tok-gamma", "tok-wa1", "tok-wa2", "EAAG-fake-meta-token", GLOBAL_KEY),
    *("key-material-canary", "a2V5LW1hdGVyaWFs"),
    *(key for line in LINES if (key := line.envelope["apikey"]) not in (None, "Apikey not found")),
}


def expected(value: Any, attachments: tuple[bytes, ...]) -> Any:
    """What must come out for `value`: an account of its own, slow and plain."""
    if isinstance(value, dict):
        if value.get("_placeholder") is True and attachments:
            return {"$base64": b64encode(attachments[value["num"]]).decode()}
        kept = {name: member for name, member in value.items() if name.lower() != "apikey"}
        return {
            name: MASK if name == "appStateSyncKeyShare" else expected(member, attachments)
            for name, member in kept.items()
        }
    if isinstance(value, list):
        return [expected(item, attachments) for item in value]
    return re.sub("|".join(map(re.escape, CANARIES)), MASK, value) if isinstance(value, str) else value


def decode_all(file: str, secrets: KnownSecrets) -> list[tuple[GoldenLine, DecodedEvent]]:
    decoder = Decoder(secrets)
    pairs = []
    for line in golden(file):
        event = decoder.decode(line.frame)
        assert isinstance(event, DecodedEvent), f"{line.event} ({line.shape}): {event}"
        pairs.append((line, event))
    return pairs


@pytest.mark.parametrize("file", FILES)
def test_every_golden_event_comes_out_as_it_was_sent_but_for_its_secrets(file: str) -> None:
    pairs = decode_all(file, KnownSecrets([GLOBAL_KEY]))
    assert len(pairs) > 40
    for line, event in pairs:
        sent = line.envelope
        assert (event.event, event.instance) == (line.event, sent["instance"])
        assert orjson.loads(event.data) == expected(sent["data"], line.attachments)
        assert event.date_time == sent["date_time"]
        assert event.sender == sent.get("sender")
        more = {name: sent[name] for name in ("isLatest", "progress") if name in sent}
        assert (orjson.loads(event.extra) if event.extra else {}) == more
        assert event.received_at == line.received_at


@pytest.mark.parametrize("file", FILES)
def test_no_canary_comes_out_of_a_golden_event(file: str) -> None:
    """I5: no key of the recording survives in any field, whether or not it was known before its own envelope."""
    for known in ([GLOBAL_KEY], sorted(CANARIES)):
        for line, event in decode_all(file, KnownSecrets(known)):
            for text in texts(event):
                assert not any(canary in text for canary in CANARIES), f"{line.event} ({line.shape})"


def test_no_canary_comes_out_when_it_is_planted_in_every_text_of_the_data() -> None:
    """I5: the same with a key in every text."""

    def plant(value: Any, secret: str) -> Any:
        if isinstance(value, dict):
            return {f"{name} {secret}": plant(member, secret) for name, member in value.items()}
        if isinstance(value, list):
            return [plant(item, secret) for item in value]
        return f"{value} http://h/?k={secret}" if isinstance(value, str) else value

    decoder = Decoder(KnownSecrets(sorted(CANARIES)))
    for number, line in enumerate(line for line in LINES if not line.attachments):
        secret = sorted(CANARIES)[number % len(CANARIES)]
        line.args[0]["data"] = plant(line.envelope["data"], secret)
        event = decoder.decode(line.frame)
        assert isinstance(event, DecodedEvent)
        assert not any(canary in text for text in texts(event) for canary in CANARIES)


def test_there_is_a_golden_event_for_every_name_of_the_catalogue() -> None:
    assert {line.event for line in golden("catalogue.jsonl")} >= set(CATALOGUE)


@pytest.mark.parametrize("file", RECORDED)
def test_recorded_events_happened_when_they_were_received_or_when_whatsapp_says(file: str) -> None:
    for line, event in decode_all(file, KnownSecrets()):
        data = line.envelope["data"] or {}
        if line.event in ("messages.upsert", "send.message"):
            assert event.occurred_at.timestamp() == data["messageTimestamp"]
        else:
            assert abs((event.occurred_at - line.received_at).total_seconds()) < 1.5, line


def test_the_same_event_over_both_links_has_one_fingerprint() -> None:
    def by_content(file: str) -> dict[bytes, bytes]:
        return {
            orjson.dumps([line.event, line.envelope], option=orjson.OPT_SORT_KEYS): event.fingerprint
            for line, event in decode_all(file, KnownSecrets([GLOBAL_KEY]))
        }

    over_global, over_instance = by_content("events_global.jsonl"), by_content("events_ns.jsonl")
    both = over_global.keys() & over_instance.keys()
    assert len(both) > 20
    assert all(over_global[content] == over_instance[content] for content in both)
    assert len(set(over_global.values())) == len(over_global)


def test_the_states_that_the_recording_went_through() -> None:
    pairs = decode_all("baileys.jsonl", KnownSecrets())
    changes = [(line.event, event.change) for line, event in pairs if event.change is not None]
    states = {(name, change.state, change.reason) for name, change in changes}
    assert {("connection.update", "connecting", 200), ("connection.update", "close", 401)} <= states
    assert {("status.instance", "close", 401), ("logout.instance", "close", None)} <= states
    assert any(change.removed for _, change in changes)
    assert any(change.upstream_id is not None for _, change in changes)
