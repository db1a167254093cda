"""The connection test: from the address to the namespace, step by step, in words that a person can act on."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence

import structlog

from ponteio.model import outcome
from ponteio.model.link import CheckStep
from ponteio.model.outcome import RefusalError
from ponteio.outbound.address_policy import AddressRefusedError
from ponteio.outbound.connector import OPERATORS_WORD, Connector
from ponteio.outbound.http_client import host_and_port
from ponteio.upstream.evolution_api import EvolutionApi

log = structlog.get_logger(__name__)

RESOLVE_S = 5.0
STEPS = ("address", "server", "key", "websocket", "handshake", "namespace")

Probe = Callable[[str], Awaitable[Sequence[CheckStep]]]
"""Tries the steps `handshake` and `namespace` with this namespace and leaves no connection behind."""


class ConnectionTest:
    """Tests how one instance would be heard: on the root namespace in global mode, else on its own."""

    def __init__(
        self, api: EvolutionApi, *, probe: Probe, global_events: bool = False, connector: Connector = OPERATORS_WORD
    ) -> None:
        self._api = api
        self._probe = probe
        self._connector = connector
        self._global_events = global_events

    async def run(self, name: str) -> list[CheckStep]:
        """All six `STEPS`, in order. Never raises, and leaves no link behind.

        A step that makes the later ones pointless ends the test: these are then not tried (`ok` is None). A wrong key
        does not end it, since Evolution lets some addresses in without one. No text holds an address or a key.
        """
        steps = [await _address(self._api.url, self._connector)]
        if steps[-1].ok:
            steps.append(await self._server())
        if steps[-1].ok:
            steps.append(await self._key(name))
            steps.append(await self._websocket())
            if steps[-1].ok:
                steps.extend(await self._link(name))
        return [*steps, *(_not_tried(step) for step in STEPS[len(steps) :])]

    async def _server(self) -> CheckStep:
        try:
            version = await self._api.server_version()
        except RefusalError as refusal:
            if refusal.outcome is outcome.UPSTREAM_TIMEOUT and await self._answers():
                # The start page waits for WhatsApp's site, which a closed network never reaches.
                return CheckStep("server", True, "Evolution API answers; its start page, with the version, does not.")
            return _failed("server", refusal)
        return CheckStep("server", True, f"Evolution API {version} answers.")

    async def _answers(self) -> bool:
        try:
            await self._api.has_socketio()
        except RefusalError:
            return False
        return True

    async def _key(self, name: str) -> CheckStep:
        try:
            found = await self._api.fetch_instance(name)
        except RefusalError as refusal:
            return _failed("key", refusal)
        if found is None:
            hint = "Was it deleted or renamed there? Names count letter by letter."
            return CheckStep("key", True, "The key is accepted, but Evolution API has no instance of this name.", hint)
        return CheckStep("key", True, "The key is accepted.")

    async def _websocket(self) -> CheckStep:
        try:
            enabled = await self._api.has_socketio()
        except RefusalError as refusal:
            hint = "Does the proxy in front of Evolution API pass /socket.io/ on, with upgrades?"
            return CheckStep("websocket", False, refusal.detail, hint)
        if not enabled:
            hint = "Set WEBSOCKET_ENABLED=true in Evolution API's own settings and start it again."
            return CheckStep("websocket", False, "Evolution API runs without WebSocket.", hint)
        return CheckStep("websocket", True, "Evolution API runs with WebSocket.")

    async def _link(self, name: str) -> list[CheckStep]:
        try:
            return list(await self._probe("/" if self._global_events else f"/{name}"))
        except Exception as error:  # noqa: BLE001 - the test never raises
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("the probe of a link broke", error=type(error).__name__, exception=stack)
            return [CheckStep("handshake", False, "The test itself broke.", "The gateway's log says where.")]


async def _address(url: str, connector: Connector) -> CheckStep:
    try:
        host, port = host_and_port(url)
        async with asyncio.timeout(RESOLVE_S):
            found = await connector.addresses(host, port)
    except AddressRefusedError as error:
        hint = "Only the operator can allow private addresses, for a server of their own."
        return CheckStep("address", False, f"The address may not be reached. {error}", hint)
    except TimeoutError:
        return CheckStep("address", False, "The name server does not answer.", "Is the gateway's DNS set up?")
    except (OSError, UnicodeError):
        hint = "Check EVOLUTION_API_URL. Inside containers, localhost is the container itself."
        return CheckStep("address", False, "The host name in EVOLUTION_API_URL does not resolve.", hint)
    except ValueError as error:
        return CheckStep("address", False, f"EVOLUTION_API_URL cannot be used: {error}.", "Check EVOLUTION_API_URL.")
    count = len(found)
    return CheckStep("address", True, f"The host name resolves, to {count} address{'' if count == 1 else 'es'}.")


def _failed(step: str, refusal: RefusalError) -> CheckStep:
    return CheckStep(step, False, refusal.detail, _HINTS.get(refusal.outcome))


def _not_tried(step: str) -> CheckStep:
    return CheckStep(step, None, "Not tried: an earlier step has to work first.")


_HINTS = {
    outcome.UPSTREAM_UNREACHABLE: "Does Evolution API run, and is EVOLUTION_API_URL right as seen from the gateway?",
    outcome.UPSTREAM_TIMEOUT: "Evolution API is overloaded or hangs: look at its log.",
    outcome.UPSTREAM_AUTH_FAILED: "EVOLUTION_API_KEY must be Evolution's global key, AUTHENTICATION_API_KEY there.",
    outcome.UPSTREAM_BAD_ANSWER: "Is EVOLUTION_API_URL right, and does the proxy in front pass everything on?",
    outcome.UPSTREAM_FAILED: "Look at Evolution API's own log.",
    outcome.UPSTREAM_REFUSED: "Look at Evolution API's own log.",
}
