"""Organizations, keys and instances from the terminal, on a real database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ponteio.commands import admin
from ponteio.commands.office import office
from ponteio.config import Settings
from ponteio.model.outcome import INSTANCE_NOT_FOUND, INVALID_REQUEST, NOT_FOUND, ORGANIZATION_NOT_FOUND, RefusalError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, _env_file=None)


async def test_key_is_shown_once_and_authenticates(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await admin.create_organization(settings, "Acme", as_json=True)
    organization = json.loads(capsys.readouterr().out)["organization"]
    await admin.create_key(settings, admin.NewKey("Acme", "crm"), as_json=True)
    made = json.loads(capsys.readouterr().out)
    assert made["organization"] == organization
    await admin.list_keys(settings, as_json=True)
    listed = capsys.readouterr().out
    assert made["api_key"] not in listed
    assert json.loads(listed)["label"] == "crm"
    async with office(settings) as here:
        principal = await here.keys.authenticate(made["api_key"])
        assert principal.scope is not None
        assert principal.scope.organization_id == organization


async def test_operator_key_has_no_organization(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await admin.create_key(settings, admin.NewKey(None, "ops"), as_json=True)
    made = json.loads(capsys.readouterr().out)
    async with office(settings) as here:
        assert (await here.keys.authenticate(made["api_key"])).is_operator


async def test_revoked_key_is_dead(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await admin.create_key(settings, admin.NewKey(None, ""), as_json=True)
    made = json.loads(capsys.readouterr().out)
    await admin.revoke_key(settings, made["key_id"])
    async with office(settings) as here:
        with pytest.raises(RefusalError):
            await here.keys.authenticate(made["api_key"])
    with pytest.raises(RefusalError) as caught:
        await admin.revoke_key(settings, "key_unknown")
    assert caught.value.outcome is NOT_FOUND


async def test_instance_is_assigned_before_the_gateway_ever_ran(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await admin.create_organization(settings, "Acme", as_json=True)
    await admin.assign_instance(settings, "Loja Centro, ção/1", "acme", move=False)
    capsys.readouterr()
    await admin.list_instances(settings, as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert (row["instance"], row["organization"]) == ("Loja Centro, ção/1", "Acme")


async def test_taking_an_instance_from_its_owner_must_be_said(settings: Settings) -> None:
    for name in ("A", "B"):
        await admin.create_organization(settings, name, as_json=True)
    await admin.assign_instance(settings, "loja", "A", move=False)
    await admin.assign_instance(settings, "loja", "A", move=False)
    with pytest.raises(RefusalError) as caught:
        await admin.assign_instance(settings, "loja", "B", move=False)
    assert caught.value.outcome is INVALID_REQUEST
    await admin.assign_instance(settings, "loja", "B", move=True)
    await admin.unassign_instance(settings, "loja")
    with pytest.raises(RefusalError) as caught:
        await admin.unassign_instance(settings, "stranger")
    assert caught.value.outcome is INSTANCE_NOT_FOUND


async def test_unknown_organization_is_said(settings: Settings) -> None:
    with pytest.raises(RefusalError) as caught:
        await admin.create_key(settings, admin.NewKey("nobody"), as_json=False)
    assert caught.value.outcome is ORGANIZATION_NOT_FOUND


async def test_tables_for_people(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await admin.create_organization(settings, "Acme", as_json=False)
    await admin.list_organizations(settings, as_json=False)
    assert capsys.readouterr().out.count("Acme") == 2
