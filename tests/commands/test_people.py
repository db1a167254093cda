"""People from the terminal, on a real database."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ponteio.commands import admin, people
from ponteio.commands.office import office
from ponteio.config import Settings
from ponteio.model.outcome import LOGIN_FAILED, NOT_FOUND, RefusalError
from ponteio.model.rights import Role

PASSWORD = "correct horse battery"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, _env_file=None)


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))


async def _log_in(settings: Settings, email: str, password: str = PASSWORD) -> None:
    async with office(settings) as here:
        await here.login.log_in(email, password, address="127.0.0.1", agent="test")


async def test_operator_logs_in_with_the_password_that_was_piped_in(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await people.create_user(
        settings, "Op@Example.com", "Op", organization=None, role=Role.ADMIN, stdin=True, as_json=True
    )
    made = json.loads(capsys.readouterr().out)
    assert made["role"] == "operator"
    await _log_in(settings, "op@example.com")
    await people.list_users(settings, as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert (listed["user"], listed["roles"]) == (made["user"], "operator")
    assert PASSWORD not in str(listed)


async def test_member_is_of_one_organization_with_one_role(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await admin.create_organization(settings, "Acme", as_json=True)
    await people.create_user(settings, "a@b.co", "", organization="acme", role=Role.VIEWER, stdin=True, as_json=False)
    capsys.readouterr()
    await people.list_users(settings, as_json=True)
    assert json.loads(capsys.readouterr().out)["roles"] == "Acme: viewer"


async def test_invitation_is_a_link_that_works(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await admin.create_organization(settings, "Acme", as_json=True)
    capsys.readouterr()
    await people.invite(settings, organization="Acme", role=Role.AGENT, email=None, as_json=True)
    link = json.loads(capsys.readouterr().out)
    assert link["url"].endswith(f"/join#token={link['token']}")
    async with office(settings) as here:
        made = await here.invitations.accept(link["token"], email="new@b.co", name="N", password=PASSWORD)
        assert [it.role for it in await here.memberships.of_user(made.user_id)] == [Role.AGENT]


async def test_disabled_account_cannot_log_in_until_it_is_enabled(settings: Settings) -> None:
    await admin.create_organization(settings, "Acme", as_json=True)
    await people.create_user(settings, "a@b.co", "", organization="Acme", role=Role.ADMIN, stdin=True, as_json=False)
    await people.set_disabled(settings, "A@B.co", True)
    with pytest.raises(RefusalError) as caught:
        await _log_in(settings, "a@b.co")
    assert caught.value.outcome is LOGIN_FAILED
    await people.set_disabled(settings, "a@b.co", False)
    await _log_in(settings, "a@b.co")
    with pytest.raises(RefusalError) as caught:
        await people.set_disabled(settings, "other@b.co", True)
    assert caught.value.outcome is NOT_FOUND


async def test_password_reset_is_a_link_too(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await people.create_user(settings, "a@b.co", "", organization=None, role=Role.ADMIN, stdin=True, as_json=False)
    capsys.readouterr()
    await people.reset_password(settings, "a@b.co", as_json=True)
    token = json.loads(capsys.readouterr().out)["token"]
    async with office(settings) as here:
        await here.invitations.reset_password(token, "another long password")
    await _log_in(settings, "a@b.co", "another long password")


async def test_everything_is_in_the_audit_log(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await admin.create_organization(settings, "Acme", as_json=True)
    organization = json.loads(capsys.readouterr().out)["organization"]
    await people.create_user(settings, "a@b.co", "", organization=None, role=Role.ADMIN, stdin=True, as_json=False)
    await people.invite(settings, organization="Acme", role=Role.AGENT, email=None, as_json=True)
    token = json.loads(capsys.readouterr().out.splitlines()[-1])["token"]
    await people.show_audit(settings, organization=None, limit=10, as_json=True)
    out = capsys.readouterr().out
    entries = [json.loads(line) for line in out.splitlines()]
    assert [entry["by"] for entry in entries] == ["terminal"] * 3
    assert [entry["organization"] for entry in entries] == [organization, "", organization]
    assert token not in out
    await people.show_audit(settings, organization="Acme", limit=1, as_json=False)
    assert capsys.readouterr().out.strip()
