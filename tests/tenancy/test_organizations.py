from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import insert
from tests.support.directory_world import id_of
from tests.support.log_world import decoded

from ponteio.model.event import AddressedEvent
from ponteio.model.identity import Limits
from ponteio.model.outcome import (
    INVALID_NAME,
    INVALID_REQUEST,
    NAME_TAKEN,
    ORGANIZATION_NOT_FOUND,
    RefusalError,
)
from ponteio.storage.database import Database
from ponteio.storage.tables import organization_limits
from ponteio.tenancy.directory import Directory


async def test_an_organization_is_found_by_id_and_name(directory: Directory) -> None:
    made = await directory.create_organization("  Padaria São João 🥖 ")
    assert made.name == "Padaria São João 🥖"
    assert directory.organization(made.organization_id) == directory.organization("PADARIA SÃO JOÃO 🥖") == made
    assert [one.name for one in directory.organizations()] == ["alpha", "beta", "Padaria São João 🥖"]
    assert directory.scope_of(made.organization_id).organization_id == made.organization_id


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\x00b", "a\nb", "\ud800", "a\u2028b"])
async def test_names_that_nobody_could_read_are_refused(directory: Directory, name: str) -> None:
    with pytest.raises(RefusalError) as refused:
        await directory.create_organization(name)
    assert refused.value.outcome is INVALID_NAME


@pytest.mark.parametrize("name", ["alpha", "ALPHA", " Alpha ", "\uff41lpha"])
async def test_a_name_is_taken_in_every_spelling(directory: Directory, elsewhere: Directory, name: str) -> None:
    for one in (directory, elsewhere):
        with pytest.raises(RefusalError) as refused:
            await one.create_organization(name)
        assert refused.value.outcome is NAME_TAKEN
    assert len(directory.organizations()) == 2


async def test_names_of_full_length_and_joined_emoji_are_fine(directory: Directory) -> None:
    for name in ("x" * 64, "👩‍👩‍👧 família"):
        assert (await directory.create_organization(name)).name == name


async def test_there_is_no_scope_without_an_organization(directory: Directory) -> None:
    with pytest.raises(RefusalError) as refused:
        directory.scope_of("org_nobody")
    assert refused.value.outcome is ORGANIZATION_NOT_FOUND


async def test_limits_are_the_operators_or_the_defaults(directory: Directory, elsewhere: Directory) -> None:
    alpha = id_of(directory, "alpha")
    assert directory.limits(alpha) == Limits()
    assert await directory.set_limits(alpha, {"sockets": 7, "links": 0}) == Limits(sockets=7, links=0)
    await elsewhere.refresh()
    assert elsewhere.limits(alpha) == Limits(sockets=7, links=0)
    assert await directory.set_limits(alpha, {"sockets": None}) == Limits(links=0)
    assert directory.limits(id_of(directory, "beta")) == Limits()
    for wanted in ({"colours": 1}, {"sockets": -1}, {"sockets": 10**9}):
        with pytest.raises(RefusalError) as refused:
            await directory.set_limits(alpha, wanted)
        assert refused.value.outcome is INVALID_REQUEST
    with pytest.raises(RefusalError) as refused:
        await directory.set_limits("org_none", {"sockets": 1})
    assert refused.value.outcome is ORGANIZATION_NOT_FOUND


async def test_organizations_are_disabled_and_renamed(directory: Directory, elsewhere: Directory) -> None:
    alpha = id_of(directory, "alpha")
    disabled = await directory.set_disabled(alpha, True)
    assert disabled.disabled_at is not None
    assert await directory.set_disabled(alpha, True) == disabled
    await elsewhere.refresh()
    assert elsewhere.organization(alpha) == disabled
    assert (await directory.set_disabled(alpha, False)).disabled_at is None
    assert (await directory.rename_organization(alpha, "Gamma")).name == "Gamma"
    assert directory.organization("gamma") is not None
    assert directory.organization("alpha") is None
    with pytest.raises(RefusalError) as refused:
        await directory.rename_organization(alpha, "BETA")
    assert refused.value.outcome is NAME_TAKEN


async def test_limits_are_answered_from_memory_at_once(directory: Directory, database: Database) -> None:
    alpha = id_of(directory, "alpha")
    await directory.set_limits(alpha, {"links": 7})
    await database.close()
    began = time.perf_counter()
    for _ in range(10_000):
        limits = directory.limits(alpha)
    assert limits == Limits(links=7)
    assert (time.perf_counter() - began) / 10_000 < 5e-6


async def test_the_deployments_own_limits_are_below_those_of_the_operator(database: Database) -> None:
    directory = Directory(database, default_limits=Limits(sockets=5, links=6))
    made = (await directory.create_organization("acme")).organization_id
    assert directory.limits(made) == directory.limits("org_unknown") == Limits(sockets=5, links=6)
    assert await directory.set_limits(made, {"links": 0}) == Limits(sockets=5, links=0)
    other = Directory(database, default_limits=Limits(sockets=8, links=9))
    await other.load()
    assert other.limits(made) == Limits(sockets=8, links=0)


async def test_a_limit_that_another_version_of_us_knows_is_left_out(directory: Directory, database: Database) -> None:
    alpha = id_of(directory, "alpha")
    async with database.write() as connection:
        row = {"organization_id": alpha, "name": "push_devices", "value": 3}
        await connection.execute(insert(organization_limits).values(row))
    await directory.load()
    assert directory.limits(alpha) == Limits()


@pytest.mark.parametrize("value", [True, 1.5, "7", -1, 1_000_001])
async def test_what_is_no_number_is_no_limit(directory: Directory, value: Any) -> None:
    with pytest.raises(RefusalError) as refused:
        await directory.set_limits(id_of(directory, "alpha"), {"links": 1, "sockets": value})
    assert refused.value.outcome is INVALID_REQUEST
    assert directory.limits(id_of(directory, "alpha")) == Limits()


async def test_events_of_a_disabled_organization_are_still_its_own(directory: Directory) -> None:
    await directory.set_disabled(id_of(directory, "alpha"), True)
    answer = directory.address(decoded("alpha"))
    assert isinstance(answer, AddressedEvent)
    assert answer.organization_id == id_of(directory, "alpha")


async def test_an_organization_that_is_not_there_is_neither_renamed_nor_disabled(directory: Directory) -> None:
    for call in (directory.rename_organization("org_none", "x"), directory.set_disabled("org_none", True)):
        with pytest.raises(RefusalError) as refused:
            await call
        assert refused.value.outcome is ORGANIZATION_NOT_FOUND
    with pytest.raises(RefusalError) as refused:
        await directory.rename_organization(id_of(directory, "alpha"), "\n")
    assert refused.value.outcome is INVALID_NAME
