from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.decode_frames import NOW, decoded, envelope, frame, raw, refused, texts

from ponteio.decode.decoder import MAX_EXTRA_BYTES, Decoder
from ponteio.decode.limits import DEEPEST, DecodeLimits
from ponteio.decode.redaction import MASK, KnownSecrets
from ponteio.model import outcome
from ponteio.model.event import DecodedEvent, Origin, RawFrame, Refusal
from ponteio.model.identity import InstanceChange, InstanceState
from ponteio.model.link import LinkTarget

SECRET = "825E2657-E904-4C62-908B-61C8B8AA81FF"


def hole(number: int) -> dict[str, object]:
    return {"_placeholder": True, "num": number}


def data_of(event: DecodedEvent) -> Any:
    return orjson.loads(event.data)


# What comes out.


@pytest.mark.parametrize("data", [{"a": 1}, [], ["5511@s.whatsapp.net"], None, "text", 7, 1.5, True])
def test_data_is_kept_whatever_it_is(data: object) -> None:
    assert data_of(decoded(frame("messages.upsert", data))) == data


def test_data_keeps_the_order_of_its_members_and_is_null_when_it_is_not_there() -> None:
    assert decoded(raw(b'["x",{"instance":"a","data":{"z":1,"a":{"y":2,"b":3}}}]')).data == b'{"z":1,"a":{"y":2,"b":3}}'
    assert decoded(raw(b'["x",{"instance":"a"}]')).data == b"null"


def test_an_unknown_event_is_kept_under_its_own_name() -> None:
    event = decoded(frame("a.later.event", {"a": 1}))
    assert (event.event, event.change) == ("a.later.event", None)


def test_bytes_come_out_as_marked_base64() -> None:
    event = decoded(frame("call", {"a": [hole(1)], "b": hole(0)}, attachments=[b"\x00\x01", b""]))
    assert data_of(event) == {"a": [{"$base64": ""}], "b": {"$base64": "AAE="}}


def test_data_itself_may_be_bytes() -> None:
    assert data_of(decoded(frame("x", hole(0), attachments=[b"abc"]))) == {"$base64": "YWJj"}


def test_a_placeholder_without_attachments_is_ordinary_data() -> None:
    assert data_of(decoded(frame("x", hole(0)))) == hole(0)


def test_members_that_evolution_adds_to_the_envelope_are_extra() -> None:
    event = decoded(frame("messages.set", [], isLatest=True, progress=None))
    assert event.extra == b'{"isLatest":true,"progress":null}'
    assert decoded(frame("messages.set", [])).extra is None


def test_extra_that_is_too_large_says_how_large_it_was() -> None:
    event = decoded(frame("x", None, more="x" * MAX_EXTRA_BYTES))
    assert orjson.loads(event.extra or b"") == {"$omitted_bytes": MAX_EXTRA_BYTES + 11}
    other = decoded(frame("x", None, more="y" * MAX_EXTRA_BYTES))
    assert other.fingerprint != event.fingerprint


def test_server_url_is_not_kept() -> None:
    assert not any("18080" in text for text in texts(decoded(frame("x", {"a": 1}))))


def test_the_frame_leaves_its_marks() -> None:
    sent = replace(frame("x"), target=LinkTarget("other", "alpha"), origin=Origin.BACKFILL)
    event = decoded(sent)
    assert (event.target, event.origin, event.received_at) == (sent.target, Origin.BACKFILL, NOW)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5511@s.whatsapp.net", "5511@s.whatsapp.net"),
        (None, None),
        (7, "7"),
        ({"a": 1}, '{"a":1}'),
        ("", ""),
        (False, "false"),
    ],
)
def test_sender_and_date_time_are_texts_as_sent(value: object, text: str | None) -> None:
    event = decoded(frame("x", sender=value, date_time=value))
    assert (event.sender, event.date_time) == (text, text)


def test_names_of_the_envelope_are_bounded() -> None:
    event = decoded(frame("x", sender="s" * 300, date_time="d" * 300))
    assert (event.sender, event.date_time) == ("s" * 255, "d" * 64)


def test_what_postgresql_text_cannot_hold_is_replaced_in_names_and_kept_in_data() -> None:
    sent = raw(
        b'["e\\u0000",{"event":"e\\u0000","instance":"i\\u0000","sender":"s\\u0000","date_time":"d\\ud83d",'
        b'"data":{"k\\u0000":"\\u0000\\ude00"}}]'
    )
    event = decoded(sent)
    assert (event.event, event.instance) == ("e\ufffd", "i\ufffd")
    assert (event.sender, event.date_time) == ("s\ufffd", "d\ufffd")
    assert event.data == '{"k\\u0000":"\\u0000\ufffd"}'.encode()


def test_numbers_beyond_64_bits_stay_numbers() -> None:
    event = decoded(raw(b'["x",{"instance":"a","data":[18446744073709552000,1e21,-0.5,9007199254740993]}]'))
    assert data_of(event) == [18446744073709552000.0, 1e21, -0.5, 9007199254740993]


def test_a_change_of_the_instance_is_told() -> None:
    event = decoded(frame("connection.update", {"state": "close", "statusReason": 401}))
    assert event.change == InstanceChange(state=InstanceState.CLOSE, reason=401)


# What is refused.


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", outcome.MALFORMED_JSON),
        (b'["x",{"instance":"a","data":NaN}]', outcome.MALFORMED_JSON),
        (b'["x",{"instance":"a","data":1e999}]', outcome.MALFORMED_JSON),
        (b'["x",{"instance":"a\xff"}]', outcome.MALFORMED_JSON),
        (b"{}", outcome.MALFORMED_FRAME),
        (b"[]", outcome.MALFORMED_FRAME),
        (b"null", outcome.MALFORMED_FRAME),
        (b'[1,{"instance":"a"}]', outcome.MALFORMED_FRAME),
        (b'["",{"instance":"a"}]', outcome.MALFORMED_FRAME),
        (b'["' + b"x" * 129 + b'",{"instance":"a"}]', outcome.MALFORMED_FRAME),
        (b'["x",{"instance":"a"},1]', outcome.MALFORMED_FRAME),
        (b'["x"]', outcome.ENVELOPE_MISSING),
        (b'["x",null]', outcome.ENVELOPE_MISSING),
        (b'["x",[{"instance":"a"}]]', outcome.ENVELOPE_MISSING),
        (b'["x",{}]', outcome.INSTANCE_MISSING),
        (b'["x",{"instance":""}]', outcome.INSTANCE_MISSING),
        (b'["x",{"instance":7}]', outcome.INSTANCE_MISSING),
        (b'["x",{"instance":"' + b"a" * 256 + b'"}]', outcome.INSTANCE_MISSING),
        (b'["x",{"instance":"a","event":"y"}]', outcome.EVENT_CONTRADICTION),
        (b'["x",{"instance":"a","event":null}]', outcome.EVENT_CONTRADICTION),
        (b'["x",{"instance":"a","event":["x"]}]', outcome.EVENT_CONTRADICTION),
        (b'["x",{"instance":"a","data":' + b"[" * 65 + b"]" * 65 + b"}]", outcome.TOO_DEEP),
        (b'["x",{"instance":"a","data":[' + b"0," * 1_000_000 + b"0]}]", outcome.TOO_MANY_NODES),
    ],
)
def test_what_is_no_event_has_a_named_refusal(payload: bytes, why: outcome.Outcome) -> None:
    refusal = refused(raw(payload))
    assert refusal.outcome is why
    assert (refusal.size, refusal.received_at, refusal.frame_target) == (len(payload), NOW, LinkTarget("main"))


@pytest.mark.parametrize(
    ("data", "count"), [({}, 1), (hole(0), 2), (hole(1), 1), ([hole(0), hole(0)], 1), ({"_placeholder": True}, 1)]
)
def test_attachments_must_fit_their_placeholders(data: object, count: int) -> None:
    assert refused(frame("x", data, attachments=[b"a"] * count)).outcome is outcome.BAD_ATTACHMENT


def test_a_refusal_names_the_event_and_the_instance_as_far_as_they_are_known() -> None:
    refusal = refused(raw(b'["x\\n",{"instance":"al\\u001bpha","event":"y"}]'))
    assert (refusal.event, refusal.instance) == ("x\ufffd", "al\ufffdpha")
    assert refusal.excerpt.startswith('["x\\n",{"instance":"al')
    assert refused(raw(b"{")).event is None


def test_limits_can_be_set() -> None:
    decoder = Decoder(KnownSecrets(), DecodeLimits(max_depth=1))
    assert isinstance(decoder.decode(frame("x", [1])), DecodedEvent)
    refusal = decoder.decode(frame("x", [[1]]))
    assert isinstance(refusal, Refusal)
    assert refusal.outcome is outcome.TOO_DEEP


def test_the_deepest_depth_that_can_be_set_is_carried_through() -> None:
    data = [SECRET]
    for _ in range(DEEPEST - 1):
        data = [data]  # type: ignore[list-item]
    event = Decoder(KnownSecrets([SECRET]), DecodeLimits(max_depth=DEEPEST)).decode(frame("x", data))
    assert isinstance(event, DecodedEvent)
    assert MASK.encode() in event.data


def test_our_own_fault_on_one_frame_is_a_refusal_too() -> None:
    """I6: a frame that the decoder itself stumbles over leaves a row, and the next one is decoded."""

    limits = DecodeLimits(max_nodes="many")  # type: ignore[arg-type]
    refusal = Decoder(KnownSecrets(), limits).decode(frame("x", {"a": 1}))
    assert isinstance(refusal, Refusal)
    assert (refusal.outcome, refusal.detail) == (outcome.INTERNAL, "TypeError while decoding")


# Secrets.


def test_the_key_of_an_envelope_is_gone_from_it_and_known_from_then_on() -> None:
    """I5: the key that Evolution puts into every envelope."""
    decoder = Decoder(KnownSecrets())
    first = decoder.decode(frame("x", {"url": f"http://h/?k={SECRET}"}, apikey=SECRET))
    later = decoder.decode(frame("x", {"text": SECRET}, instance="beta", apikey=None))
    assert isinstance(first, DecodedEvent)
    assert isinstance(later, DecodedEvent)
    assert data_of(first) == {"url": f"http://h/?k={MASK}"}
    assert data_of(later) == {"text": MASK}


def test_the_fingerprint_is_taken_after_secrets_are_gone() -> None:
    """I5: a fingerprint of a secret could be searched for it."""
    shown = decoded(frame("x", {"a": f"k={SECRET}", "apikey": "anything"}), SECRET)
    assert shown.fingerprint == decoded(frame("x", {"a": f"k={MASK}"})).fingerprint


def test_a_key_inside_data_goes_but_is_not_learned_for_anybody_may_have_written_it() -> None:
    secrets = KnownSecrets()
    decoder = Decoder(secrets)
    decoder.decode(frame("x", {"apikey": "5511988887777@s.whatsapp.net"}, apikey=None))
    event = decoder.decode(frame("x", {"remoteJid": "5511988887777@s.whatsapp.net"}))
    assert isinstance(event, DecodedEvent)
    assert data_of(event) == {"remoteJid": "5511988887777@s.whatsapp.net"}
    assert len(secrets) == 0


@pytest.mark.parametrize("key", [None, "", "Apikey not found", 7, ["x"], {"a": "b"}])
def test_what_stands_for_no_key_is_not_learned(key: object) -> None:
    secrets = KnownSecrets()
    event = Decoder(secrets).decode(frame("x", {"text": "Apikey not found"}, apikey=key))
    assert isinstance(event, DecodedEvent)
    assert data_of(event) == {"text": "Apikey not found"}
    assert event.extra is None
    assert len(secrets) == 0


def test_the_envelopes_key_counts_in_any_case() -> None:
    event = decoded(raw(b'["x",{"instance":"a","apiKey":"the-secret","data":"the-secret","ApiKEY":"the-other"}]'))
    assert (data_of(event), event.extra) == (MASK, None)


def test_a_secret_goes_from_every_member_of_the_envelope() -> None:
    """I5: not only from data."""
    event = decoded(
        frame(f"e-{SECRET}", SECRET, instance=f"i-{SECRET}", sender=SECRET, date_time=SECRET, more={SECRET: [SECRET]}),
        SECRET,
    )
    assert (event.event, event.instance, event.sender, event.date_time) == (f"e-{MASK}", f"i-{MASK}", MASK, MASK)
    assert (event.data, event.extra) == (b'"[redacted]"', b'{"more":{"[redacted]":["[redacted]"]}}')
    assert not any(SECRET in text for text in texts(event))


def test_a_secret_is_not_cut_in_half_by_the_bound_of_a_name() -> None:
    event = decoded(frame("x", sender="s" * 250 + SECRET, date_time="d" * 60 + SECRET), SECRET)
    assert "825" not in f"{event.sender}{event.date_time}"


def test_an_instance_named_like_a_secret_stays_addressable() -> None:
    token = "loja-centro"
    sent = frame("connection.update", {"instance": token, "state": "open"}, instance=token, apikey=token)
    event = decoded(sent)
    assert event.instance == token
    assert data_of(event) == {"instance": MASK, "state": "open"}


def test_an_instance_whose_name_holds_a_secret_stays_addressable_where_it_is_known() -> None:
    sent = frame("x", instance="loja-centro-2")
    secrets = KnownSecrets(["loja-centro"])
    on_its_link = Decoder(secrets).decode(replace(sent, target=LinkTarget("main", "loja-centro-2")))
    unknown = Decoder(secrets).decode(sent)
    secrets.add_name("loja-centro-2")
    told = Decoder(secrets).decode(sent)
    assert isinstance(on_its_link, DecodedEvent)
    assert isinstance(unknown, DecodedEvent)
    assert isinstance(told, DecodedEvent)
    assert [event.instance for event in (on_its_link, unknown, told)] == ["loja-centro-2", f"{MASK}-2", "loja-centro-2"]


def test_a_secret_that_is_part_of_an_events_name_does_not_rename_the_catalogue() -> None:
    event = decoded(frame("messages.upsert", {"text": "upsert"}), "upsert")
    assert (event.event, data_of(event)) == ("messages.upsert", {"text": MASK})
    refusal = refused(raw(b'["messages.upsert",{}]'), "upsert")
    assert refusal.event == "messages.upsert"


def test_bytes_that_hold_a_secret_are_masked_as_a_whole_and_others_are_not() -> None:
    """I5: base64 would carry the secret past any reader's eye."""
    parts = [b"\x00\x01", b"\xff" + SECRET.encode() + b"\x00", b"\x02"]
    event = decoded(frame("x", [hole(0), hole(1), hole(2)], attachments=parts), SECRET)
    assert data_of(event) == [{"$base64": "AAE="}, MASK, {"$base64": "Ag=="}]


def test_bytes_are_checked_for_the_key_of_their_own_envelope() -> None:
    """I5: the key is learned before its attachments are looked at."""
    event = decoded(frame("x", hole(0), attachments=[SECRET.encode()], apikey=SECRET))
    assert data_of(event) == MASK


def test_key_material_of_whatsapp_does_not_come_out() -> None:
    """I5: Evolution passes APP_STATE_SYNC_KEY_SHARE on."""
    data = {"type": 6, "appStateSyncKeyShare": {"keys": [{"keyData": hole(0)}]}}
    assert data_of(decoded(frame("messages.edited", data, attachments=[b"k" * 32]))) == {
        "type": 6,
        "appStateSyncKeyShare": MASK,
    }


def test_a_refusal_shows_no_key_not_even_an_unknown_one() -> None:
    """I5: quarantine is for the operator, and rows outlive keys."""
    contradiction = refused(
        raw(orjson.dumps(["x", envelope(f"y-{SECRET}", {"a": SECRET}, apikey=SECRET, instance=f"i-{SECRET}")]))
    )
    assert contradiction.outcome is outcome.EVENT_CONTRADICTION
    assert contradiction.instance == f"i-{MASK}"
    torn = refused(raw(orjson.dumps(["x", envelope("x", apikey=SECRET)])[:-3]))
    assert torn.outcome is outcome.MALFORMED_JSON
    named = refused(raw(orjson.dumps([f"x-{SECRET}", None])), SECRET)
    assert named.event == f"x-{MASK}"
    for refusal in (contradiction, torn, named):
        assert not any(SECRET in text for text in texts(refusal))


@pytest.mark.parametrize("transform", [str.lower, str.swapcase])
def test_every_escape_of_json_is_seen_through(transform: Any) -> None:
    """I5: a secret written in escapes is the same secret."""
    spelled = "".join(transform(f"\\u{ord(char):04x}").replace("\\U", "\\u") for char in SECRET)
    sent = f'["x",{{"instance":"a","\\u0061pikey":"{spelled}","data":{{"{spelled}":"a{spelled}b","\\u0061piKey":1}}}}]'
    event = decoded(raw(sent.encode()))
    assert data_of(event) == {MASK: f"a{MASK}b"}


# When it happened.


def test_a_message_happened_when_whatsapp_says() -> None:
    event = decoded(frame("messages.upsert", {"messageTimestamp": 1795444798}))
    assert event.occurred_at.timestamp() == 1795444798


def test_other_events_happened_when_date_time_says_once_the_offset_is_learned() -> None:
    decoder = Decoder(KnownSecrets())
    first = decoder.decode(
        frame("messages.upsert", {"messageTimestamp": 1795444798}, date_time="2026-11-23T11:46:13.999Z")
    )
    second = decoder.decode(
        frame("messages.delete", {"messageTimestamp": 1795000000}, date_time="2026-11-23T11:46:02.5Z")
    )
    assert isinstance(first, DecodedEvent)
    assert isinstance(second, DecodedEvent)
    assert second.occurred_at == NOW - timedelta(seconds=11, milliseconds=499)
    assert second.emitted_at == second.occurred_at
    # The message is WhatsApp's, the moment at which Evolution passed it on is Evolution's.
    assert first.emitted_at == NOW
    assert first.occurred_at != NOW


def test_every_server_has_its_own_clock() -> None:
    decoder = Decoder(KnownSecrets())
    decoder.decode(frame("x", date_time="2026-11-23T11:46:13.999Z"))
    sent = frame("x", date_time="2026-11-23T14:46:12.999Z")
    other = decoder.decode(replace(sent, target=LinkTarget("other")))
    assert isinstance(other, DecodedEvent)
    assert other.occurred_at == NOW - timedelta(seconds=1)


def test_what_is_filled_in_later_teaches_nothing_about_the_clock() -> None:
    decoder = Decoder(KnownSecrets())
    decoder.decode(replace(frame("x", date_time="2026-11-23T11:46:13.999Z"), origin=Origin.BACKFILL))
    live = decoder.decode(frame("x", date_time="2026-11-23T14:46:12.999Z"))
    assert isinstance(live, DecodedEvent)
    assert live.occurred_at == NOW - timedelta(seconds=1)


@pytest.mark.parametrize("date_time", [None, "soon", "2026-11-23T14:46:12.999", "2019-11-23T14:46:12.999Z"])
def test_without_a_time_to_trust_it_happened_when_we_heard_of_it(date_time: object) -> None:
    event = decoded(frame("x", date_time=date_time))
    assert (event.occurred_at, event.emitted_at, event.date_time) == (NOW, None, date_time)


def test_what_is_filled_in_later_says_nothing_about_how_long_it_took() -> None:
    decoder = Decoder(KnownSecrets())
    decoder.decode(frame("x", date_time="2026-11-23T11:46:13.999Z"))
    late = decoder.decode(replace(frame("x", date_time="2026-11-23T11:46:12.999Z"), origin=Origin.BACKFILL))
    assert isinstance(late, DecodedEvent)
    assert (late.occurred_at, late.emitted_at) == (NOW - timedelta(seconds=1), None)


# Properties.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8) | st.binary(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


def wire(event: str, members: dict[str, Any], rng: random.Random) -> RawFrame:
    """A frame whose members, attachments and escapes are in an order of `rng`'s choice."""
    holes: list[dict[str, Any]] = []
    attachments: list[bytes] = []

    def pack(value: Any) -> Any:
        if isinstance(value, bytes):
            attachments.append(value)
            holes.append({"_placeholder": True, "num": len(attachments) - 1})
            return holes[-1]
        if isinstance(value, dict):
            names = list(value)
            rng.shuffle(names)
            return {name: pack(value[name]) for name in names}
        return [pack(item) for item in value] if isinstance(value, list) else value

    packed = pack(members)
    order = list(range(len(attachments)))
    rng.shuffle(order)
    for number, placeholder in zip(order, holes, strict=True):
        placeholder["num"] = number
    placed = [attachments[order.index(number)] for number in range(len(order))]
    link = rng.choice([None, "alpha"])
    return raw(escape_some(orjson.dumps([event, packed]).decode(), rng).encode(), placed, link=link)


def escape_some(text: str, rng: random.Random) -> str:
    """The same JSON with letters and digits inside texts written as escapes here and there."""
    shown, inside, at = [], False, 0
    while at < len(text):
        step = 6 if text[at : at + 2] == "\\u" else 2 if text[at] == "\\" else 1
        char = text[at : at + step]
        if char == '"':
            inside = not inside
        if inside and step == 1 and char.isalnum() and ord(char) < 0x10000 and rng.random() < 0.3:
            char = f"\\u{ord(char):04x}"
        shown.append(char)
        at += step
    return "".join(shown)


@given(JSON, JSON, st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_the_fingerprint_knows_neither_link_nor_order_nor_place(
    data: Any, more: Any, one: random.Random, two: random.Random
) -> None:
    members = envelope("x", data, more=more, sender="s")
    events = [decoded(wire("x", members, rng), SECRET) for rng in (one, two)]
    elsewhere = decoded(wire("x", {**members, "server_url": "http://elsewhere", "apikey": "another-key"}, one), SECRET)
    assert events[0].fingerprint == events[1].fingerprint == elsewhere.fingerprint
    assert data_of(events[0]) == data_of(events[1])
    other = decoded(wire("x", {**members, "date_time": "2026-11-23T14:46:13.501Z"}, one), SECRET)
    assert other.fingerprint != events[0].fingerprint


@given(JSON, st.randoms(use_true_random=False), st.data())
def test_a_planted_secret_never_comes_out(data: Any, rng: random.Random, draw: st.DataObject) -> None:
    """I5: wherever it stands and however it is written."""
    secret = draw.draw(
        st.sampled_from(
            [SECRET, "tok-wa1", "x1234567", "EAAG" + "a1" * 90, 'a"b\\c/d é', "ключ-от-дома", "k😀ey-with-face"]
        )
    )

    def plant(value: Any) -> Any:
        if isinstance(value, dict):
            return {f"{name} {secret}" if rng.random() < 0.3 else name: plant(item) for name, item in value.items()}
        if isinstance(value, list):
            return [plant(item) for item in value] + [secret] * (rng.random() < 0.3)
        if isinstance(value, bytes):
            return value + b"\x00" + secret.encode() if rng.random() < 0.5 else value
        return f"{value} {secret}:" if isinstance(value, str) and rng.random() < 0.5 else value

    members = envelope("x", plant(data), sender=f"{secret}@x", more=plant(data), apikey=secret)
    result = Decoder(KnownSecrets(rng.sample([secret, "unrelated-secret"], 1))).decode(wire("x", members, rng))
    assert isinstance(result, DecodedEvent)
    assert not any(secret in text for text in texts(result))
    broken = wire("x", members, rng)
    torn = Decoder(KnownSecrets([secret])).decode(
        replace(broken, payload=broken.payload[: rng.randrange(len(broken.payload))])
    )
    assert isinstance(torn, Refusal)
    assert not any(secret in text for text in texts(torn))


@given(st.binary(max_size=200), st.lists(st.binary(max_size=10), max_size=3))
def test_any_bytes_are_an_event_or_a_refusal_with_a_name(payload: bytes, attachments: list[bytes]) -> None:
    """I6: bad upstream data never stops the house."""
    result = Decoder(KnownSecrets([SECRET])).decode(raw(payload, attachments))
    if isinstance(result, Refusal):
        assert result.outcome is not outcome.INTERNAL


@given(
    st.lists(JSON.filter(lambda value: not isinstance(value, bytes)), max_size=3),
    st.dictionaries(
        st.sampled_from(
            ["event", "instance", "data", "sender", "date_time", "apikey", "server_url", "_placeholder", "num"]
        ),
        JSON,
    ),
    st.sampled_from(["x", "messages.upsert", "connection.update", "instance.create"]),
    st.lists(st.binary(max_size=4), max_size=3),
)
def test_any_envelope_is_an_event_or_a_refusal_with_a_name(
    rest: list[Any], members: dict[str, Any], name: str, attachments: list[bytes]
) -> None:
    """I6: whatever JSON may say."""
    sent = orjson.dumps(
        [name, {"event": name, "instance": "alpha", **members}, *rest], default=lambda leaf: hole(len(leaf))
    )
    result = Decoder(KnownSecrets([SECRET])).decode(raw(sent, attachments))
    if isinstance(result, Refusal):
        assert result.outcome is not outcome.INTERNAL, result.detail
    else:
        orjson.loads(result.data)
        assert len(result.fingerprint) == 32


@given(st.lists(st.sampled_from(["2026-11-23T11:46:13Z", "2026-11-23T14:46:13Z", "soon", None]), max_size=12))
def test_the_same_frames_give_the_same_events(date_times: list[str | None]) -> None:
    frames = [frame("x", {"n": n}, date_time=text, apikey=f"key-{n:06d}") for n, text in enumerate(date_times)]
    one, two = Decoder(KnownSecrets()), Decoder(KnownSecrets())
    assert [one.decode(sent) for sent in frames] == [two.decode(sent) for sent in frames]
