from __future__ import annotations

from ponteio.simulator import SimulatorOptions
from ponteio.simulator.handshake import parse_allowed_hosts
from ponteio.simulator.local_time import parse_tz


def test_the_defaults_are_evolutions_own() -> None:
    options = SimulatorOptions()
    assert (options.ping_interval_s, options.ping_timeout_s, options.connect_timeout_s) == (25, 20, 45)
    assert parse_allowed_hosts(options.allowed_hosts) == parse_allowed_hosts("")
    assert str(parse_tz(options.tz)) == "America/Sao_Paulo"
    assert (options.websocket_enabled, options.global_events, options.expose_apikey) == (True, True, True)
    assert options.rate == 0
