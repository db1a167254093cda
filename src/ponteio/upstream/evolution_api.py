"""Evolution API's REST calls, as many as a gateway needs. Addresses are built from typed fields only: Evolution lets a
query override the path after it has checked the key, so nothing of a caller's query may ever reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson

from ponteio.model import outcome
from ponteio.model.identity import InstanceState
from ponteio.model.instance_events import SentEvents
from ponteio.model.outcome import RefusalError
from ponteio.outbound.connector import OPERATORS_WORD
from ponteio.outbound.http_client import HttpAnswer, HttpClient, HttpOptions, PeerNames
from ponteio.upstream import evolution_answers as answers
from ponteio.upstream.evolution_answers import EvolutionRefusalError, Pairing, Sighting, WebsocketSettings

MAX_LIST_BODY = 32 * 1024 * 1024
"""Bytes of a list of instances: it has no pages, and a row with its settings takes about 3 KiB."""
_NAMES = PeerNames("Evolution API", "EVOLUTION_API_URL", "EVOLUTION_API_KEY")


@dataclass(frozen=True, slots=True)
class NewInstance:
    """What Evolution needs to make an instance. `token` is the instance's own key (for WHATSAPP-BUSINESS: Meta's)."""

    name: str
    integration: str
    number: str | None = None
    token: str | None = field(default=None, repr=False)
    business_id: str | None = None


class EvolutionApi:
    """The REST side of one Evolution API server. The key travels in the header `apikey` and shows up nowhere else.

    Every call may raise `RefusalError`: UPSTREAM_UNREACHABLE, _TIMEOUT, _AUTH_FAILED, _BAD_ANSWER, _REFUSED, _FAILED,
    and INVALID_NAME for a name that no address can carry. Texts in it have gone through `scrub`. `on_secret` is told
    each instance's token, so that it can be kept out of everything else.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        on_secret: Callable[[str], None] = lambda _secret: None,
        scrub: Callable[[str], str] = lambda text: text,
        options: HttpOptions | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._key = key
        self._on_secret = on_secret
        self._scrub_known = scrub
        options = options or HttpOptions(connector=OPERATORS_WORD)
        self._http = HttpClient(self.url, {"apikey": key}, replace(options, peer=_NAMES))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def fetch_instances(self) -> list[Sighting]:
        """All instances, with the state that Evolution's database has for them (see `connection_state`)."""
        value = await self._call("GET", "/instance/fetchInstances", max_body=MAX_LIST_BODY)
        return answers.read_instances(value, self._on_secret)

    async def fetch_instance(self, name: str) -> Sighting | None:
        """The instance called `name`, None if there is none. Fails with UPSTREAM_AUTH_FAILED if the key is wrong,
        whether or not the instance exists.
        """
        _segment(name)
        try:
            value = await self._call("GET", f"/instance/fetchInstances?instanceName={quote(name, safe='')}")
        except EvolutionRefusalError as refusal:
            if refusal.is_absence:
                return None
            raise
        return next((row for row in answers.read_instances(value, self._on_secret) if row.name == name), None)

    async def connection_state(self, name: str) -> InstanceState:
        """The instance's present state, from Evolution's memory. A 404 comes before the key is looked at."""
        return answers.read_connection_state(await self._call("GET", f"/instance/connectionState/{_segment(name)}"))

    async def create_instance(self, new: NewInstance) -> Sighting:
        """Make an instance that emits every event on its namespace. Raises NAME_TAKEN.

        An empty list of events stands for all of them, and makes the namespace at once.
        """
        _segment(new.name)
        if new.token is not None:
            self._on_secret(new.token)
        optional = {"number": new.number, "token": new.token, "businessId": new.business_id}
        body = {
            "instanceName": new.name,
            "integration": new.integration,
            "websocket": {"enabled": True, "events": []},
            **{member: value for member, value in optional.items() if value is not None},
        }
        try:
            made = await self._call("POST", "/instance/create", body=body)
        except EvolutionRefusalError as refusal:
            if refusal.upstream_status == 403:
                raise RefusalError(outcome.NAME_TAKEN) from None
            raise
        return answers.read_created(made, new.name, self._on_secret)

    async def connect_instance(self, name: str, number: str | None = None) -> Pairing:
        """Begin to connect, if it is not connected. With `number` a pairing code is made too."""
        query = "" if number is None else f"?number={quote(number, safe='')}"
        return answers.read_pairing(await self._call("GET", f"/instance/connect/{_segment(name)}{query}"))

    async def restart(self, name: str) -> Pairing:
        """Drop the connection and make it anew. Fails with UPSTREAM_FAILED when there is none."""
        return answers.read_pairing(await self._call("POST", f"/instance/restart/{_segment(name)}"))

    async def logout(self, name: str) -> None:
        """End the session with the phone. Fails with UPSTREAM_REFUSED (400) when there is none."""
        await self._call("DELETE", f"/instance/logout/{_segment(name)}")

    async def delete(self, name: str) -> None:
        """Remove the instance and all that Evolution keeps of it."""
        await self._call("DELETE", f"/instance/delete/{_segment(name)}")

    async def find_websocket(self, name: str) -> WebsocketSettings | None:
        """What the instance emits on its namespace. None: never set, or Evolution runs without WebSocket."""
        return answers.read_websocket(await self._call("GET", f"/websocket/find/{_segment(name)}"))

    async def find_events(self, name: str) -> SentEvents | None:
        """What the instance is set to send. None: Evolution runs without WebSocket, and does not say."""
        answer = await self._http.request("GET", f"/websocket/find/{_segment(name)}")
        value = self._read(answer)
        return answers.read_sent_events(value) if answer.body.strip() else None

    async def set_events(self, name: str, events: Sequence[str]) -> SentEvents | None:
        """Set what the instance sends; no events stand for all that Evolution knows. What it has from now on; None:
        Evolution runs without WebSocket, nothing is set.
        """
        settings = await self.set_websocket(name, enabled=True, events=events)
        return None if settings is None else answers.sent_events(settings)

    async def set_websocket(self, name: str, *, enabled: bool, events: Sequence[str] = ()) -> WebsocketSettings | None:
        """Set what the instance emits; no events stand for all. None: Evolution runs without WebSocket, nothing is set.

        `enabled=False` empties the list on Evolution.
        """
        body = {"websocket": {"enabled": enabled, "events": list(events)}}
        return answers.read_websocket(await self._call("POST", f"/websocket/set/{_segment(name)}", body=body))

    async def _call(self, method: str, path: str, *, body: object = None, max_body: int | None = None) -> Any:
        json = None if body is None else orjson.dumps(body)
        return self._read(await self._http.request(method, path, json=json, max_body=max_body))

    def _read(self, answer: HttpAnswer) -> Any:
        return answers.read_answer(answer.status, answer.content_type, answer.body, self._scrub)

    def _scrub(self, text: str) -> str:
        return self._scrub_known(text.replace(self._key, "***") if self._key else text)


def _segment(name: str) -> str:
    # A dot segment would be taken out of the path, and the call would go to another address.
    if name in ("", ".", ".."):
        raise RefusalError(outcome.INVALID_NAME)
    try:
        return quote(name, safe="")
    except UnicodeEncodeError:
        raise RefusalError(outcome.INVALID_NAME) from None
