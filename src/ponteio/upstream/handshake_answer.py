"""What an HTTP answer to the websocket handshake means when it is not a websocket."""

from __future__ import annotations

import orjson

from ponteio.model.link import LinkState
from ponteio.upstream.link_failure import LinkFailure, unreachable

_KEY_STATUSES = frozenset({400, 401, 403})
_KEY_ANSWERS = {
    "apikey is required": LinkFailure(
        LinkState.AUTH_FAILED, "key_required", "Evolution API asks for a key: set EVOLUTION_API_KEY."
    ),
    "invalid global token": LinkFailure(
        LinkState.AUTH_FAILED, "key_invalid", "Evolution API does not know the key: check EVOLUTION_API_KEY."
    ),
    "authentication error": LinkFailure(
        LinkState.AUTH_FAILED, "key_unchecked", "Evolution API could not check the key: is its database up?"
    ),
}
_DISABLED = LinkFailure(
    LinkState.UPSTREAM_DISABLED,
    "upstream_websocket_disabled",
    "Evolution API runs without WebSocket: set WEBSOCKET_ENABLED=true there and restart it.",
)


def judge_answer(status: int, body: bytes) -> LinkFailure:
    """The failure that this answer means. `body` is untrusted and nothing of it is quoted.

    The texts are those of Evolution API 2.3.7, as plain text (websocket) or in a JSON `message` (polling, proxies).
    """
    told = _told(body)
    text = (body[:100].decode("latin-1") if told is None else told).strip()
    if status in _KEY_STATUSES and text.lower() in _KEY_ANSWERS:
        return _KEY_ANSWERS[text.lower()]
    if status == 404:
        if told is not None and told.startswith("Cannot GET /socket.io"):
            return _DISABLED
        return unreachable("http_404", "A web server answers, but not Evolution API: is the path of the address right?")
    if 300 <= status < 400:
        return unreachable("redirected", f"The address redirects elsewhere ({status}): enter the final address.")
    if status in (502, 503, 504):
        return unreachable(f"http_{status}", f"A proxy answers {status}: Evolution API behind it does not.")
    if status == 200:
        return unreachable("not_socketio", "An ordinary web page answers, not Socket.IO.")
    return unreachable(f"http_{status}", f"The server answers the websocket handshake with HTTP {status}.")


def _told(body: bytes) -> str | None:
    """The text in `{"message":…}` or `{"response":{"message":[…]}}`, or None when the body is not JSON."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(told, dict) and isinstance(told.get("response"), dict):
        told = told["response"]
    message = told.get("message") if isinstance(told, dict) else None
    if isinstance(message, list) and message:
        message = message[0]
    return message if isinstance(message, str) else ""
