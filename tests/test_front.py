"""What the doors are handed is what the settings say."""

from __future__ import annotations

from pathlib import Path

from ponteio.config import GatewaySettings
from ponteio.front import live_options


def test_the_edge_knows_the_names_and_numbers_of_the_settings(tmp_path: Path) -> None:
    settings = GatewaySettings(
        data_dir=tmp_path,
        EVOLUTION_API_URL="http://127.0.0.1:9",
        EVOLUTION_API_KEY="a-key",
        public_url="https://ponteio.example/",
        allowed_origins="https://app.example,https://b.example",
        allowed_hosts="internal",
        sockets_per_address=7,
        arrivals_per_s=8,
        _env_file=None,
    )
    options = live_options(settings)
    assert options.own_origins == ("https://ponteio.example",)
    assert options.allowed_origins == ("https://app.example", "https://b.example")
    assert options.allowed_hosts == ("internal", "ponteio.example")
    assert (options.sockets_per_address, options.arrivals_per_s) == (7, 8)
