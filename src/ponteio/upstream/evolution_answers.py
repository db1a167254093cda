"""Reading Evolution API's REST answers: pure functions from status and bytes to our types, or to a named refusal.

The shapes and their quirks are those of release 2.3.7, as observed on a running server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from ponteio.model import outcome
from ponteio.model.identity import Instance, InstanceChange, InstanceState
from ponteio.model.instance_events import NEVER_SET, SentEvents
from ponteio.model.outcome import Outcome, RefusalError

Scrub = Callable[[str], str]

MAX_MESSAGES = 5
MAX_MESSAGE_CHARS = 300
MAX_NESTING = 4
MAX_EVENTS = 100
MAX_EVENT_CHARS = 64
_PROXY_STATUSES = frozenset({502, 504})
_CORS_HINT = "Evolution API lets in browsers only: put * in its CORS_ORIGIN."
_LICENSE_HINT = "Evolution API asks for its licence to be activated first."


class EvolutionRefusalError(RefusalError):
    """Evolution answered, and said no. `upstream_status` is the HTTP status of its answer."""

    def __init__(self, named: Outcome, detail: str | None, upstream_status: int) -> None:
        super().__init__(named, detail, {"upstream_status": upstream_status})
        self.upstream_status = upstream_status

    @property
    def is_absence(self) -> bool:
        """Whether Evolution, and not a stranger at its address, says that it has no such instance."""
        return self.upstream_status == 404 and self.outcome is outcome.UPSTREAM_REFUSED


@dataclass(frozen=True, slots=True)
class WebsocketSettings:
    """What an instance emits on its own namespace. `events` are Evolution's setting names (`MESSAGES_UPSERT`)."""

    enabled: bool
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """An instance as `fetchInstances` or `create` shows it, without its token and its other credentials.

    `change.state` is the database's, which is late while a connection comes and goes.
    """

    name: str
    change: InstanceChange
    websocket: WebsocketSettings | None = None


@dataclass(frozen=True, slots=True)
class Pairing:
    """How far the pairing with a phone is. `code` is the QR code's text, `base64` its picture as a data URL.

    `state` is None when the answer does not say. The codes log a phone in: they are left out of the repr.
    """

    state: InstanceState | None
    code: str | None = field(default=None, repr=False)
    pairing_code: str | None = field(default=None, repr=False)
    base64: str | None = field(default=None, repr=False)
    count: int | None = None


def read_answer(status: int, content_type: str, body: bytes, scrub: Scrub) -> Any:
    """The JSON value of a good answer; None for an empty one.

    Raises `EvolutionRefusalError`: UPSTREAM_AUTH_FAILED for 401; UPSTREAM_REFUSED for another 4xx; UPSTREAM_FAILED
    for 5xx and for a 200 that says `{"error": true}`; UPSTREAM_BAD_ANSWER for redirects, HTML, an answer of a proxy
    in front, and whatever is not JSON.
    """
    value = _parse(status, content_type, body)
    if 200 <= status < 300:
        if isinstance(value, dict) and value.get("error") is True:
            raise EvolutionRefusalError(outcome.UPSTREAM_FAILED, _wrapped_failure(value, scrub), status)
        return value
    if not isinstance(value, dict):
        _refuse_stranger(status, f"Something that is not Evolution API answered with status {status}.")
    text = flatten_messages(_message_of(value), scrub)
    if status == 401:
        raise EvolutionRefusalError(outcome.UPSTREAM_AUTH_FAILED, None, status)
    if status >= 500:
        raise EvolutionRefusalError(outcome.UPSTREAM_FAILED, _failure(value, text), status)
    if "response" not in value or (status == 404 and text.startswith("Cannot ")):
        _refuse_stranger(status, f"What answers at EVOLUTION_API_URL does not know this call (status {status}).")
    raise EvolutionRefusalError(outcome.UPSTREAM_REFUSED, _sentence("Evolution API refused", text), status)


def flatten_messages(value: object, scrub: Scrub) -> str:
    """Evolution's `message` (a text, a list, or a list in a list) as one bounded line without secrets."""
    found: list[str] = []
    for text in _texts(value, MAX_NESTING):
        # Secrets go before the text is cut: half a secret would not be recognised.
        line = " ".join(scrub(text).split())
        printable = "".join(char for char in line if char.isprintable())
        if printable:
            found.append(_shortened(printable))
        if len(found) == MAX_MESSAGES:
            break
    return "; ".join(found)


def read_instances(value: object, on_secret: Callable[[str], None]) -> list[Sighting]:
    """The rows of `fetchInstances`, reduced. Each token goes to `on_secret`. Rows without a name are left out."""
    if not isinstance(value, list):
        _refuse_stranger(200, "Evolution API's list of instances is not a list.")
    rows = [row for row in value if isinstance(row, dict)]
    for row in rows:
        _tell(on_secret, row.get("token"))
    return [_sighting(row, row["name"]) for row in rows if isinstance(row.get("name"), str) and row["name"]]


def read_created(value: object, name: str, on_secret: Callable[[str], None]) -> Sighting:
    """The answer of `create`. Its `hash`, the instance's token, goes to `on_secret` and nowhere else."""
    if not isinstance(value, dict) or not isinstance(value.get("instance"), dict):
        _refuse_stranger(201, "Evolution API did not describe the instance that it made.")
    _tell(on_secret, value.get("hash"))
    made = value["instance"]
    change = InstanceChange(
        state=read_state(made.get("status")),
        upstream_id=_text(made.get("instanceId")),
        integration=_text(made.get("integration")),
    )
    return Sighting(name, change)


def read_connection_state(value: object) -> InstanceState:
    """The answer of `connectionState`; `unknown` while Evolution has not loaded the instance (no `state` member)."""
    shown = value.get("instance") if isinstance(value, dict) else None
    if not isinstance(shown, dict):
        _refuse_stranger(200, "Evolution API did not say the instance's state.")
    return read_state(shown.get("state")) or InstanceState.UNKNOWN


def read_pairing(value: object) -> Pairing:
    """The answer of `connect` and `restart`: a state, a QR code, `{"count": 0}`, `{}` or nothing at all."""
    shown = value if isinstance(value, dict) else {}
    inner = shown.get("instance")
    state = read_state(inner.get("state") or inner.get("status")) if isinstance(inner, dict) else None
    qrcode = shown.get("qrcode")
    codes: Mapping[str, Any] = qrcode if isinstance(qrcode, dict) else shown
    count = codes.get("count")
    pairing = Pairing(
        state=state,
        code=_text(codes.get("code")),
        pairing_code=_text(codes.get("pairingCode")),
        base64=_text(codes.get("base64")),
        count=count if isinstance(count, int) and not isinstance(count, bool) else None,
    )
    if state is None and (pairing.code or pairing.pairing_code or pairing.count is not None):
        return Pairing(InstanceState.CONNECTING, pairing.code, pairing.pairing_code, pairing.base64, pairing.count)
    return pairing


def read_websocket(value: object) -> WebsocketSettings | None:
    """The answer of `websocket/find` and `set`. None: never set, or Evolution runs without WebSocket."""
    if not isinstance(value, dict) or not isinstance(value.get("enabled"), bool):
        return None
    events = value.get("events")
    names = tuple(name for name in events if isinstance(name, str)) if isinstance(events, list) else ()
    return WebsocketSettings(value["enabled"], names)


def read_sent_events(value: object) -> SentEvents:
    """The answer of `websocket/find` and `set` of an Evolution with WebSocket; NEVER_SET for `null`. Names are bounded:
    whoever made the instance may have put anything into the list.
    """
    if value is None:
        return NEVER_SET
    settings = read_websocket(value)
    if settings is None:
        _refuse_stranger(200, "Evolution API did not say what the instance sends.")
    return sent_events(settings)


def sent_events(settings: WebsocketSettings | None) -> SentEvents:
    """The settings as what an instance is set to send; None: never set."""
    if settings is None:
        return NEVER_SET
    names = dict.fromkeys(name for name in settings.events if len(name) <= MAX_EVENT_CHARS)
    return SentEvents(settings.enabled, tuple(names)[:MAX_EVENTS])


def read_state(value: object) -> InstanceState | None:
    """The state that `value` spells, None for anything else."""
    try:
        return InstanceState(value) if isinstance(value, str) else None
    except ValueError:
        return None


def news_of_state(known: Instance | None, told: InstanceState | None) -> InstanceState | None:
    """The state to write down when Evolution's memory tells `told`; None leaves ours as it is.

    Its memory has no `refused` (too many QR codes were shown): it then says `close`, which is no news.
    """
    if told is InstanceState.UNKNOWN:
        return None
    if told is InstanceState.CLOSE and known is not None and known.state is InstanceState.REFUSED:
        return None
    return told


def _sighting(row: Mapping[str, Any], name: str) -> Sighting:
    code = row.get("disconnectionReasonCode")
    change = InstanceChange(
        state=read_state(row.get("connectionStatus")),
        reason=code if isinstance(code, int) and not isinstance(code, bool) else None,
        upstream_id=_text(row.get("id")),
        integration=_text(row.get("integration")),
    )
    return Sighting(name, change, read_websocket(row.get("Websocket")))


def _parse(status: int, content_type: str, body: bytes) -> Any:
    if 300 <= status < 400:
        _refuse_stranger(status, "The answer is a redirect: set EVOLUTION_API_URL to the address it leads to.")
    if status in _PROXY_STATUSES:
        _refuse_stranger(status, f"A proxy in front of Evolution API answered with status {status}.")
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        kind = "an HTML page" if "html" in content_type else "something that is not JSON"
        _refuse_stranger(status, f"What answers at EVOLUTION_API_URL sent {kind} (status {status}).")


def _refuse_stranger(status: int, detail: str) -> NoReturn:
    raise EvolutionRefusalError(outcome.UPSTREAM_BAD_ANSWER, detail, status) from None


def _message_of(value: Mapping[str, Any]) -> object:
    response = value.get("response")
    inner = response.get("message") if isinstance(response, dict) else None
    return inner if inner is not None else value.get("message")


def _wrapped_failure(value: Mapping[str, Any], scrub: Scrub) -> str:
    text = flatten_messages(_message_of(value), scrub)
    if not text or text == "[object Object]":  # exceptions of Evolution that were turned into text
        return "Evolution API failed and gave no reason: the instance may not be loaded or not be connected."
    return _sentence("Evolution API failed", text)


def _failure(value: Mapping[str, Any], text: str) -> str:
    if value.get("code") == "LICENSE_REQUIRED":
        return _LICENSE_HINT
    if "not allowed by cors" in text.lower():
        return _CORS_HINT
    if "prisma" in text.lower():  # holds queries and paths
        return "Evolution API failed: it reported an error of its database."
    return _sentence("Evolution API failed", text)


def _sentence(subject: str, text: str) -> str:
    return f"{subject}: {text}" if text else f"{subject}."


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARS else text[: MAX_MESSAGE_CHARS - 1] + "…"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _tell(on_secret: Callable[[str], None], value: object) -> None:
    if isinstance(value, str) and value:
        on_secret(value)
