"""Settings: the only reader of the environment.

Names that Evolution API users already have in their `.env` keep their form; everything else begins with `PONTEIO_`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ponteio.model.event_policy import DEFAULT_KEEP_DAYS, FOREVER_DAYS
from ponteio.model.identity import Limits
from ponteio.model.server_url import PUBLIC_DEFAULT_KEYS, server_key, server_url

ENV_FILE = ".env"
PREFIX = "PONTEIO_"
_S = TypeVar("_S", bound="Settings")


class SettingsError(Exception):
    """The settings cannot be used. `faults` names every one of them, without its value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    """What every command needs."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(Path("data"), description="Folder of the embedded database.")
    database_url: str = Field("", description="sqlite:///path or postgresql://…; empty: SQLite in the data folder.")
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Keys that seal stored secrets, separated by commas, the newest first; empty: secret.keys in the "
        "data folder.",
    )
    public_url: str = Field("", description="Where browsers reach the gateway, e.g. https://ponteio.example.com.")
    keep_days: int = Field(
        DEFAULT_KEEP_DAYS,
        ge=1,
        le=FOREVER_DAYS,
        description="Days for which events are kept unless an organization chose otherwise; 36500 is for ever.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level written.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else JSON."
    )

    @model_validator(mode="after")
    def _default_database(self) -> Self:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_dir / 'ponteio.db'}")
        return self

    @property
    def secret_file(self) -> Path:
        """Where the keys that seal stored secrets are kept while `secret_key` is empty."""
        return self.data_dir / "secret.keys"

    @field_validator("public_url")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        url = value.strip().rstrip("/").lower()
        scheme, _, host = url.partition("://")
        if url and (scheme not in ("http", "https") or not host or set("/?#@ ") & set(host)):
            raise ValueError("must be http:// or https:// and a host, without a path")
        return url

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value


class GatewaySettings(Settings):
    """What the gateway needs besides."""

    websocket_enabled: bool = Field(True, validation_alias="WEBSOCKET_ENABLED", description="false: dial nothing.")
    websocket_global_events: bool = Field(
        False,
        validation_alias="WEBSOCKET_GLOBAL_EVENTS",
        description="true: one link for all instances (global mode); false: one link per instance (traditional mode).",
    )
    evolution_api_url: str = Field(validation_alias="EVOLUTION_API_URL", description="Where Evolution API answers.")
    evolution_api_key: SecretStr = Field(
        validation_alias="EVOLUTION_API_KEY", description="Evolution's global key (its AUTHENTICATION_API_KEY)."
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every network of the machine.")
    port: int = Field(3001, ge=0, le=65535, description="Port to listen on.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Web pages of other origins that may call, separated by commas; * allows all, without cookies."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Further names by which the gateway may be called, separated by commas."
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="Reverse proxies whose X-Forwarded-For is believed, separated by commas."
    )
    sockets_per_organization: int = Field(100, ge=0, le=100_000, description="Sockets that one organization may hold.")
    sockets_per_user: int = Field(10, ge=0, le=100_000, description="Sockets that one person may hold.")
    sockets_per_address: int = Field(50, ge=1, le=1_000_000, description="Sockets from one address (IPv6: one /64).")
    sockets_per_process: int = Field(5_000, ge=1, le=1_000_000, description="Sockets that this process may hold.")
    arrivals_per_s: int = Field(100, ge=1, le=100_000, description="New sockets a second.")
    links_per_organization: int = Field(100, ge=0, le=100_000, description="Links that one organization may have.")
    live_per_minute: int = Field(
        100, ge=0, le=1_000_000, description="Events a minute for each instance on a browser's socket; more are held."
    )
    live_burst: int = Field(100, ge=0, le=1_000_000, description="How many of them may come at once.")
    requests_per_minute: int = Field(600, ge=0, le=1_000_000, description="REST calls a minute with one credential.")
    requests_per_address: int = Field(1_200, ge=1, le=1_000_000, description="REST calls a minute from one address.")
    notifications_per_hour: int = Field(
        200, ge=0, le=1_000_000, description="Messages that one organization may send to its channels in an hour."
    )
    push_contact: str = Field(
        "",
        description="Whom push services may write to: mailto:you@example.com or https://…; empty: PONTEIO_PUBLIC_URL.",
    )
    private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Hosts with private addresses that channels may reach, separated by commas, e.g. n8n:5678."
    )
    max_frame_mib: int = Field(64, ge=1, le=1024, description="Largest frame taken from Evolution, in MiB.")
    queue_frames: int = Field(20_000, ge=64, le=10_000_000, description="Frames that may wait before links pause.")
    queue_mib: int = Field(256, ge=64, le=65_536, description="MiB that may wait before links pause.")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port of its own for /metrics, without a key; empty: only with one."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which that port listens.")
    journal_days: int = Field(30, ge=1, le=3_650, description="Days for which the link journal is kept.")
    sync_s: int = Field(60, ge=5, le=3_600, description="Seconds between two looks at Evolution's list of instances.")

    @field_validator("allowed_origins", "allowed_hosts", "private_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/").lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("push_contact")
    @classmethod
    def _contact(cls, value: str) -> str:
        text = value.strip()
        if text and not re.fullmatch(r"mailto:[^@\s,;]+@[^@\s,;]+|https://[^\s/@]+", text):
            raise ValueError("must be mailto: and one address, or https:// and a host")
        return text

    @field_validator("private_hosts")
    @classmethod
    def _hosts_only(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"[a-z0-9_.-]+(:\d{1,5})?", host):
                raise ValueError("must be names or IPv4 addresses, each with a port if any")
        return value

    @field_validator("evolution_api_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        return server_url(value)

    @field_validator("evolution_api_key")
    @classmethod
    def _usable_key(cls, value: SecretStr) -> SecretStr:
        server_key(value.get_secret_value())
        return value

    @property
    def limits(self) -> Limits:
        """What an organization may use unless the operator set something else for it."""
        return Limits(
            sockets=self.sockets_per_organization,
            sockets_per_user=self.sockets_per_user,
            links=self.links_per_organization,
            live_per_minute=self.live_per_minute,
            live_burst=self.live_burst,
            requests_per_minute=self.requests_per_minute,
            notifications_per_hour=self.notifications_per_hour,
        )

    @property
    def contact(self) -> str:
        """Whom push services may write to. Where nothing is known that is nobody, which some of them do not take."""
        own = self.public_url if self.public_url.startswith("https://") else "mailto:ponteio@localhost"
        return self.push_contact or own

    @property
    def own_origins(self) -> tuple[str, ...]:
        """The origin of our own pages, where it is known."""
        return (self.public_url,) if self.public_url else ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which the gateway may be called; nothing: addresses and localhost only."""
        own = self.public_url.partition("://")[2]
        return (*self.allowed_hosts, *((own,) if own else ()))

    @property
    def key_is_public(self) -> bool:
        """Whether the key is one of the defaults printed in Evolution's examples."""
        return self.evolution_api_key.get_secret_value() in PUBLIC_DEFAULT_KEYS


class ClientSettings(Settings):
    """What a command needs that speaks to a running gateway."""

    url: str = Field("http://127.0.0.1:3001", description="Where `ponteio tail` and `doctor` find the gateway.")
    api_key: SecretStr = Field(SecretStr(""), description="The organization's key that `ponteio tail` uses.")


def load_client_settings() -> ClientSettings:
    """The settings of a command that speaks to a running gateway. Raises `SettingsError` with every fault."""
    return _load(ClientSettings)


def load_settings() -> Settings:
    """The settings of a command that needs no Evolution server. Raises `SettingsError` with every fault."""
    return _load(Settings)


def load_gateway_settings() -> GatewaySettings:
    """The settings of the gateway. Raises `SettingsError` with every fault."""
    return _load(GatewaySettings)


def documented() -> dict[str, str]:
    """Every variable and what it is for."""
    return {_variable(name, field.validation_alias): field.description or "" for name, field in _fields().items()}


def _load(kind: type[_S]) -> _S:
    faults = _unknown_names(os.environ, dotenv_values(ENV_FILE))
    try:
        settings = kind()
    except ValidationError as error:
        faults += [f"{_where(item['loc'])}: {_reason(item['type'], item['msg'])}" for item in error.errors()]
        raise SettingsError(faults) from None
    if faults:
        raise SettingsError(faults)
    return settings


def _fields() -> Mapping[str, FieldInfo]:
    return {**ClientSettings.model_fields, **GatewaySettings.model_fields}


def _variable(name: str, alias: object) -> str:
    return alias if isinstance(alias, str) else PREFIX + name.upper()


def _where(location: Iterable[object]) -> str:
    name = str(next(iter(location), ""))
    return _variable(name, None) if name in _fields() else name


def _reason(kind: str, text: str) -> str:
    return "is required" if kind == "missing" else text.removeprefix("Value error, ")


def _unknown_names(*sources: Mapping[str, str | None]) -> list[str]:
    """A misspelt setting would be ignored in silence; only `PONTEIO_TEST_…`, which tests read, is let through."""
    known = list(documented())
    names = {name for source in sources for name in source if name.startswith(PREFIX)}
    faults = []
    for name in sorted(names - set(known)):
        if name.startswith(PREFIX + "TEST_"):
            continue
        close = difflib.get_close_matches(name, known, n=1)
        faults.append(f"{name}: there is no such setting" + (f"; did you mean {close[0]}?" if close else ""))
    return faults
