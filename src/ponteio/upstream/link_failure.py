"""Why a link does not work, in a form that a person can act on."""

from __future__ import annotations

from dataclasses import dataclass

from ponteio.model.link import LinkState
from ponteio.outbound import network_failure


@dataclass(frozen=True, slots=True)
class LinkFailure:
    """`state` is what the link shows for it, `reason` a stable code, `detail` a sentence without secrets or content."""

    state: LinkState
    reason: str
    detail: str


class DialError(Exception):
    """The dial did not lead to a websocket."""

    def __init__(self, failure: LinkFailure) -> None:
        super().__init__(f"{failure.reason}: {failure.detail}")
        self.failure = failure


def unreachable(reason: str, detail: str) -> LinkFailure:
    """A failure of the way there, or of what was found at its end."""
    return LinkFailure(LinkState.UNREACHABLE, reason, detail)


OVERSIZE = "oversize_frame"
"""The reason of a connection that was given up because a frame was larger than allowed."""

HANDSHAKE_TIMEOUT = unreachable(
    "handshake_timeout", "Something answers at the address, but Socket.IO does not in time."
)
SERVER_CLOSED = unreachable("server_closed", "Evolution API closed the connection.")
CONNECTION_LOST = unreachable("connection_lost", "The connection broke.")
SILENT = unreachable("ping_timeout", "Evolution API went silent: not even a ping came.")
PEER_STALLED = unreachable("peer_stalled", "Evolution API does not read our answers to its pings.")
BAD_FRAME = unreachable("bad_frame", "What came over the websocket is not a websocket frame.")


def failure_of(error: BaseException) -> LinkFailure:
    """The failure that `error`, raised while connecting, stands for."""
    failure = network_failure.failure_of(error)
    return unreachable(failure.reason, failure.detail)
