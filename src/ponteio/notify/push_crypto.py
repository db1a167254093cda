"""The cryptography of Web Push: a message encrypted for one browser (RFC 8291), proof of who sends it (RFC 8292)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TOKEN_LIFE = timedelta(hours=12)
"""RFC 8292 allows a day; clocks differ."""
MAX_PLAIN = 3_993
"""Bytes that fit, encrypted, into the 4096 that every push service takes (RFC 8291, section 4)."""
_POINT_BYTES = 65
_AUTH_BYTES = 16


@dataclass(frozen=True, slots=True)
class PushKeys:
    """Where one browser is pushed to and for whom it is encrypted: `p256dh` and `auth` in base64url, as browsers give
    them.
    """

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VapidPair:
    """The key pair by which push services know a sender: the public one as browsers want it (an uncompressed point in
    base64url), the private one in base64url.
    """

    public: str
    private: str = field(repr=False)

    @classmethod
    def new(cls) -> VapidPair:
        """A pair that nobody has."""
        key = ec.generate_private_key(ec.SECP256R1())
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return cls(_text(point), _text(key.private_numbers().private_value.to_bytes(32, "big")))


def encrypted(keys: PushKeys, plain: bytes) -> bytes:
    """`plain` (1 to `MAX_PLAIN` bytes) as a body of content coding `aes128gcm` that only the browser can read."""
    from pywebpush import WebPusher  # it brings two HTTP libraries along, of which nothing is used

    if not 1 <= len(plain) <= MAX_PLAIN:
        raise ValueError(f"a push holds 1 to {MAX_PLAIN} bytes")
    info = {"endpoint": keys.endpoint, "keys": {"p256dh": keys.p256dh, "auth": keys.auth}}
    body: bytes = WebPusher(info).encode(plain, "aes128gcm")["body"]
    return body


def authorization(pair: VapidPair, audience: str, contact: str, now: datetime) -> str:
    """The `Authorization` header for the push service at `audience` (its origin). `contact` is whom it may write to: a
    `mailto:` or `https:` address.
    """
    from pywebpush import Vapid

    claims = {"aud": audience, "exp": int((now + TOKEN_LIFE).timestamp()), "sub": contact}
    signer = Vapid.from_raw(pair.private.encode())
    signer.conf = {"no-strict": True}  # its own idea of an address has no port
    header: str = signer.sign(claims)["Authorization"]
    return header


def checked_keys(p256dh: str, auth: str) -> tuple[str, str]:
    """A browser's keys, without padding. Raises `ValueError` unless `p256dh` is a point of P-256 and `auth` has 16
    bytes.
    """
    point, secret = _bytes(p256dh), _bytes(auth)
    if len(secret) != _AUTH_BYTES:
        raise ValueError("auth must be 16 bytes in base64url")
    if len(point) != _POINT_BYTES or point[0] != 4:
        raise ValueError("p256dh must be an uncompressed point of P-256 in base64url")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise ValueError("p256dh must be an uncompressed point of P-256 in base64url") from None
    return _text(point), _text(secret)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
