"""Calls of a running gateway's REST API from a terminal, with the caller's own key."""

from __future__ import annotations

import json
from typing import Any, Self

from ponteio.model import outcome
from ponteio.model.outcome import CATALOGUE, RefusalError
from ponteio.outbound.address_policy import AddressPolicy
from ponteio.outbound.connector import Connector
from ponteio.outbound.http_client import HttpClient, HttpOptions, PeerNames

_NAMES = PeerNames("The gateway", "the gateway's address", "the API key")
_OPTIONS = HttpOptions(connector=Connector(AddressPolicy(allow_private=True)), peer=_NAMES)


class GatewayCall:
    """Use it with `async with`. `url` is where the gateway answers."""

    def __init__(self, url: str, api_key: str) -> None:
        self._http = HttpClient(url, {"authorization": f"Bearer {api_key}"}, _OPTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def get(self, path: str) -> dict[str, Any]:
        """The JSON object that is answered to GET of `path`, which is encoded already and begins with `/`.

        Raises `RefusalError`: the gateway's own refusal by its code, UPSTREAM_UNREACHABLE or UPSTREAM_TIMEOUT where
        there is no answer, and UPSTREAM_BAD_ANSWER where something else than a gateway answers.
        """
        answer = await self._http.request("GET", path)
        try:
            body = json.loads(answer.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise RefusalError(outcome.UPSTREAM_BAD_ANSWER, "What answers there is not a gateway.")
        if answer.status >= 400:
            refused = CATALOGUE.get(str(body.get("code")), outcome.UPSTREAM_BAD_ANSWER)
            raise RefusalError(refused, str(body.get("detail") or refused.title))
        return body
