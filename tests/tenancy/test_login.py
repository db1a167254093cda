from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.machine_world import refused
from tests.support.people_world import PASSWORD, PeopleWorld

from ponteio.model.outcome import LOGIN_FAILED, LOGIN_THROTTLED, RefusalError
from ponteio.model.rights import Role
from ponteio.storage.database import Database
from ponteio.tenancy.login import LoginOptions

FEW = LoginOptions(per_account_and_address=3, per_address=5, per_account=8)


WRONG = "wrong password"


def _try(world: PeopleWorld, email: str, password: str = WRONG, address: str = "10.0.0.1") -> Any:
    return world.login.log_in(email, password, address=address, agent="test")


async def test_a_person_comes_in_to_the_organization_they_belong_to(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co", Role.AGENT)
    session, token = await _try(world, "ANA@b.co", PASSWORD)
    assert (session.user_id, session.organization_id) == (ana.user_id, world.organization_id)
    assert (session.address, session.agent) == ("10.0.0.1", "test")
    assert (await world.sessions.authenticate(token)).user_id == ana.user_id
    await world.user("op@b.co", Role.AGENT, operator=True)
    session, _ = await _try(world, "op@b.co", PASSWORD)
    assert session.organization_id is None


async def test_every_failure_has_one_text(database: Database) -> None:
    world = await PeopleWorld.make(database)
    await world.user("ana@b.co")
    gone = await world.user("gone@b.co")
    await world.accounts.disable(gone.user_id)
    said = set()
    tries = [
        ("ana@b.co", "wrong password"),
        ("nobody@b.co", PASSWORD),
        ("gone@b.co", PASSWORD),
        ("", ""),
        ("ana@b.co", "x" * 999),
    ]
    for email, password in tries:
        with pytest.raises(RefusalError) as caught:
            await _try(world, email, password)
        said.add((caught.value.outcome, caught.value.detail, str(caught.value.extra)))
    assert said == {(LOGIN_FAILED, LOGIN_FAILED.title, "{}")}


async def test_guessing_at_one_account_from_one_address_is_stopped(database: Database) -> None:
    world = await PeopleWorld.make(database, FEW)
    await world.user("ana@b.co")
    for _ in range(3):
        assert await refused(_try(world, "ana@b.co")) is LOGIN_FAILED
    with pytest.raises(RefusalError) as caught:
        await _try(world, "ANA@B.co", PASSWORD)
    assert caught.value.outcome is LOGIN_THROTTLED
    assert 0 < caught.value.extra["retry_after_s"] <= 900  # type: ignore[operator]
    await _try(world, "ana@b.co", PASSWORD, address="10.0.0.2")


async def test_guessing_at_many_accounts_from_one_address_is_stopped(database: Database) -> None:
    world = await PeopleWorld.make(database, FEW)
    await world.user("ana@b.co")
    for number in range(5):
        assert await refused(_try(world, f"{number}@b.co")) is LOGIN_FAILED
    assert await refused(_try(world, "ana@b.co", PASSWORD)) is LOGIN_THROTTLED


async def test_guessing_at_one_account_from_many_addresses_is_stopped(database: Database) -> None:
    world = await PeopleWorld.make(database, FEW)
    await world.user("ana@b.co")
    for number in range(8):
        assert await refused(_try(world, "ana@b.co", address=f"10.0.1.{number}")) is LOGIN_FAILED
    assert await refused(_try(world, "ana@b.co", PASSWORD, address="10.0.2.1")) is LOGIN_THROTTLED


async def test_the_right_password_forgives_earlier_slips(database: Database) -> None:
    world = await PeopleWorld.make(database, LoginOptions(per_account_and_address=3))
    await world.user("ana@b.co")
    for _ in range(2):
        for _ in range(2):
            assert await refused(_try(world, "ana@b.co")) is LOGIN_FAILED
        await _try(world, "ana@b.co", PASSWORD)


async def test_a_burst_of_guesses_does_not_slip_through_together(database: Database) -> None:
    world = await PeopleWorld.make(database, FEW)
    await world.user("ana@b.co")
    answers = await asyncio.gather(*(_try(world, "ana@b.co") for _ in range(20)), return_exceptions=True)
    assert [getattr(one, "outcome", None) for one in answers].count(LOGIN_FAILED) <= FEW.per_account_and_address
