from __future__ import annotations

import asyncio

import pytest
from tests.support.machine_world import refused
from tests.support.people import HeldHasher
from tests.support.people_world import PASSWORD, PeopleWorld

from ponteio.model.outcome import (
    EMAIL_TAKEN,
    INVALID_NAME,
    INVITATION_INVALID,
    LAST_ADMIN,
    LOGIN_FAILED,
    LOGIN_THROTTLED,
    NOT_FOUND,
    WEAK_PASSWORD,
)
from ponteio.model.rights import Role
from ponteio.storage.database import Database
from ponteio.tenancy.accounts import CHANGES_TRIED, MAX_EMAIL, Accounts, email_key
from ponteio.tenancy.passwords import Passwords

NEW = "another long password"


async def test_an_address_is_one_persons_in_whatever_case(database: Database) -> None:
    world = await PeopleWorld.make(database)
    made = await world.accounts.create(" Ana@Example.com ", "Ana", PASSWORD)
    assert made.email == "Ana@Example.com"
    assert await world.accounts.by_email("ANA@EXAMPLE.COM") == made
    assert await world.accounts.get(made.user_id) == made
    assert await refused(world.accounts.create("ana@example.COM", "Other", PASSWORD)) is EMAIL_TAKEN
    assert await world.accounts.list() == [made]
    assert PASSWORD not in repr(made)


@pytest.mark.parametrize(
    "email", ["", "ana", "@b.co", "a@", "a@@b.co", "a b@c.co", "a\n@b.co", "a@b.co\u202e", "a@" + "b" * MAX_EMAIL]
)
async def test_what_is_no_address_is_refused(database: Database, email: str) -> None:
    world = await PeopleWorld.make(database)
    assert await refused(world.accounts.create(email, "Ana", PASSWORD)) is INVALID_NAME


async def test_names_and_passwords_are_judged(database: Database) -> None:
    world = await PeopleWorld.make(database)
    for name in ("", "x" * 101, "a\u2028b"):
        assert await refused(world.accounts.create("a@b.co", name, PASSWORD)) is INVALID_NAME
    assert await refused(world.accounts.create("a@b.co", "Ana", "ana")) is WEAK_PASSWORD
    made = await world.user("a@b.co")
    assert (await world.accounts.rename(made.user_id, " Ana S. ")).name == "Ana S."
    assert await refused(world.accounts.rename("usr_none", "Ana")) is NOT_FOUND


async def test_a_new_password_ends_every_other_session(database: Database) -> None:
    """I10: a stolen session does not outlive the password."""
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    kept, other = await world.session(ana), await world.session(ana)
    change = world.accounts.change_password
    assert await refused(change(ana.user_id, "wrong password", NEW)) is LOGIN_FAILED
    assert await refused(change(ana.user_id, PASSWORD, "short")) is WEAK_PASSWORD
    assert set(await world.sessions.current([kept[0], other[0]])) == {kept[0], other[0]}
    await change(ana.user_id, PASSWORD, NEW, keep_session_id=kept[0])
    assert set(await world.sessions.current([kept[0], other[0]])) == {kept[0]}
    assert await refused(world.login.log_in("ana@b.co", PASSWORD, address=None, agent=None)) is LOGIN_FAILED
    await world.login.log_in("ana@b.co", NEW, address=None, agent=None)
    assert await refused(world.accounts.set_password("usr_none", NEW)) is NOT_FOUND
    assert await refused(change("usr_none", PASSWORD, NEW)) is LOGIN_FAILED


async def test_a_disabled_account_is_out_at_once(database: Database) -> None:
    """I10: and comes back without its old sessions."""
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    session_id, _ = await world.session(ana)
    await world.accounts.disable(ana.user_id)
    assert await world.sessions.current([session_id]) == {}
    assert await refused(world.login.log_in("ana@b.co", PASSWORD, address=None, agent=None)) is LOGIN_FAILED
    await world.accounts.enable(ana.user_id)
    assert await world.sessions.current([session_id]) == {}
    await world.login.log_in("ana@b.co", PASSWORD, address=None, agent=None)
    for work in (world.accounts.disable("usr_none"), world.accounts.enable("usr_none")):
        assert await refused(work) is NOT_FOUND


async def test_the_deployment_keeps_an_operator(database: Database) -> None:
    world = await PeopleWorld.make(database)
    assert not await world.accounts.has_operator()
    one, two = await world.user("one@b.co", operator=True), await world.user("two@b.co", operator=True)
    ends = await asyncio.gather(
        world.accounts.disable(one.user_id), world.accounts.disable(two.user_id), return_exceptions=True
    )
    assert [getattr(end, "outcome", None) for end in ends].count(LAST_ADMIN) == 1
    assert await world.accounts.has_operator()


def test_the_key_of_an_address_is_the_same_for_every_spelling() -> None:
    assert email_key(" JOÃO@x.co") == email_key("joa\u0303o@X.CO")


async def test_a_disabled_account_leaves_no_working_link(database: Database) -> None:
    """I10: nobody comes back by a link that they made before."""
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    _, token = await world.invitations.create(None, Role.OPERATOR, created_by=ana.user_id)
    await world.accounts.disable(ana.user_id)
    assert await refused(world.invitations.look(token)) is INVITATION_INVALID


async def test_a_stolen_session_does_not_guess_the_password_for_ever(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana, bob = await world.user("ana@b.co"), await world.user("bob@b.co")
    for _ in range(CHANGES_TRIED):
        assert await refused(world.accounts.change_password(ana.user_id, "wrong", NEW)) is LOGIN_FAILED
    assert await refused(world.accounts.change_password(ana.user_id, PASSWORD, NEW)) is LOGIN_THROTTLED
    await world.accounts.change_password(bob.user_id, PASSWORD, NEW)


async def test_of_two_changes_by_one_password_the_second_comes_too_late(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    hasher = HeldHasher()
    late = Accounts(database, Passwords(hasher), world.clock)
    change = asyncio.create_task(late.change_password(ana.user_id, PASSWORD, "what a thief would like"))
    await hasher.holds(1)
    await world.accounts.set_password(ana.user_id, NEW)
    hasher.release.set()
    assert await refused(change) is LOGIN_FAILED
    await world.login.log_in("ana@b.co", NEW, address=None, agent=None)


async def test_a_hash_is_shown_by_no_text_of_what_holds_it(database: Database) -> None:
    """I5: a hash in a log line could be worked on at leisure."""
    world = await PeopleWorld.make(database)
    await world.user("ana@b.co")
    found = await world.accounts.credentials("ana@b.co")
    made = await world.accounts.prepared("bob@b.co", "Bob", PASSWORD, is_operator=False)
    assert "argon2" not in f"{found!r} {made!r} {found} {made}"


async def test_a_hash_made_anew_does_not_bring_a_former_password_back(database: Database) -> None:
    """I10: it is written only over the hash that it was made from."""
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    former = await world.accounts.credentials("ana@b.co")
    assert former is not None
    await world.accounts.set_password(ana.user_id, NEW)
    await world.accounts.rehash(former, PASSWORD)
    assert await refused(world.login.log_in("ana@b.co", PASSWORD, address=None, agent=None)) is LOGIN_FAILED
    await world.login.log_in("ana@b.co", NEW, address=None, agent=None)
