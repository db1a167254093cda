"""The client of python-socketio, which comes back with its cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import socketio
from tests.support.js_client import Heard


@asynccontextmanager
async def py_client(
    url: str, token: str, *, name: str = "py", transports: Sequence[str] | None = None
) -> AsyncIterator[Heard]:
    """A client that has been told `ready`; `transports` None is the default: polling, then an upgrade."""
    heard = Heard(name)
    client = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.1)

    async def take(event: str, body: dict[str, Any]) -> None:
        heard.take(event, body)

    def auth() -> dict[str, str]:
        return {"token": token, **({"cursor": heard.cursor} if heard.notices else {})}

    client.on("*", take)
    await client.connect(url, auth=auth, transports=None if transports is None else list(transports))
    try:
        await heard.is_ready()
        yield heard
    finally:
        await client.disconnect()
        await client.shutdown()
