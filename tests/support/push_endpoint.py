"""A push service with its browsers: it checks who sends (RFC 8292), and decrypts what browsers get (RFC 8291), with
nothing of what the sender uses.
"""

from __future__ import annotations

import base64
import json
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.support.webhook_receiver import Call, Receiver, answering, receiver

MAX_BODY = 4_096
"""What every push service must take (RFC 8030, section 7.2), and the most that common ones do."""
URGENCIES = {"very-low", "low", "normal", "high"}


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class Push:
    """A push that was good: what it said, and what its `Authorization` claimed."""

    call: Call
    plain: bytes
    claims: dict[str, Any]

    @property
    def notification(self) -> dict[str, Any]:
        """The notification, in the form of Declarative Web Push."""
        said = json.loads(self.plain)
        assert said["web_push"] == 8030
        notification: dict[str, Any] = said["notification"]
        return notification


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that subscribed."""

    path: str
    origin: str
    key: ec.EllipticCurvePrivateKey
    secret: bytes

    @property
    def endpoint(self) -> str:
        return self.origin + self.path

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def subscription(self) -> dict[str, Any]:
        """What `PushSubscription.toJSON()` gives."""
        keys = {"p256dh": unpadded(self.point), "auth": unpadded(self.secret)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def decrypt(self, body: bytes) -> bytes:
        """RFC 8188 with one record, keyed as RFC 8291 says. Raises whatever is wrong with it."""
        salt, record_size, id_length = body[:16], struct.unpack("!L", body[16:20])[0], body[20]
        sender, record = body[21 : 21 + id_length], body[21 + id_length :]
        assert id_length == 65
        assert 18 <= len(record) <= record_size
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        ikm = _derived(32, self.secret, b"WebPush: info\0" + self.point + sender, shared)
        key = _derived(16, salt, b"Content-Encoding: aes128gcm\0", ikm)
        nonce = _derived(12, salt, b"Content-Encoding: nonce\0", ikm)
        padded = AESGCM(key).decrypt(nonce, record, None)
        plain, mark, rest = padded.rpartition(b"\x02")
        assert mark
        assert not rest.strip(b"\0")
        return plain


def _derived(length: int, salt: bytes, info: bytes, secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


@dataclass
class PushService:
    """What `push_service` yields. `public_key` is what browsers subscribed with: no other sender is let through."""

    http: Receiver
    public_key: str = ""
    browsers: dict[str, Browser] = field(default_factory=dict)

    def browser(self) -> Browser:
        """A new browser that subscribes."""
        path = f"/push/{len(self.browsers)}-{secrets.token_urlsafe(16)}"
        one = Browser(path, self.http.url, ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16))
        self.browsers[path] = one
        self.http.by_path[path] = answering(201)
        return one

    def pushes(self, browser: Browser) -> list[Push]:
        """What came for the browser, each checked whole."""
        return [self.checked(call) for call in self.http.calls if call.path == browser.path]

    def checked(self, call: Call) -> Push:
        """The call as a push service and a browser understand it. Raises whatever is wrong with it."""
        assert call.method == "POST"
        assert call.headers["content-encoding"] == "aes128gcm"
        assert int(call.headers["ttl"]) >= 0
        assert call.headers.get("urgency", "normal") in URGENCIES
        assert len(call.headers["topic"]) <= 32
        assert set(decoded(call.headers["topic"]))
        assert len(call.body) <= MAX_BODY
        return Push(call, self.browsers[call.path].decrypt(call.body), self.claims(call))

    def claims(self, call: Call) -> dict[str, Any]:
        """What the sender claims, signed with the key that browsers subscribed with."""
        scheme, _, rest = call.headers["authorization"].partition(" ")
        assert scheme == "vapid"
        parts = dict(one.strip().split("=", 1) for one in rest.split(","))
        assert parts["k"] == self.public_key
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(parts["k"]))
        claims: dict[str, Any] = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=self.http.url)
        assert claims["exp"] - datetime.now(UTC).timestamp() <= 24 * 3600
        assert claims["sub"].startswith(("mailto:", "https:"))
        return claims


@asynccontextmanager
async def push_service(folder: Path) -> AsyncIterator[PushService]:
    """A push service on the loopback, over HTTPS; `http.tls` trusts it."""
    async with receiver(folder) as http:
        yield PushService(http)
