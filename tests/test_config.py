"""Settings: documented names, all faults at once, no value in a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from ponteio import config


@pytest.fixture(autouse=True)
def _clean_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in config.documented():
        monkeypatch.delenv(name, raising=False)


def _evolution(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    values = {"EVOLUTION_API_URL": "http://evolution:8080", "EVOLUTION_API_KEY": "a-key", **more}
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_defaults_are_those_of_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(monkeypatch)
    settings = config.load_gateway_settings()
    assert settings.port == 3001
    assert settings.host == "127.0.0.1"
    assert settings.websocket_enabled
    assert not settings.websocket_global_events
    assert settings.database_url == "sqlite:///data/ponteio.db"


def test_documented_names_have_no_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(monkeypatch, WEBSOCKET_ENABLED="false", WEBSOCKET_GLOBAL_EVENTS="true")
    settings = config.load_gateway_settings()
    assert not settings.websocket_enabled
    assert settings.websocket_global_events
    assert settings.evolution_api_url == "http://evolution:8080"
    assert settings.evolution_api_key.get_secret_value() == "a-key"


def test_env_file_shared_with_evolution_is_read(tmp_path: Path) -> None:
    lines = [
        "SERVER_PORT=8080",
        "DATABASE_PROVIDER=postgresql",
        "EVOLUTION_API_URL=https://evo.example/base/",
        "EVOLUTION_API_KEY=k",
    ]
    (tmp_path / ".env").write_text("\n".join([*lines, "PONTEIO_PORT=4000", "PONTEIO_HOST="]))
    settings = config.load_gateway_settings()
    assert (settings.evolution_api_url, settings.port, settings.host) == ("https://evo.example/base", 4000, "127.0.0.1")


def test_all_faults_are_listed_at_once_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(
        monkeypatch,
        EVOLUTION_API_URL="ftp://secret-host",
        EVOLUTION_API_KEY=" secret-key",
        WEBSOCKET_ENABLED="perhaps",
        PONTEIO_PORT="70000",
        PONTEIO_DATABASE_URL="mysql://secret",
        PONTEIO_PRT="1",
    )
    with pytest.raises(config.SettingsError) as caught:
        config.load_gateway_settings()
    text = "\n".join(caught.value.faults)
    for name in ("EVOLUTION_API_URL", "EVOLUTION_API_KEY", "WEBSOCKET_ENABLED", "PONTEIO_PORT", "PONTEIO_DATABASE_URL"):
        assert name in text
    assert "PONTEIO_PRT: there is no such setting; did you mean PONTEIO_PORT?" in text
    assert "secret" not in text


def test_missing_evolution_is_said_by_name() -> None:
    with pytest.raises(config.SettingsError) as caught:
        config.load_gateway_settings()
    assert caught.value.faults == ["EVOLUTION_API_URL: is required", "EVOLUTION_API_KEY: is required"]


def test_commands_without_evolution_need_no_evolution() -> None:
    assert config.load_settings().log_level == "info"
    assert config.load_client_settings().url == "http://127.0.0.1:3001"


@pytest.mark.parametrize(
    "url", ["http://", "http://user:pw@host", "http://host?apikey=x", "http://host/#x", "host:8080"]
)
def test_address_that_would_carry_a_key_or_no_host_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    _evolution(monkeypatch, EVOLUTION_API_URL=url)
    with pytest.raises(config.SettingsError):
        config.load_gateway_settings()


def test_origins_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(monkeypatch, PONTEIO_ALLOWED_ORIGINS="https://a.example/, http://localhost:3000,")
    assert config.load_gateway_settings().allowed_origins == ("https://a.example", "http://localhost:3000")


def test_key_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(monkeypatch, EVOLUTION_API_KEY="very-secret")
    assert "very-secret" not in repr(config.load_gateway_settings())


def test_public_default_keys_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(monkeypatch, EVOLUTION_API_KEY="429683C4C977415CAAFCCE10F7D57E11")
    assert config.load_gateway_settings().key_is_public
    _evolution(monkeypatch)
    assert not config.load_gateway_settings().key_is_public


@pytest.mark.parametrize(
    ("contact", "public_url", "expected"),
    [
        ("", "", "mailto:ponteio@localhost"),
        ("", "http://10.0.0.5", "mailto:ponteio@localhost"),
        ("", "https://ponteio.example:8443", "https://ponteio.example:8443"),
        ("mailto:ops@example.com", "https://ponteio.example", "mailto:ops@example.com"),
        (" https://example.com ", "", "https://example.com"),
    ],
)
def test_push_services_are_told_whom_to_write_to(
    monkeypatch: pytest.MonkeyPatch, contact: str, public_url: str, expected: str
) -> None:
    _evolution(monkeypatch, PONTEIO_PUSH_CONTACT=contact, PONTEIO_PUBLIC_URL=public_url)
    assert config.load_gateway_settings().contact == expected


@pytest.mark.parametrize(
    "contact", ["ops@example.com", "mailto:", "mailto:a@b,c@d", "http://example.com", "https://a/b"]
)
def test_a_contact_that_push_services_would_not_take_is_refused(monkeypatch: pytest.MonkeyPatch, contact: str) -> None:
    _evolution(monkeypatch, PONTEIO_PUSH_CONTACT=contact)
    with pytest.raises(config.SettingsError, match="PONTEIO_PUSH_CONTACT: must be mailto"):
        config.load_gateway_settings()


def test_private_hosts_are_names_with_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(monkeypatch, PONTEIO_PRIVATE_HOSTS="N8N:5678, 10.0.0.5 ,gotify.internal")
    assert config.load_gateway_settings().private_hosts == ("n8n:5678", "10.0.0.5", "gotify.internal")
    for wrong in ("http://n8n", "n8n/x", "*", "10.0.0.0/8", "a b"):
        monkeypatch.setenv("PONTEIO_PRIVATE_HOSTS", wrong)
        with pytest.raises(config.SettingsError, match="PONTEIO_PRIVATE_HOSTS"):
            config.load_gateway_settings()


def test_the_limit_of_notifications_is_a_limit_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    _evolution(monkeypatch, PONTEIO_NOTIFICATIONS_PER_HOUR="7")
    assert config.load_gateway_settings().limits.notifications_per_hour == 7
