"""The API and its live edge on a real port: for answers that are read while they are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import uvicorn
from tests.support.gateway_edge import QuietServer, eventually
from tests.support.rest_client import Caller, RestDesk
from tests.support.sse_reader import SseParser

from ponteio.listener import bind
from ponteio.live.edge import LiveEdge
from ponteio.live.socketio_edge import uvicorn_options
from ponteio.model.event import StoredEvent
from ponteio.punctual_http import PunctualHttp

SSE = "text/event-stream"


@dataclass
class Stream(SseParser):
    """An open stream. `status` is 0 until it is answered; `problem` is the body of a refusal."""

    status: int = 0
    is_over: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        SseParser.__init__(self)


@dataclass
class Served:
    """A desk whose application listens at `url`."""

    desk: RestDesk
    url: str
    http: httpx2.AsyncClient

    @property
    def live(self) -> LiveEdge:
        return cast("LiveEdge", self.desk.services.live)

    def tell(self, *stored: StoredEvent) -> None:
        """These events were committed."""
        self.live.announce(stored)

    @asynccontextmanager
    async def stream(
        self, caller: Caller, *, accept: str = "text/event-stream", **options: Any
    ) -> AsyncIterator[Stream]:
        """A stream of Server-Sent Events, read as it comes, once it has been answered."""
        found = Stream()
        headers = {**caller._headers, "Accept": accept, **options.pop("headers", {})}

        async def read() -> None:
            async with self.http.stream("GET", self.url + "/api/events/stream", headers=headers, **options) as answer:
                found.headers = dict(answer.headers)
                if answer.status_code != 200:
                    found.problem = (await answer.aread() and answer.json()) or {}
                found.status = answer.status_code
                if answer.status_code == 200:
                    async for chunk in answer.aiter_raw():
                        found.feed(chunk)
                found.is_over = True

        reading = asyncio.create_task(read())
        try:
            await eventually(lambda: found.status or reading.done())
            yield found
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def served(desk: RestDesk) -> AsyncIterator[Served]:
    """The desk's application and live edge, behind the server that the house uses."""
    live = cast("LiveEdge", desk.services.live)
    listener = bind("127.0.0.1", 0)
    options = {**uvicorn_options(), "http": PunctualHttp}
    config = uvicorn.Config(live.asgi(desk.app), log_config=None, access_log=False, lifespan="off", **options)
    server = QuietServer(config)
    running = asyncio.create_task(server.serve([listener]))
    await eventually(lambda: server.started or running.done())
    await live.start()
    async with httpx2.AsyncClient(timeout=30) as http:
        try:
            yield Served(desk, f"http://127.0.0.1:{listener.getsockname()[1]}", http)
        finally:
            await live.close()
            server.should_exit = True
            await running
            listener.close()
