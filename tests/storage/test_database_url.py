from __future__ import annotations

from pathlib import Path

import pytest

from ponteio.storage.database_url import PostgresServer, SqliteFile, parse_database_url
from ponteio.storage.errors import StorageUrlError


def test_three_slashes_are_relative_and_four_absolute() -> None:
    assert parse_database_url("sqlite:///data/ponteio.db") == SqliteFile(Path.cwd() / "data" / "ponteio.db")
    assert parse_database_url("sqlite:////var/lib/ponteio.db") == SqliteFile(Path("/var/lib/ponteio.db"))


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory",
        "sqlite://host/x.db",
        "sqlite+aiosqlite:///x.db",
        "mysql://localhost/x",
        "postgresql+asyncpg://localhost/x",
        "",
        "nonsense",
        "postgresql://host:port/x",
        "postgresql://localhost/x?schema=a&schema=b",
    ],
)
def test_what_we_cannot_open_is_refused(text: str) -> None:
    with pytest.raises(StorageUrlError):
        parse_database_url(text)


def test_the_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(StorageUrlError) as refused:
        parse_database_url("mysql://root:hunter2@localhost/x")
    assert "hunter2" not in str(refused.value)


def test_prisma_urls_are_understood() -> None:
    place = parse_database_url(
        "postgresql://user:p%40ss@db:5433/evolution?schema=evolution_api&connection_limit=5&pool_timeout=3&sslmode=disable"
    )
    assert isinstance(place, PostgresServer)
    assert (place.schema, place.pooled) == ("evolution_api", False)
    assert place.url.password == "p@ss"
    assert dict(place.url.query) == {"sslmode": "disable"}
    assert place.url.drivername == "postgresql+psycopg"


def test_the_short_scheme_and_a_pooler_are_understood() -> None:
    place = parse_database_url("postgres://db/evolution?pgbouncer=true")
    assert isinstance(place, PostgresServer)
    assert (place.schema, place.pooled) == (None, True)
    assert not place.url.query
