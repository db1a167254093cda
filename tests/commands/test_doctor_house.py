"""The gateway's own side: each look says what is there, and leaves it as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from ponteio.app import Gateway
from ponteio.commands import doctor_house as house
from ponteio.commands.office import office
from ponteio.config import GatewaySettings, Settings
from ponteio.model.diagnosis import Finding, Language, Verdict
from ponteio.model.event import Refusal
from ponteio.model.identity import InstanceChange
from ponteio.model.link import LinkTarget
from ponteio.model.outcome import UNASSIGNED
from ponteio.model.rights import Role
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault


def said(found: Finding) -> tuple[str, str]:
    return found.verdict.value, found.reason


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", _env_file=None)


def test_faults_of_settings_are_all_named() -> None:
    assert said(house.own_settings([])) == ("ok", "good")
    found = house.own_settings(["A: is required", "B: is odd"])
    assert said(found) == ("fail", "faults")
    assert "A: is required; B: is odd" in found.told(Language.EN).evidence


def test_the_data_folder(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(house.data_dir(settings)) == ("warn", "absent")
    settings.data_dir.mkdir()
    assert said(house.data_dir(settings)) == ("ok", "writable")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert said(house.data_dir(settings)) == ("fail", "read_only")


@pytest.mark.parametrize(("free", "expected"), [(5, "fail:full"), (500, "warn:little"), (5_000, "ok:room")])
def test_room_on_the_disk(settings: Settings, free: int, expected: str) -> None:
    assert ":".join(said(house.disk(settings, lambda _path: free))) == expected


def test_a_database_elsewhere_needs_no_room_here() -> None:
    settings = Settings(database_url="postgresql://db/x", _env_file=None)
    assert said(house.disk(settings)) == ("skipped", "elsewhere")
    assert said(house.disk(Settings(_env_file=None)))[0] in ("ok", "warn", "fail")


def test_the_keys_that_seal(settings: Settings) -> None:
    assert said(house.secret_key(settings, is_new=True)) == ("ok", "absent")
    assert said(house.secret_key(settings, is_new=False)) == ("fail", "lost")
    assert not settings.secret_file.exists()
    settings.data_dir.mkdir()
    settings.secret_file.write_text("nonsense\n")
    settings.secret_file.chmod(0o600)
    assert said(house.secret_key(settings, is_new=False)) == ("fail", "unreadable")
    settings.secret_file.write_text(Vault.new_key() + "\n")
    assert said(house.secret_key(settings, is_new=False)) == ("ok", "readable")


async def test_the_database(settings: Settings) -> None:
    assert said(await house.database(settings)) == ("warn", "absent")
    assert not settings.data_dir.exists()
    async with office(settings):
        pass
    assert said(await house.database(settings)) == ("ok", "current")
    for version, expected in (("v0001", "fail:behind"), ("9999", "fail:newer")):
        opened = await Database.open(settings.database_url, checkpoints=False)
        async with opened.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        await opened.close()
        assert ":".join(said(await house.database(settings))) == expected


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/x?connect_timeout=1", "sqlite:///x?y=1"])
async def test_a_database_that_does_not_answer(url: str) -> None:
    assert said(await house.database(Settings(database_url=url, _env_file=None))) == ("fail", "unreachable")


@asynccontextmanager
async def web_server(answer: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_gateway_itself(tmp_path: Path) -> None:
    settings = GatewaySettings(
        data_dir=tmp_path,
        port=0,
        EVOLUTION_API_URL="http://127.0.0.1:9",
        EVOLUTION_API_KEY="some-key",
        WEBSOCKET_ENABLED=False,
        _env_file=None,
    )
    assert said(await house.gateway("http://127.0.0.1:1", settings)) == ("warn", "free")
    assert said(await house.gateway("http://127.0.0.1:1", None)) == ("warn", "free")
    gateway = Gateway(settings)
    await gateway.start()
    try:
        assert said(await house.gateway(gateway.url, settings)) == ("ok", "ready")
        port = int(gateway.url.rpartition(":")[2])
        taken = settings.model_copy(update={"port": port})
        found = await house.gateway("http://127.0.0.1:1", taken)
        assert said(found) == ("fail", "taken")
    finally:
        await gateway.stop()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "fail:stranger"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "fail:stranger"),
    ],
)
async def test_somebody_else_at_the_gateways_address(answer: bytes, expected: str) -> None:
    async with web_server(answer) as url:
        assert ":".join(said(await house.gateway(url, None))) == expected


async def test_what_the_database_tells(settings: Settings) -> None:
    async with office(settings) as here:
        found = {each.step: said(each) async for each in house.inside(here)}
        assert found == {
            "organizations": ("warn", "none"),
            "unassigned": ("ok", "none"),
            "quarantine": ("ok", "quiet"),
        }
        acme = await here.directory.create_organization("Acme")
        await here.directory.ensure_server("main", "http://127.0.0.1:9")
        names = {f"loja-{number}": InstanceChange(upstream_id=str(number)) for number in range(7)}
        await here.directory.register("main", names)
        old = Refusal(UNASSIGNED, LinkTarget("main"), utc_now() - timedelta(hours=2), "old", 1, instance="a")
        new = Refusal(UNASSIGNED, LinkTarget("main"), utc_now(), "new", 1, instance="b")
        await here.quarantine.put([old, new])
        found_now = {each.step: each async for each in house.inside(here)}
        assert {step: said(each) for step, each in found_now.items()} == {
            "organizations": ("warn", "empty"),
            "unassigned": ("warn", "some"),
            "quarantine": ("warn", "growing"),
        }
        assert found_now["unassigned"].values["count"] == 7
        assert str(found_now["unassigned"].values["names"]).endswith("(+2)")
        assert found_now["quarantine"].values == {"count": 1, "outcome": "unassigned"}
        user = await here.accounts.create("ana@acme.example", "Ana", "a long enough password 42")
        await here.memberships.add(acme.organization_id, user.user_id, Role.ADMIN)
        for name in names:
            await here.directory.assign(name, acme.organization_id)
        found = {each.step: said(each) async for each in house.inside(here)}
        assert (found["organizations"], found["unassigned"]) == (("ok", "peopled"), ("ok", "none"))


async def test_a_look_that_fails_is_a_finding(settings: Settings) -> None:
    async with office(settings) as here:
        await here.directory.create_organization("Acme")
        await here.database.close()
        verdicts = {each.step: each.verdict async for each in house.inside(here)}
    assert verdicts["organizations"] is Verdict.FAIL
    assert verdicts["quarantine"] is Verdict.FAIL
