"""Why the network did not lead anywhere, in a form that a person can act on."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from ponteio.outbound.address_policy import AddressRefusedError


@dataclass(frozen=True, slots=True)
class NetworkFailure:
    """`reason` is a stable code, `detail` a sentence without secrets or content."""

    reason: str
    detail: str


CONNECT_TIMEOUT = NetworkFailure("connect_timeout", "The address does not answer in time: is a firewall in between?")


def failure_of(error: BaseException) -> NetworkFailure:
    """The failure that `error`, raised while connecting, stands for."""
    if isinstance(error, AddressRefusedError):
        return NetworkFailure("address_refused", f"The address may not be reached. {error}")
    for kinds, failure in _BY_ERROR:
        if isinstance(error, kinds):
            return failure
    return NetworkFailure("network_error", "The network refused the connection.")


_BY_ERROR: tuple[tuple[type[BaseException], NetworkFailure], ...] = (
    (TimeoutError, CONNECT_TIMEOUT),
    (socket.gaierror, NetworkFailure("dns_failed", "The address has a host name that does not resolve.")),
    (
        ssl.SSLCertVerificationError,
        NetworkFailure("tls_certificate", "The certificate of the address is not valid or not known here."),
    ),
    (ssl.SSLError, NetworkFailure("tls_failed", "No TLS at the address: should it begin with http:// instead?")),
    (ConnectionRefusedError, NetworkFailure("connection_refused", "Nothing listens at the address.")),
    (ConnectionError, NetworkFailure("connection_reset", "The connection broke during the handshake.")),
    (UnicodeError, NetworkFailure("dns_failed", "The address has a host name that cannot be.")),
)
