"""Errors of the network, each with a reason that a person can act on."""

from __future__ import annotations

import socket
import ssl

import pytest

from ponteio.model.link import LinkState
from ponteio.upstream.link_failure import DialError, failure_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection_refused"),
        (socket.gaierror(-2, "Name or service not known"), "dns_failed"),
        (UnicodeError("label too long"), "dns_failed"),
        (TimeoutError(), "connect_timeout"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "tls_certificate"),
        (ssl.SSLError(1, "wrong version number"), "tls_failed"),
        (ConnectionResetError(104, "reset"), "connection_reset"),
        (BrokenPipeError(32, "pipe"), "connection_reset"),
        (OSError(101, "Network is unreachable"), "network_error"),
    ],
)
def test_each_error_has_its_own_reason(error: BaseException, reason: str) -> None:
    failure = failure_of(error)
    assert failure.state is LinkState.UNREACHABLE
    assert failure.reason == reason
    assert reason in str(DialError(failure))
