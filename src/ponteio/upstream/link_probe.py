"""Tries one link and says what it found: the last two steps of a connection test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ponteio.model.link import CheckStep, LinkState
from ponteio.upstream.link_failure import HANDSHAKE_TIMEOUT, DialError, LinkFailure, unreachable
from ponteio.upstream.link_machine import INVALID_NAMESPACE
from ponteio.upstream.link_options import LinkOptions
from ponteio.upstream.socketio_connection import SocketIOConnection
from ponteio.upstream.socketio_protocol import Joined, Left, Opened, Packet, Refused, is_namespace
from ponteio.upstream.websocket_transport import key_header

HANDSHAKE = "handshake"
NAMESPACE = "namespace"

_HINTS = {
    LinkState.AUTH_FAILED: "Use Evolution's AUTHENTICATION_API_KEY, or the token of an instance.",
    LinkState.UPSTREAM_DISABLED: "Put WEBSOCKET_ENABLED=true into Evolution's environment and restart it.",
}
_HINTS_BY_REASON = {
    "http_404": "Open the address in a browser: Evolution answers with a welcome and its version.",
    "not_socketio": "Open the address in a browser: Evolution answers with a welcome and its version.",
    "handshake_timeout": "Is there a proxy in front that does not pass WebSocket upgrades on?",
    "connection_refused": "Is Evolution running, and is the port right?",
    "dns_failed": "Check the spelling of the host name; inside Docker it is the name of the service.",
    "redirected": "Redirects are not followed, because the key would travel along.",
}
_PROXY_HINT = "Look at the proxy in front of Evolution: it must pass the headers Upgrade and Connection on."


async def probe_link(
    url: str, key: str, namespace: str, *, options: LinkOptions | None = None, timeout_s: float = 10.0
) -> list[CheckStep]:
    """The steps `handshake` and `namespace` for one try at `url`, in `timeout_s` at most.

    A namespace that does not exist yet is fine, with a hint. Nothing is left open, and no answer of the server raises.
    """
    probe = _Probe()
    connection = SocketIOConnection(
        url,
        headers=key_header(key),
        on_packet=probe.hear,
        on_lost=probe.lose,
        options=(options or LinkOptions()).connection,
    )
    try:
        async with asyncio.timeout(timeout_s):
            return await _steps(connection, probe, namespace)
    except TimeoutError:
        return [*probe.passed, *_failed(probe.passed, HANDSHAKE_TIMEOUT)]
    finally:
        connection.close()
        await connection.wait_closed()


class _Probe:
    """What the connection has said so far."""

    def __init__(self) -> None:
        self.passed: list[CheckStep] = []
        self._heard: asyncio.Queue[Packet | LinkFailure] = asyncio.Queue()

    def hear(self, packet: Packet) -> None:
        self._heard.put_nowait(packet)

    def lose(self, failure: LinkFailure) -> None:
        self._heard.put_nowait(failure)

    async def next(self, *kinds: type[Packet]) -> Packet | LinkFailure:
        """The next packet of these kinds, or why none will come."""
        while True:
            heard = await self._heard.get()
            if isinstance(heard, (LinkFailure, *kinds)):
                return heard


async def _steps(connection: SocketIOConnection, probe: _Probe, namespace: str) -> list[CheckStep]:
    try:
        await connection.dial()
    except DialError as error:
        return _failed(probe.passed, error.failure)
    opened = await probe.next(Opened)
    if isinstance(opened, LinkFailure):
        return _failed(probe.passed, opened)
    probe.passed.append(CheckStep(HANDSHAKE, True, "Evolution API speaks Socket.IO with us."))
    return [*probe.passed, await _namespace_step(connection, probe, namespace)]


async def _namespace_step(connection: SocketIOConnection, probe: _Probe, namespace: str) -> CheckStep:
    if not is_namespace(namespace):
        detail = "The name cannot be a namespace: a comma ends one."
        return CheckStep(NAMESPACE, False, detail, "Use global mode, or give the instance a name without a comma.")
    connection.join(namespace)
    answer = await probe.next(Joined, Refused, Left)
    if isinstance(answer, LinkFailure):
        return _failed(probe.passed, answer)[0]
    if isinstance(answer, Joined):
        connection.leave(namespace)
        return CheckStep(NAMESPACE, True, "The namespace is joined: its events will arrive.")
    if isinstance(answer, Refused) and answer.message == INVALID_NAMESPACE:
        hint = "If the name is right, the link joins by itself with the instance's first event, which is lost."
        return CheckStep(NAMESPACE, True, "Pending: the instance has sent nothing since Evolution started.", hint)
    return _failed(probe.passed, unreachable("namespace_refused", "Evolution API refuses the namespace."))[0]


def _failed(passed: Sequence[CheckStep], failure: LinkFailure) -> list[CheckStep]:
    """The steps that are left: the first failed for this reason, the others could not be tried."""
    hint = _HINTS.get(failure.state) or _HINTS_BY_REASON.get(failure.reason)
    if hint is None and failure.reason.startswith("http_"):
        hint = _PROXY_HINT
    left = [HANDSHAKE, NAMESPACE][len(passed) :]
    first = CheckStep(left[0], False, failure.detail, hint)
    return [first, *(CheckStep(step, None, "Not tried.") for step in left[1:])]
