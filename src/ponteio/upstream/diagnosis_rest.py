"""Raw calls to the one server that a diagnosis is about: answers as they came, to be judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import orjson

from ponteio.model import outcome
from ponteio.model.outcome import RefusalError
from ponteio.outbound.http_client import HttpAnswer, HttpClient, HttpOptions
from ponteio.upstream.evolution_answers import WebsocketSettings, read_websocket

MAX_BODY = 4 * 1024 * 1024
_POLLING = "/socket.io/?EIO=4&transport=polling"
_CLOSE = b"1"
"""Engine.IO 4's packet that ends a session."""


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance as `fetchInstances` shows it, without any secret."""

    name: str
    integration: str
    number: str | None
    websocket: WebsocketSettings | None


class RestProbe:
    """Calls with one key, or none. Each may raise `RefusalError`: UPSTREAM_UNREACHABLE, _TIMEOUT, _BAD_ANSWER."""

    def __init__(self, url: str, key: str, options: HttpOptions, on_secret: Callable[[str], None]) -> None:
        self._http = HttpClient(url, {"apikey": key} if key else {}, replace(options, max_body=MAX_BODY))
        self._on_secret = on_secret

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def get(self, path: str) -> HttpAnswer:
        """The answer, whatever it is."""
        return await self._http.request("GET", path)

    async def post(self, path: str, body: object) -> HttpAnswer:
        """The answer, whatever it is."""
        return await self._http.request("POST", path, json=orjson.dumps(body))

    async def rows(self, **query: str) -> tuple[HttpAnswer, list[InstanceRow]]:
        """`fetchInstances` with this query: the answer, and its rows if it is a list. Tokens go to `on_secret`."""
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        answer = await self.get(f"/instance/fetchInstances{'?' if asked else ''}{asked}")
        found = json_of(answer)
        rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
        for row in rows:
            if isinstance(row.get("token"), str):
                self._on_secret(row["token"])
        return answer, [_row(row) for row in rows if isinstance(row.get("name"), str)]

    async def open_session(self) -> tuple[HttpAnswer, Mapping[str, Any] | None]:
        """A Socket.IO session over plain HTTP, which is closed again: the answer, and the server's handshake if it was
        one.
        """
        answer = await self.get(_POLLING)
        handshake = _handshake(answer)
        if handshake is not None:
            sid = quote(str(handshake.get("sid", "")), safe="")
            await self._http.request("POST", f"{_POLLING}&sid={sid}", json=_CLOSE)
        return answer, handshake


def segment(name: str) -> str:
    """An instance's name as one part of a path. Raises `RefusalError` INVALID_NAME for one that no path can carry."""
    if name in ("", ".", ".."):
        raise RefusalError(outcome.INVALID_NAME)
    return quote(name, safe="")


def json_of(answer: HttpAnswer) -> Any:
    """The JSON of an answer, None for everything else."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def is_evolutions(answer: HttpAnswer) -> bool:
    """Whether an error has the shape that Evolution API gives its own."""
    found = json_of(answer)
    return isinstance(found, dict) and "status" in found and ("error" in found or "response" in found)


def is_licence(answer: HttpAnswer) -> bool:
    """Whether Evolution API 2.4 waits for its licence to be activated."""
    found = json_of(answer)
    return answer.status == 503 and isinstance(found, dict) and found.get("code") == "LICENSE_REQUIRED"


def is_cors(answer: HttpAnswer) -> bool:
    """Whether Evolution API refuses calls that come from no browser."""
    return answer.status == 500 and b"not allowed by cors" in answer.body.lower()


def _row(row: Mapping[str, Any]) -> InstanceRow:
    number = row.get("number")
    return InstanceRow(
        row["name"],
        str(row.get("integration") or "?")[:40],
        number if isinstance(number, str) and number else None,
        read_websocket(row.get("Websocket")),
    )


def _handshake(answer: HttpAnswer) -> Mapping[str, Any] | None:
    if answer.status != 200 or not answer.body.startswith(b"0{"):
        return None
    try:
        found = orjson.loads(answer.body[1:].partition(b"\x1e")[0])
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "sid" in found else None
