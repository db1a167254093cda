from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.machine_world import refused
from tests.support.people import CountingHasher, HeldLogin, disable_organization
from tests.support.people_world import PASSWORD, PeopleWorld

from ponteio.model.outcome import LOGIN_FAILED, LOGIN_THROTTLED, RefusalError
from ponteio.model.rights import Role
from ponteio.storage.database import Database
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.login import LoginDesk, LoginOptions
from ponteio.tenancy.passwords import Passwords

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


async def test_every_failure_costs_one_check_of_a_hash(database: Database) -> None:
    """An answer's time must not tell whether an account exists."""
    world = await PeopleWorld.make(database)
    await world.user("ana@b.co")
    await world.accounts.disable((await world.user("gone@b.co")).user_id)
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    desk = LoginDesk(Accounts(database, passwords), world.sessions, passwords, world.memberships)
    for email, password in (("nobody@b.co", PASSWORD), ("ana@b.co", WRONG), ("gone@b.co", PASSWORD), ("", "x" * 999)):
        hasher.work.clear()
        assert await refused(desk.log_in(email, password, address=None, agent=None)) is LOGIN_FAILED
        assert hasher.work == ["verify"]


async def test_an_outdated_hash_is_made_anew_by_the_right_password(database: Database) -> None:
    world = await PeopleWorld.make(database)
    await world.user("ana@b.co")
    assert await (await HeldLogin.begin(world, "ana@b.co", time_cost=2)).end() is None
    found = await world.accounts.credentials("ana@b.co")
    assert found is not None
    assert "t=2" in found.password_hash
    await _try(world, "ana@b.co", PASSWORD)


async def test_two_log_ins_over_an_outdated_hash_both_come_in(database: Database) -> None:
    world = await PeopleWorld.make(database)
    await world.user("ana@b.co")
    first = await HeldLogin.begin(world, "ana@b.co", time_cost=2)
    second = await HeldLogin.begin(world, "ana@b.co", time_cost=2)
    assert [await first.end(), await second.end()] == [None, None]


@pytest.mark.parametrize("time_cost", [1, 2])
async def test_a_log_in_under_way_does_not_survive_a_new_password(database: Database, time_cost: int) -> None:
    """I10: neither by a session, nor by writing the former password's hash again."""
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    thief = await HeldLogin.begin(world, "ana@b.co", time_cost=time_cost)
    await world.accounts.set_password(ana.user_id, "quite another phrase")
    assert await thief.end() is LOGIN_FAILED
    assert await world.sessions.list(ana.user_id) == []
    assert await refused(_try(world, "ana@b.co", PASSWORD)) is LOGIN_FAILED
    await _try(world, "ana@b.co", "quite another phrase")


async def test_a_log_in_under_way_does_not_survive_the_accounts_end(database: Database) -> None:
    """I10: not even hidden, until the account works again."""
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    under_way = await HeldLogin.begin(world, "ana@b.co")
    await world.accounts.disable(ana.user_id)
    assert await under_way.end() is LOGIN_FAILED
    await world.accounts.enable(ana.user_id)
    assert await world.sessions.list(ana.user_id) == []


async def test_a_whole_ipv6_site_is_one_address(database: Database) -> None:
    world = await PeopleWorld.make(database, FEW)
    await world.user("ana@b.co")
    for number in range(3):
        assert await refused(_try(world, "ana@b.co", address=f"2001:db8::{number}")) is LOGIN_FAILED
    assert await refused(_try(world, "ana@b.co", PASSWORD, address="2001:db8::ffff")) is LOGIN_THROTTLED
    await _try(world, "ana@b.co", PASSWORD, address="2001:db8:0:1::1")


async def test_strangers_lock_nobody_out_of_where_they_usually_are(database: Database) -> None:
    world = await PeopleWorld.make(database, FEW)
    await world.user("ana@b.co")
    await _try(world, "ana@b.co", PASSWORD)
    for number in range(9):
        await refused(_try(world, "ana@b.co", address=f"10.0.1.{number}"))
    assert await refused(_try(world, "ana@b.co", PASSWORD, address="10.0.2.1")) is LOGIN_THROTTLED
    await _try(world, "ana@b.co", PASSWORD)
    for _ in range(3):
        assert await refused(_try(world, "ana@b.co")) is LOGIN_FAILED
    assert await refused(_try(world, "ana@b.co", PASSWORD)) is LOGIN_THROTTLED


async def test_a_session_does_not_begin_in_a_disabled_organization(database: Database) -> None:
    world = await PeopleWorld.make(database)
    other = await world.directory.create_organization("Other")
    ana = await world.user("ana@b.co", Role.AGENT)
    await world.memberships.add(other.organization_id, ana.user_id, Role.VIEWER)
    for closed, opened in ((world.organization_id, other.organization_id), (other.organization_id, None)):
        await disable_organization(database, closed, world.clock())
        session, _ = await _try(world, "ana@b.co", PASSWORD)
        assert session.organization_id == opened
