"""Who reads for long without being a socket, such as an export: told when the right to it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ponteio.model.identity import Principal
from ponteio.model.outcome import Outcome


class Watch:
    """The right of one principal, while somebody looks at it."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self._ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    @property
    def outcome(self) -> Outcome | None:
        """Why the right ended; None while it lasts."""
        return self._ended.result() if self._ended.done() else None

    async def ended(self) -> Outcome:
        """Wait for the end of the right: why it ended."""
        return await asyncio.shield(self._ended)

    def end(self, outcome: Outcome) -> None:
        """The right has ended. Only the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(outcome)


class Watches:
    """All of them."""

    def __init__(self) -> None:
        self._open: set[Watch] = set()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def watch(self, principal: Principal) -> Iterator[Watch]:
        """A watch over the right of `principal`, for as long as the block runs."""
        made = Watch(principal)
        self._open.add(made)
        try:
            yield made
        finally:
            self._open.discard(made)

    def principals(self) -> set[Principal]:
        """Everybody who is watched over."""
        return {watch.principal for watch in self._open}

    def end(self, ended: Mapping[Principal, Outcome]) -> None:
        """The right of these was taken away."""
        for watch in self._open:
            if watch.principal in ended:
                watch.end(ended[watch.principal])

    def end_all(self, outcome: Outcome) -> None:
        """All of them end."""
        for watch in self._open:
            watch.end(outcome)
