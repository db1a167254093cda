from __future__ import annotations

import socket
import ssl

import pytest

from ponteio.outbound.address_policy import AddressRefusedError
from ponteio.outbound.network_failure import failure_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AddressRefusedError("It is private."), "address_refused"),
        (TimeoutError(), "connect_timeout"),
        (socket.gaierror(), "dns_failed"),
        (ssl.SSLCertVerificationError(), "tls_certificate"),
        (ssl.SSLError(), "tls_failed"),
        (ConnectionRefusedError(), "connection_refused"),
        (ConnectionResetError(), "connection_reset"),
        (UnicodeError(), "dns_failed"),
        (OSError(), "network_error"),
    ],
)
def test_each_kind_of_error_has_its_reason(error: BaseException, reason: str) -> None:
    assert failure_of(error).reason == reason
