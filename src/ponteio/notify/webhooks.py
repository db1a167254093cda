"""Messages to other servers: signed HTTP calls, as the Standard Webhooks specification says
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from standardwebhooks import Webhook

from ponteio.notify.attempt import Attempt
from ponteio.notify.channel import Message
from ponteio.notify.http_post import HttpPost
from ponteio.observe.clock import utc_now

SECRET_PREFIX = "whsec_"  # noqa: S105 - it only says what follows
_SECRET_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS = re.compile(
    r"(?:webhook-.*|host|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|accept.*"
    r"|user-agent)"
)
_MAX_VALUE = 1_024


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where a webhook goes, what signs it (two secrets while one replaces the other), and a header of the receiver's
    own choice.
    """

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    header: tuple[str, str] | None = field(default=None, repr=False)


class Webhooks:
    """Sends messages as webhooks."""

    def __init__(self, post: HttpPost, clock: Callable[[], datetime] = utc_now) -> None:
        self._post = post
        self._clock = clock

    async def send(self, target: WebhookTarget, delivery_id: str, message: Message, created_at: datetime) -> Attempt:
        """One call. `delivery_id` is its `webhook-id`: the same however often it is tried, so that the receiver can
        tell a repetition.
        """
        body = payload_of(message, created_at)
        headers = signed_headers(target.secrets, delivery_id, self._clock(), body)
        if target.header is not None:
            headers[target.header[0]] = target.header[1]
        return await self._post.post(target.url, body, headers)


def payload_of(message: Message, created_at: datetime) -> bytes:
    """The body of the call: `type`, `timestamp` and `data`, the same at every try."""
    data: dict[str, object] = {
        "title": message.title,
        "body": message.body,
        "url": message.url or None,
        "tag": message.tag,
        "urgency": message.urgency.value,
        "organization": message.organization_id,
        "incident": message.incident_id,
        **({"content": message.content} if message.content else {}),
        "details": dict(message.data),
    }
    return orjson.dumps({"type": message.kind, "timestamp": created_at.isoformat(), "data": data})


def signed_headers(keys: tuple[str, ...], delivery_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature` with one signature for each of `keys`."""
    signatures = [Webhook(key).sign(delivery_id, now, body.decode()) for key in keys]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def new_secret() -> str:
    """A secret that nobody has: 32 random bytes, as the specification writes them."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def checked_header(name: str, value: str) -> tuple[str, str]:
    """The header as it can be sent. Raises `ValueError`, whose text does not quote the value, for one that cannot be or
    that is not the receiver's to choose.
    """
    if not _TOKEN.fullmatch(name) or _OURS.fullmatch(name.lower()):
        raise ValueError("has a name that cannot be used")
    if not value or len(value) > _MAX_VALUE or not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError(f"has a value that is not 1 to {_MAX_VALUE} printable ASCII characters")
    return name, value
