"""The mishaps that can be switched on, and the gate that makes a frozen process silent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ponteio.simulator.http_server import Receive, Send


@dataclass(slots=True)
class Chaos:
    """Switches read at every request; all off at the start."""

    #: Every key is wrong and no host is allowed.
    refuse_key: bool = False
    #: The first packet of a handshake is no valid OPEN packet.
    garbage_handshake: bool = False
    #: A proxy's HTML page with status 502 instead of every answer.
    html_502: bool = False
    #: A proxy's web page with status 200 instead of every answer.
    html_page: bool = False
    #: A proxy that sends everybody to the same address with `https`.
    redirects: bool = False
    #: A proxy that drops the headers `Upgrade` and `Connection`: a websocket arrives as a plain request.
    drops_upgrade: bool = False
    #: A proxy that cuts a connection with a frame of more bytes than this; 0 = none does.
    frame_limit: int = 0
    #: 2.4 before its licence is activated: REST answers 503, Socket.IO goes on.
    licence_required: bool = False
    #: REST answers 200 `{"error":true,"message":"[object Object]"}`.
    rest_error: bool = False
    #: REST answers come this much later.
    rest_latency_s: float = 0.0


@dataclass(slots=True)
class Gate:
    """Holds every byte while frozen, in both directions; TCP itself is still answered by the kernel."""

    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    @property
    def is_frozen(self) -> bool:
        """Whether nothing passes."""
        return not self._open.is_set()

    def freeze(self) -> None:
        """Let nothing pass from now on."""
        self._open.clear()

    def thaw(self) -> None:
        """Let everything pass that waits, and all that comes."""
        self._open.set()

    async def passage(self) -> None:
        """Wait until the gate is open."""
        await self._open.wait()

    def guard(self, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """The same pair, held while frozen."""

        async def guarded_receive() -> dict[str, object]:
            message = await receive()
            await self._open.wait()
            return dict(message)

        async def guarded_send(message: dict[str, object]) -> None:
            if not self._open.is_set():
                await self._open.wait()
            await send(message)

        return guarded_receive, guarded_send  # type: ignore[return-value]  # plain dicts are ASGI messages
