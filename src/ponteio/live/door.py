"""The one way out to a socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ponteio.live.packets import Batch, Packet
from ponteio.model.outcome import Outcome


class Door(Protocol):
    """The outgoing side of one socket, whatever its transport. Nothing here waits, and nothing raises.

    Packets leave in the order in which they were handed in. A door that is closed swallows what it is given.
    """

    on_drained: Callable[[], None] | None
    """Called when much of the backlog has gone: hand in more."""

    @property
    def backlog(self) -> int:
        """Bytes handed in that the peer's connection has not taken yet."""

    @property
    def taken(self) -> int:
        """Bytes that have left since the door was opened; grows while the peer reads."""

    def push(self, batch: Batch) -> None:
        """Send events; the caller looks at `backlog` first."""

    def say(self, packet: Packet) -> None:
        """Send one packet of our own."""

    def leave(self, farewell: Sequence[Packet], outcome: Outcome) -> None:
        """Send `farewell`, if any, as the last packets, and close socket and transport within the grace of the options.

        Events that still wait in the polling queue are dropped. Unless `outcome` may be retried, the client is told
        with a Socket.IO disconnect, after which the stock client stays away.
        """
