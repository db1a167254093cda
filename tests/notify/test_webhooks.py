from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from ponteio.notify.channel import Message, Urgency
from ponteio.notify.webhooks import WebhookTarget, checked_header, new_secret, payload_of, signed_headers

NOW = datetime.now(UTC)
MESSAGE = Message("org_1", "Title", "Body", "tag")


@given(st.text(max_size=200), st.text(max_size=200))
def test_every_message_verifies_with_the_public_library(title: str, content: str) -> None:
    message = Message(
        "org_1",
        title.encode("utf-8", "replace").decode(),
        "b",
        "t",
        content=content.encode("utf-8", "replace").decode(),
    )
    secret, body = new_secret(), payload_of(message, NOW)
    headers = signed_headers((secret,), "msg_1", NOW, body)
    said = Webhook(secret).verify(body, headers)
    assert said["data"]["title"] == message.title
    assert said["data"].get("content", "") == message.content


def test_what_was_touched_does_not_verify() -> None:
    secret, body = new_secret(), payload_of(MESSAGE, NOW)
    headers = signed_headers((secret,), "msg_1", NOW, body)
    for changed, by in ((body + b" ", headers), (body, {**headers, "webhook-id": "msg_2"})):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(changed, by)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    old = signed_headers((secret,), "msg_1", NOW - timedelta(minutes=6), body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, old)


def test_while_one_secret_replaces_another_both_verify() -> None:
    new, old, body = new_secret(), new_secret(), payload_of(MESSAGE, NOW)
    headers = signed_headers((new, old), "msg_1", NOW, body)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (new, old):
        assert Webhook(secret).verify(body, headers)["type"] == "alert.firing"


def test_the_body_is_the_same_at_every_try() -> None:
    assert payload_of(MESSAGE, NOW) == payload_of(MESSAGE, NOW)
    said = json.loads(payload_of(MESSAGE, NOW))
    assert set(said) == {"type", "timestamp", "data"}
    assert datetime.fromisoformat(said["timestamp"]) == NOW
    assert "content" not in said["data"]
    assert said["data"]["urgency"] == Urgency.NORMAL.value


def test_secrets_are_long_and_never_the_same() -> None:
    found = {new_secret() for _ in range(20)}
    assert len(found) == 20
    assert all(one.startswith("whsec_") and len(one) == 50 for one in found)


def test_a_target_does_not_show_its_secrets() -> None:
    assert "s3cret" not in repr(WebhookTarget("https://a/s3cret", ("s3cret",), ("x", "s3cret")))


@pytest.mark.parametrize(("name", "value"), [("Authorization", "Bearer x y"), ("X-N8n", "!"), ("apikey", "x" * 1_024)])
def test_a_header_of_the_receivers_own(name: str, value: str) -> None:
    assert checked_header(name, value) == (name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("a b", "x"),
        ("a:b", "x"),
        ("é", "x"),
        ("x" * 65, "x"),
        ("Host", "x"),
        ("CONTENT-LENGTH", "1"),
        ("content-type", "text/html"),
        ("Transfer-Encoding", "chunked"),
        ("webhook-id", "x"),
        ("Webhook-Signature", "x"),
        ("proxy-authorization", "x"),
        ("x", ""),
        ("x", " x"),
        ("x", "a\r\nb: c"),
        ("x", "é"),
        ("x", "x" * 1_025),
    ],
)
def test_a_header_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="has a") as error:
        checked_header(name, value)
    assert len(value) < 3 or value not in str(error.value)
