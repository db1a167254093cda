"""Answers recorded from Evolution API 2.3.7 (128 REST calls), and those that nobody should send."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model import outcome
from ponteio.model.identity import InstanceState
from ponteio.model.instance_events import NEVER_SET, SentEvents
from ponteio.model.outcome import Outcome
from ponteio.upstream import evolution_answers as answers
from ponteio.upstream.evolution_answers import EvolutionRefusalError, Pairing, WebsocketSettings

GOLDEN = Path(__file__).parent.parent / "golden" / "captures" / "rest.jsonl"
RECORDED: list[dict[str, Any]] = [orjson.loads(line) for line in GOLDEN.read_bytes().splitlines()]
JSON = "application/json"


def recorded(label: str) -> dict[str, Any]:
    return next(call for call in RECORDED if call["label"] == label)


def same(text: str) -> str:
    return text


def read(call: dict[str, Any]) -> Any:
    body = b"" if call["response"] == "" else orjson.dumps(call["response"])
    return answers.read_answer(call["status"], JSON, body, same)


def refused(status: int, body: object, content_type: str = JSON) -> EvolutionRefusalError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    with pytest.raises(EvolutionRefusalError) as caught:
        answers.read_answer(status, content_type, raw, same)
    return caught.value


@pytest.mark.parametrize("call", RECORDED, ids=lambda call: call["label"])
def test_each_recorded_answer_is_a_value_or_the_refusal_that_its_status_means(call: dict[str, Any]) -> None:
    if call["status"] < 300:
        assert read(call) == (None if call["response"] == "" else call["response"])
        return
    with pytest.raises(EvolutionRefusalError) as caught:
        read(call)
    message = str(call["response"]["response"]["message"])
    expected = {401: outcome.UPSTREAM_AUTH_FAILED, 500: outcome.UPSTREAM_FAILED}.get(
        call["status"], outcome.UPSTREAM_BAD_ANSWER if "['Cannot " in message else outcome.UPSTREAM_REFUSED
    )
    assert caught.value.outcome is expected
    assert caught.value.upstream_status == call["status"]
    assert caught.value.is_absence is (call["status"] == 404 and "['Cannot " not in message)
    assert len(caught.value.detail) < 2_000
    assert "invocation in" not in caught.value.detail


def test_list_in_list_messages_become_one_line() -> None:
    refusal = refused(400, recorded("websocket/set enabled string")["response"])
    assert refusal.detail == (
        "Evolution API refused: websocket.enabled is not of a type(s) boolean; "
        "websocket.enabled is not one of enum values: true,false"
    )


def test_a_200_that_says_error_is_a_failure() -> None:
    refusal = refused(200, {"error": True, "message": "[object Object]"})
    assert refusal.outcome is outcome.UPSTREAM_FAILED
    assert "gave no reason" in refusal.detail
    assert "boom" in refused(200, {"error": True, "message": "boom"}).detail


def test_a_success_that_carries_error_false_is_a_success() -> None:
    value = {"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}}
    assert answers.read_answer(200, JSON, orjson.dumps(value), same) == value


@pytest.mark.parametrize(
    ("status", "body", "content_type", "expected"),
    [
        (200, b"<!doctype html><title>nginx</title>", "text/html", outcome.UPSTREAM_BAD_ANSWER),
        (200, b"{oops", JSON, outcome.UPSTREAM_BAD_ANSWER),
        (200, b"[" * 5_000 + b"]" * 5_000, JSON, outcome.UPSTREAM_BAD_ANSWER),
        (200, b'{"a":"\xff"}', JSON, outcome.UPSTREAM_BAD_ANSWER),
        (401, b"<h1>Login</h1>", "text/html", outcome.UPSTREAM_BAD_ANSWER),
        (404, b'{"detail":"Not Found"}', JSON, outcome.UPSTREAM_BAD_ANSWER),
        (404, b'"no"', JSON, outcome.UPSTREAM_BAD_ANSWER),
        (404, b"", JSON, outcome.UPSTREAM_BAD_ANSWER),
        (502, b"<h1>502 Bad Gateway</h1>", "text/html", outcome.UPSTREAM_BAD_ANSWER),
        (502, b"{}", JSON, outcome.UPSTREAM_BAD_ANSWER),
        (504, b"", "", outcome.UPSTREAM_BAD_ANSWER),
        (301, b"", "", outcome.UPSTREAM_BAD_ANSWER),
        (503, b"<h1>busy</h1>", "text/html", outcome.UPSTREAM_BAD_ANSWER),
        (503, b'{"error":"service not activated","code":"LICENSE_REQUIRED"}', JSON, outcome.UPSTREAM_FAILED),
        (500, b'{"message":"Not allowed by CORS"}', JSON, outcome.UPSTREAM_FAILED),
        (500, b"{}", JSON, outcome.UPSTREAM_FAILED),
        (418, b'{"response":{"message":"no"}}', JSON, outcome.UPSTREAM_REFUSED),
    ],
)
def test_what_is_not_evolution_is_told_from_what_is(
    status: int, body: bytes, content_type: str, expected: Outcome
) -> None:
    refusal = refused(status, body, content_type)
    assert refusal.outcome is expected
    assert not refusal.is_absence


def test_hints_name_the_setting_to_change() -> None:
    assert "CORS_ORIGIN" in refused(500, {"response": {"message": "Not allowed by CORS"}}).detail
    assert "licence" in refused(503, {"error": "service not activated", "code": "LICENSE_REQUIRED"}).detail
    assert "EVOLUTION_API_URL" in refused(301, b"").detail


@pytest.mark.parametrize("body", [b"", b"  \r\n"])
def test_an_empty_answer_is_none(body: bytes) -> None:
    assert answers.read_answer(201, JSON, body, same) is None


def test_a_secret_is_scrubbed_before_the_text_is_cut() -> None:
    """I5: half a secret would not be recognised."""
    secret = "s3cret-" * 8
    long = "x" * (answers.MAX_MESSAGE_CHARS - 10) + secret
    assert "s3cret" not in answers.flatten_messages(long, lambda text: text.replace(secret, "***"))


MESSAGES = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=6), max_leaves=30)


@given(MESSAGES)
def test_any_message_becomes_one_bounded_printable_line(message: object) -> None:
    line = answers.flatten_messages(message, same)
    assert len(line) <= answers.MAX_MESSAGES * (answers.MAX_MESSAGE_CHARS + 2)
    assert line == "" or line.isprintable()


@given(st.integers(100, 599), st.sampled_from([JSON, "text/html", ""]), st.binary(max_size=200))
def test_any_answer_is_a_value_or_a_named_refusal(status: int, content_type: str, body: bytes) -> None:
    with contextlib.suppress(EvolutionRefusalError):
        answers.read_answer(status, content_type, body, same)


def test_instances_are_reduced_and_their_tokens_go_to_the_callback_only() -> None:
    """I5: of a row that holds tokens and credentials, only what is used stays."""
    secrets: list[str] = []
    rows = recorded("fetchInstances key=global")["response"]
    found = answers.read_instances(rows, secrets.append)
    assert {sighting.name for sighting in found} == {"alpha", "beta", "gamma", "biz"}
    assert sorted(secrets) == sorted(row["token"] for row in rows)
    assert not any(secret in repr(found) for secret in secrets)
    alpha = next(sighting for sighting in found if sighting.name == "alpha")
    assert alpha.change.state is InstanceState.OPEN
    assert alpha.change.upstream_id == "4b5faec0-0b16-499a-97bc-2d27216a0805"
    assert alpha.change.integration == "EVOLUTION"
    assert alpha.websocket is not None
    assert len(alpha.websocket.events) == 31
    assert next(it for it in found if it.name == "gamma").websocket is None


def test_odd_rows_of_instances_are_read_as_far_as_they_go() -> None:
    rows = [
        7,
        {},
        {"name": ""},
        {"name": 5},
        {"name": "a", "token": 5, "connectionStatus": "odd", "disconnectionReasonCode": True, "Websocket": []},
        {"name": "b", "token": "", "connectionStatus": "close", "disconnectionReasonCode": 401},
    ]
    secrets: list[str] = []
    a, b = answers.read_instances(rows, secrets.append)
    assert (a.name, a.change.state, a.change.reason, a.websocket) == ("a", None, None, None)
    assert (b.change.state, b.change.reason) == (InstanceState.CLOSE, 401)
    assert secrets == []


@pytest.mark.parametrize("value", [None, {}, "x"])
def test_a_list_of_instances_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(EvolutionRefusalError):
        answers.read_instances(value, lambda _secret: None)


def test_a_created_instance_is_read_without_its_hash() -> None:
    secrets: list[str] = []
    made = answers.read_created(recorded("create WHATSAPP-BUSINESS biz")["response"], "biz", secrets.append)
    assert secrets == ["EAAG-fake-meta-token"]
    assert "EAAG" not in repr(made)
    assert made.change.state is InstanceState.OPEN
    assert made.change.integration == "WHATSAPP-BUSINESS"
    oddities: list[object] = [None, {}, {"instance": []}]
    for odd in oddities:
        with pytest.raises(EvolutionRefusalError):
            answers.read_created(odd, "biz", secrets.append)


def test_a_state_that_is_not_there_yet_is_unknown() -> None:
    assert answers.read_connection_state(recorded("connectionState biz")["response"]) is InstanceState.OPEN
    assert answers.read_connection_state({"instance": {"instanceName": "wa2"}}) is InstanceState.UNKNOWN
    assert answers.read_connection_state({"instance": {"state": "novel"}}) is InstanceState.UNKNOWN
    oddities: list[object] = [None, [], {"instance": None}]
    for odd in oddities:
        with pytest.raises(EvolutionRefusalError):
            answers.read_connection_state(odd)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"instance": {"instanceName": "alpha", "state": "open"}}, Pairing(InstanceState.OPEN)),
        ({"instance": {"instanceName": "alpha", "status": "connecting"}}, Pairing(InstanceState.CONNECTING)),
        ({"count": 0}, Pairing(InstanceState.CONNECTING, count=0)),
        ({}, Pairing(None)),
        (None, Pairing(None)),
        ([], Pairing(None)),
        ({"count": True, "code": 5}, Pairing(None)),
        (
            {"pairingCode": "ABCD", "code": "2@x", "base64": "data:image/png;base64,AA", "count": 1},
            Pairing(InstanceState.CONNECTING, "2@x", "ABCD", "data:image/png;base64,AA", 1),
        ),
        (
            {"instance": {"state": "close"}, "qrcode": {"code": "2@x", "pairingCode": None, "count": 2}},
            Pairing(InstanceState.CLOSE, "2@x", count=2),
        ),
    ],
)
def test_every_shape_of_a_connect_answer_is_read(value: object, expected: Pairing) -> None:
    assert answers.read_pairing(value) == expected


def test_pairing_codes_do_not_show_in_a_repr() -> None:
    """I5: a QR code logs a phone in."""
    shown = repr(Pairing(InstanceState.CONNECTING, "2@code", "PAIR", "data:image", 1))
    assert not any(secret in shown for secret in ("2@code", "PAIR", "data:image"))


def test_websocket_settings_are_a_row_null_or_nothing() -> None:
    row = recorded("websocket/set ok two events")["response"]
    assert answers.read_websocket(row) == WebsocketSettings(True, ("MESSAGES_UPSERT", "CONNECTION_UPDATE"))
    assert answers.read_websocket({"enabled": False, "events": None}) == WebsocketSettings(False, ())
    nothings: list[object] = [None, [], {}, {"enabled": "true"}]
    for nothing in nothings:
        assert answers.read_websocket(nothing) is None


def test_what_is_sent_is_bounded_and_never_set_is_told_from_nonsense() -> None:
    row = recorded("websocket/set ok two events")["response"]
    assert answers.read_sent_events(row) == SentEvents(True, ("MESSAGES_UPSERT", "CONNECTION_UPDATE"))
    assert answers.read_sent_events(None) == NEVER_SET
    # Whoever makes an instance may put anything into its list.
    odd = {"enabled": True, "events": ["CALL", "CALL", "x" * 65, 7, *(f"N{number}" for number in range(200))]}
    sent = answers.read_sent_events(odd)
    assert (sent.events[:2], len(sent.events)) == (("CALL", "N0"), answers.MAX_EVENTS)
    strangers: list[object] = [[], {}, "null", {"enabled": 1}]
    for strange in strangers:
        with pytest.raises(EvolutionRefusalError) as caught:
            answers.read_sent_events(strange)
        assert caught.value.outcome is outcome.UPSTREAM_BAD_ANSWER
