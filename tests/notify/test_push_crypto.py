from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.support.push_endpoint import Browser, PushService, unpadded
from tests.support.webhook_receiver import Call, Receiver

from ponteio.notify.push_crypto import MAX_PLAIN, PushKeys, VapidPair, authorization, checked_keys, encrypted

BROWSER = Browser("/x", "https://push.example", ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef")
KEYS = PushKeys(BROWSER.endpoint, unpadded(BROWSER.point), unpadded(BROWSER.secret))
NOW = datetime.now(UTC)


@given(st.binary(min_size=1, max_size=MAX_PLAIN))
def test_only_the_browser_reads_it_and_it_fits(plain: bytes) -> None:
    """RFC 8291, read by another implementation than the one that wrote it."""
    body = encrypted(KEYS, plain)
    assert BROWSER.decrypt(body) == plain
    assert len(body) <= 4_096
    assert plain not in body or len(plain) < 4


@pytest.mark.parametrize("plain", [b"", b"x" * (MAX_PLAIN + 1)])
def test_what_does_not_fit_is_not_sent(plain: bytes) -> None:
    with pytest.raises(ValueError, match="holds"):
        encrypted(KEYS, plain)


def test_the_largest_is_4096_bytes() -> None:
    assert len(encrypted(KEYS, b"x" * MAX_PLAIN)) == 4_096


def test_nothing_looks_alike() -> None:
    assert len({encrypted(KEYS, b"the same") for _ in range(10)}) == 10


@pytest.mark.parametrize("contact", ["mailto:ops@example.com", "https://a.example:8443", "mailto:ponteio@localhost"])
def test_who_sends_is_proven(contact: str) -> None:
    pair = VapidPair.new()
    service = PushService(Receiver(444, "https", None), pair.public)
    header = authorization(pair, service.http.url, contact, NOW)
    claims = service.claims(Call("POST", "/", {"authorization": header}, b""))
    assert claims["sub"] == contact
    assert 0 < claims["exp"] - NOW.timestamp() <= 12 * 3600


def test_pairs_are_never_the_same_and_do_not_show_their_secret() -> None:
    pairs = [VapidPair.new() for _ in range(5)]
    assert len({pair.private for pair in pairs}) == 5
    assert pairs[0].private not in repr(pairs[0])
    assert KEYS.endpoint not in repr(KEYS)
    assert len(base64.urlsafe_b64decode(pairs[0].public + "=")) == 65


def test_a_browsers_keys_are_taken_with_and_without_padding() -> None:
    assert checked_keys(KEYS.p256dh + "=", KEYS.auth + "==") == (KEYS.p256dh, KEYS.auth)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        (KEYS.p256dh, "AAAA"),
        (KEYS.p256dh, ""),
        (KEYS.p256dh, "!" * 22),
        (KEYS.p256dh[:-4], KEYS.auth),
        ("", KEYS.auth),
        ("A" * 87, KEYS.auth),
        (unpadded(b"\x04" + b"\x00" * 64), KEYS.auth),
        (unpadded(b"\x04" + BROWSER.point[1:33] + BROWSER.point[1:33]), KEYS.auth),
        (unpadded(b"\x02" + BROWSER.point[1:33]), KEYS.auth),
        (KEYS.p256dh.replace("-", "+") + "é", KEYS.auth),
    ],
    ids=[
        "short auth",
        "no auth",
        "odd auth",
        "short key",
        "no key",
        "zeros",
        "the point at nought",
        "no point of the curve",
        "compressed",
        "odd letters",
    ],
)
def test_keys_that_are_none(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        checked_keys(p256dh, auth)


def test_the_kit_finds_what_is_wrong() -> None:
    body = bytearray(encrypted(KEYS, b"hello"))
    body[-1] ^= 1
    with pytest.raises(InvalidTag):
        BROWSER.decrypt(bytes(body))
    service = PushService(Receiver(444, "https", None), VapidPair.new().public)
    header = authorization(VapidPair.new(), service.http.url, "mailto:a@b.example", NOW)
    with pytest.raises(AssertionError):
        service.claims(Call("POST", "/", {"authorization": header}, b""))
