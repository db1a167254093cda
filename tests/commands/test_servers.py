"""Evolution servers from the terminal: the key goes in once and never comes out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ponteio.commands import servers
from ponteio.commands.office import office
from ponteio.config import Settings
from ponteio.model.outcome import INVALID_REQUEST, SECRET_UNREADABLE, SERVER_NOT_FOUND, RefusalError
from ponteio.storage.vault import Vault

KEY = "a-global-key-of-evolution-0042"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, _env_file=None)


async def _add(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(KEY + "\n"))
    await servers.add_server(
        settings,
        "https://evo.example/base/",
        label="second",
        global_events=True,
        allow_private=False,
        stdin=True,
        as_json=True,
    )
    made = json.loads(capsys.readouterr().out)
    assert made["url"] == "https://evo.example/base"
    return str(made["server"])


async def test_key_is_sealed_and_only_its_end_is_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server_id = await _add(settings, monkeypatch, capsys)
    await servers.list_servers(settings, as_json=True)
    shown = capsys.readouterr().out
    assert json.loads(shown)["key"] == "…0042"
    assert KEY not in shown
    for file in settings.data_dir.iterdir():
        assert KEY.encode() not in file.read_bytes()
    async with office(settings) as here:
        assert await here.servers.key(server_id) == KEY
    await servers.remove_server(settings, server_id)
    capsys.readouterr()
    await servers.list_servers(settings, as_json=True)
    assert capsys.readouterr().out == ""
    with pytest.raises(RefusalError) as caught:
        await servers.remove_server(settings, "srv_none")
    assert caught.value.outcome is SERVER_NOT_FOUND


async def test_rotation_makes_the_old_key_useless(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server_id = await _add(settings, monkeypatch, capsys)
    old = settings.secret_file.read_text()
    await servers.rotate_keys(settings)
    assert "1 stored secret" in capsys.readouterr().out
    newest = settings.secret_file.read_text().splitlines()[0]
    assert newest not in old
    settings.secret_file.write_text(newest + "\n")
    async with office(settings) as here:
        assert await here.servers.key(server_id) == KEY
    settings.secret_file.write_text(old)
    async with office(settings) as here:
        with pytest.raises(RefusalError) as caught:
            await here.servers.key(server_id)
    assert caught.value.outcome is SECRET_UNREADABLE


async def test_rotation_of_keys_in_the_settings_needs_two_of_them(tmp_path: Path) -> None:
    one = Settings(data_dir=tmp_path, secret_key=Vault.new_key(), _env_file=None)
    with pytest.raises(RefusalError) as caught:
        await servers.rotate_keys(one)
    assert caught.value.outcome is INVALID_REQUEST
