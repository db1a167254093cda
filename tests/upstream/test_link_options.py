"""The bounds of links, as promised."""

from __future__ import annotations

import ssl

from ponteio.upstream.link_options import LinkOptions


def test_the_defaults_are_the_promised_limits() -> None:
    options = LinkOptions()
    assert options.max_frame_bytes == 64 * 1024 * 1024
    assert options.connect_timeout_s == 5.0
    assert options.dials_per_second == 20.0
    assert (options.retry.cap_s, options.retry.auth_cap_s, options.retry.handshake_s) == (30.0, 300.0, 10.0)
    assert (options.retry.pending_base_s, options.retry.pending_cap_s) == (1.0, 5.0)


def test_a_connection_gets_its_part() -> None:
    context = ssl.create_default_context()
    connection = LinkOptions(max_frame_bytes=1000, connect_timeout_s=1.5, ssl_context=context).connection
    assert (connection.max_frame_bytes, connection.connect_timeout_s) == (1000, 1.5)
    assert connection.ssl_context is context
