"""Messages to browsers, by way of their push services (RFC 8030)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from datetime import datetime

import orjson

from ponteio.model.outcome import RefusalError
from ponteio.notify.attempt import Attempt, Ending, of_refusal
from ponteio.notify.channel import Message
from ponteio.notify.http_post import HttpPost, origin_of
from ponteio.notify.push_crypto import MAX_PLAIN, PushKeys, VapidPair, authorization, encrypted
from ponteio.notify.retries import retry_after_s
from ponteio.notify.vapid import VapidKeys
from ponteio.observe.clock import utc_now

_STEP = 1_024
_TITLE, _BODY, _CONTENT = 200, 800, 1_000
_SMALL_BODY = 120


class WebPush:
    """Sends messages to browsers. `contact` is whom push services may write to, `public_url` where our pages are."""

    def __init__(
        self,
        post: HttpPost,
        vapid: VapidKeys,
        *,
        contact: str,
        public_url: str = "",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._post = post
        self._vapid = vapid
        self._contact = contact
        self._public_url = public_url
        self._clock = clock

    async def send(self, keys: PushKeys, message: Message, expires_at: datetime, *, content: bool) -> Attempt:
        """One push; another, smaller one where that was too large. The push service keeps it until `expires_at`.
        `content` says whether its reader may see what people wrote.
        """
        try:
            attempt = await self._pushed(keys, message, expires_at, self._payload(message, content=content))
            if attempt.ending is Ending.TOO_LARGE:
                attempt = await self._pushed(keys, message, expires_at, self._payload(message, small=True))
        except RefusalError as refusal:
            return of_refusal(refusal)
        return attempt

    async def _pushed(self, keys: PushKeys, message: Message, expires_at: datetime, plain: bytes) -> Attempt:
        now = self._clock()
        pair = await self._vapid.pair()
        # In a thread: the first time it imports much, and each time it computes what nobody should wait for.
        proof, body = await asyncio.to_thread(self._sealed, pair, keys, plain, now)
        headers = {
            "authorization": proof,
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "ttl": str(max(0, int((expires_at - now).total_seconds()))),
            "urgency": message.urgency.value,
            "topic": topic_of(message),
        }
        answer = await self._post.answer(keys.endpoint, body, headers)
        return _judged(answer.status, retry_after_s(answer.retry_after, now))

    def _sealed(self, pair: VapidPair, keys: PushKeys, plain: bytes, now: datetime) -> tuple[str, bytes]:
        return authorization(pair, origin_of(keys.endpoint), self._contact, now), encrypted(keys, plain)

    def _payload(self, message: Message, *, content: bool = False, small: bool = False) -> bytes:
        return payload_of(message, self._public_url, content=content, small=small)


def payload_of(message: Message, public_url: str = "", *, content: bool = False, small: bool = False) -> bytes:
    """What the browser reads: JSON in the form of Declarative Web Push, which browsers that know it show by themselves.
    Filled up with spaces, so that its length tells little.
    """
    body = message.body[: _SMALL_BODY if small else _BODY]
    shown = message.content[:_CONTENT] if content and not small else ""
    while len(plain := _json(message, public_url, body, shown)) > MAX_PLAIN:
        body, shown = (body, shown[: len(shown) // 2]) if shown else (body[: len(body) // 2], shown)
    size = min(-(-len(plain) // _STEP) * _STEP, MAX_PLAIN)
    return plain.ljust(size)


def _json(message: Message, public_url: str, body: str, shown: str) -> bytes:
    path = message.url or "/"
    notification = {
        "title": message.title[:_TITLE],
        "body": f"{body}\n{shown}" if shown else body,
        "navigate": public_url + path if path.startswith("/") else path,
        "tag": message.tag[:_TITLE],
        "data": {
            "kind": message.kind,
            "organization": message.organization_id,
            "incident": message.incident_id,
            "urgency": message.urgency.value,
        },
    }
    return orjson.dumps({"web_push": 8030, "notification": notification})


def topic_of(message: Message) -> str:
    """The `Topic` header: of two messages with the same, a push service that still holds the first keeps only the
    second. It tells nothing about the tag.
    """
    mark = f"{message.organization_id}\n{message.tag}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hashlib.sha256(mark).digest()[:24]).decode()


def _judged(status: int, wait_s: float | None) -> Attempt:
    if 200 <= status < 300:
        return Attempt(Ending.DELIVERED, status=status)
    if status in (404, 410):
        return Attempt(Ending.GONE, "The browser takes no pushes any more.", status)
    if status == 413:
        return Attempt(Ending.TOO_LARGE, "It is too large for the push service.", status)
    may_mend = status == 429 or status >= 500
    return Attempt(Ending.REJECTED, f"The push service answered {status}.", status, may_mend, wait_s)
