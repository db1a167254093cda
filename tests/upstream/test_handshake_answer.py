"""HTTP answers in place of a websocket: told apart by status and body, and never quoted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.link import LinkState
from ponteio.upstream.handshake_answer import judge_answer

NOT_FOUND = {"status": 404, "error": "Not Found", "response": {"message": ["Cannot GET /socket.io/?EIO=4"]}}
HTML = b"<html><body>502 Bad Gateway <script>alert(1)</script></body></html>"


@pytest.mark.parametrize("text", ["apiKey is required", "Invalid global token", "Authentication error"])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_evolutions_three_refusals_of_a_key_are_known_in_text_and_in_json(status: int, text: str) -> None:
    plain = judge_answer(status, text.encode())
    assert plain.state is LinkState.AUTH_FAILED
    assert judge_answer(status, f" {text}\r\n".encode()) == plain
    assert judge_answer(status, json.dumps({"code": 4, "message": text}).encode()) == plain


def test_each_refusal_of_a_key_has_its_own_reason() -> None:
    texts = (b"apiKey is required", b"Invalid global token", b"Authentication error")
    assert [judge_answer(400, text).reason for text in texts] == ["key_required", "key_invalid", "key_unchecked"]


def test_a_server_without_websocket_is_known_by_expresss_own_404() -> None:
    assert judge_answer(404, json.dumps(NOT_FOUND).encode()).state is LinkState.UPSTREAM_DISABLED


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"Cannot GET /socket.io/", "http_404"),
        (404, b'{"message":"Cannot GET /evo/socket.io/"}', "http_404"),
        (404, b"[]", "http_404"),
        (404, b'{"response":{"message":[]}}', "http_404"),
        (404, b'{"response":{"message":[1]}}', "http_404"),
        (404, HTML, "http_404"),
        (200, HTML, "not_socketio"),
        (200, b"apiKey is required", "not_socketio"),
        (301, b"", "redirected"),
        (307, b"", "redirected"),
        (502, HTML, "http_502"),
        (503, b"", "http_503"),
        (504, b"", "http_504"),
        (500, b"apiKey is required", "http_500"),
        (401, b"Unauthorized", "http_401"),
        (400, b'{"code":5,"message":"Unsupported protocol version"}', "http_400"),
        (429, b"\xff\x00", "http_429"),
    ],
)
def test_everything_else_is_unreachable_with_a_reason(status: int, body: bytes, reason: str) -> None:
    failure = judge_answer(status, body)
    assert failure.state is LinkState.UNREACHABLE
    assert failure.reason == reason
    assert failure.detail.endswith((".", "?"))


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_answer_is_judged_without_an_exception(status: int, body: bytes) -> None:
    assert judge_answer(status, body).state in (LinkState.UNREACHABLE, LinkState.AUTH_FAILED)


@given(st.sampled_from([200, 301, 400, 403, 404, 502]))
def test_nothing_of_the_body_gets_into_the_detail(status: int) -> None:
    canary = "tok-canary"
    for body in (canary, f'{{"message":"{canary}"}}', f"<html>{canary}"):
        assert canary not in str(judge_answer(status, body.encode()))
