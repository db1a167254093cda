"""Everybody who has a connection here, whether let in or not yet, and their deadlines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Protocol

from ponteio.live.options import LiveOptions
from ponteio.live.rate import Allowance
from ponteio.live.room import Member
from ponteio.live.wheel import Wheel
from ponteio.model.outcome import (
    SHUTTING_DOWN,
    TOO_MANY_ADDRESS_SOCKETS,
    TOO_MANY_ARRIVALS,
    TOO_MANY_SOCKETS,
    Outcome,
)

_LOOKS_PER_TURN = 4


class Session(Protocol):
    """One connection, from its first request to its last byte."""

    member: Member | None
    address: str

    def look(self, now: float) -> None:
        """Enforce the deadlines of the connection."""

    def finish(self) -> None:
        """Begin to close, with the grace of the options."""

    def cut(self) -> None:
        """Be gone."""


class Sessions:
    """The register of connections."""

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._wheel: Wheel[Session] = Wheel(_LOOKS_PER_TURN)
        self._addresses: Counter[str] = Counter()
        self._arrivals: Allowance | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._wheel)

    @property
    def look_every_s(self) -> float:
        """Between two calls of `look`, so that each connection is seen once in `LiveOptions.look_every_s`."""
        return self._options.look_every_s / _LOOKS_PER_TURN

    def add(self, session: Session) -> None:
        self._wheel.add(session)
        self._addresses[session.address] += 1

    def discard(self, session: Session) -> None:
        """Harmless when it is not there."""
        if self._wheel.discard(session):
            self._addresses[session.address] -= 1
            if not self._addresses[session.address]:
                del self._addresses[session.address]

    def no_room(self, address: str) -> Outcome | None:
        """Why no new connection of `address` can be taken, if so; if not, its arrival has been counted."""
        if self._is_closing:
            return SHUTTING_DOWN
        if len(self) >= self._options.sockets_per_process:
            return TOO_MANY_SOCKETS
        if self._addresses[address] >= self._options.sockets_per_address:
            return TOO_MANY_ADDRESS_SOCKETS
        now, rate = asyncio.get_running_loop().time(), self._options.arrivals_per_s
        if self._arrivals is None:
            self._arrivals = Allowance.full(rate, rate, now)
        return None if self._arrivals.spend(now) else TOO_MANY_ARRIVALS

    def look(self, now: float) -> list[Member]:
        """The deadlines of a part of the connections are enforced; returns the members among them."""
        due = self._wheel.advance()
        for session in due:
            session.look(now)
        return [session.member for session in due if session.member is not None]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """`work` runs to its end on its own."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """No connection is left, and none is taken any more. Each gets the grace of the options, and no more."""
        self._is_closing = True
        for session in list(self._wheel):
            session.finish()
        deadline = asyncio.get_running_loop().time() + 2 * self._options.farewell_s
        while len(self) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - many ends, one wait
            await asyncio.sleep(0.01)
        for session in list(self._wheel):
            session.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
