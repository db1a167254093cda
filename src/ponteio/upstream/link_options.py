"""The bounds of links."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from ponteio.outbound.connector import OPERATORS_WORD, Connector
from ponteio.upstream.backoff import RetryPolicy
from ponteio.upstream.socketio_connection import ConnectionOptions
from ponteio.upstream.socketio_protocol import MAX_PACKET_BYTES


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """`dials_per_second` is for all links of a service together. `connector` says where they may
    lead; `ssl_context` is for certificates that the system does not know.
    """

    max_frame_bytes: int = MAX_PACKET_BYTES
    connect_timeout_s: float = 5.0
    dials_per_second: float = 20.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    connector: Connector = OPERATORS_WORD
    ssl_context: ssl.SSLContext | None = None

    @property
    def connection(self) -> ConnectionOptions:
        """The part that one connection needs."""
        return ConnectionOptions(self.connect_timeout_s, self.max_frame_bytes, self.connector, self.ssl_context)
