from __future__ import annotations

import asyncio

from tests.support.machine_world import refused
from tests.support.people_world import PASSWORD, PeopleWorld

from ponteio.model.outcome import (
    EMAIL_TAKEN,
    INVALID_NAME,
    INVITATION_INVALID,
    LOGIN_FAILED,
    NOT_FOUND,
    WEAK_PASSWORD,
)
from ponteio.model.rights import Role
from ponteio.storage.database import Database
from ponteio.tenancy.invitations import join_link

NEW = "another long password"


async def test_a_link_makes_one_member_and_is_used_up(database: Database) -> None:
    world = await PeopleWorld.make(database)
    made, token = await world.invitations.create(world.organization_id, Role.AGENT, created_by="usr_boss")
    assert await world.invitations.look(token) == made
    assert await world.invitations.list(world.organization_id) == [made]
    assert token not in repr(made)
    joins = await asyncio.gather(
        *(world.invitations.accept(token, email=f"{n}@b.co", name="N", password=PASSWORD) for n in range(4)),
        return_exceptions=True,
    )
    assert [getattr(end, "outcome", None) for end in joins].count(INVITATION_INVALID) == 3
    assert [it.role for _, it in await world.memberships.members(world.organization_id)] == [Role.AGENT]
    assert len(await world.accounts.list()) == 1
    assert await world.invitations.list(world.organization_id) == []


async def test_what_cannot_be_accepted_leaves_the_link_good(database: Database) -> None:
    world = await PeopleWorld.make(database)
    await world.user("taken@b.co")
    _, token = await world.invitations.create(world.organization_id, Role.AGENT)
    accept = world.invitations.accept
    assert await refused(accept(token, email="Taken@b.co", name="N", password=PASSWORD)) is EMAIL_TAKEN
    assert await refused(accept(token, email="new@b.co", name="N", password="short")) is WEAK_PASSWORD
    assert await refused(accept(token, email="nobody", name="N", password=PASSWORD)) is INVALID_NAME
    await accept(token, email="new@b.co", name="N", password=PASSWORD)


async def test_a_link_for_one_address_is_for_nobody_else(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana, bob = await world.user("ana@b.co"), await world.user("bob@b.co")
    _, token = await world.invitations.create(world.organization_id, Role.ADMIN, email="Ana@B.co")
    assert await refused(world.invitations.accept_as(token, bob.user_id)) is INVITATION_INVALID
    accept = world.invitations.accept(token, email="eve@b.co", name="E", password=PASSWORD)
    assert await refused(accept) is INVITATION_INVALID
    await world.invitations.accept_as(token, ana.user_id)
    assert [it.role for it in await world.memberships.of_user(ana.user_id)] == [Role.ADMIN]
    assert await refused(world.invitations.create(world.organization_id, Role.AGENT, email="x")) is INVALID_NAME


async def test_an_operators_link_makes_an_operator_and_no_member(database: Database) -> None:
    world = await PeopleWorld.make(database)
    _, token = await world.invitations.create(None, Role.OPERATOR)
    made = await world.invitations.accept(token, email="op@b.co", name="Op", password=PASSWORD)
    assert made.is_operator
    assert await world.memberships.of_user(made.user_id) == []
    _, token = await world.invitations.create(None, Role.OPERATOR)
    ana = await world.user("ana@b.co")
    await world.invitations.accept_as(token, ana.user_id)
    again = await world.accounts.get(ana.user_id)
    assert again is not None
    assert again.is_operator
    for organization_id, role in ((None, Role.ADMIN), (world.organization_id, Role.OPERATOR), ("org_none", Role.AGENT)):
        assert await refused(world.invitations.create(organization_id, role)) is NOT_FOUND


async def test_time_and_revocation_end_a_link(database: Database) -> None:
    """I10: and only its organization can revoke it."""
    world = await PeopleWorld.make(database)
    other = await world.directory.create_organization("Other")
    made, token = await world.invitations.create(world.organization_id, Role.AGENT)
    for organization_id in (other.organization_id, None):
        assert await refused(world.invitations.revoke(organization_id, made.invitation_id)) is NOT_FOUND
    await world.invitations.look(token)
    await world.invitations.revoke(world.organization_id, made.invitation_id)
    await world.invitations.revoke(world.organization_id, made.invitation_id)
    assert await refused(world.invitations.look(token)) is INVITATION_INVALID
    _, late = await world.invitations.create(world.organization_id, Role.AGENT)
    world.clock.turn(hours=72)
    accept = world.invitations.accept(late, email="a@b.co", name="N", password=PASSWORD)
    assert await refused(accept) is INVITATION_INVALID
    assert await refused(world.invitations.look("pni_nothing")) is INVITATION_INVALID
    world.clock.turn(days=40)
    assert await world.invitations.prune() == 2


async def test_a_new_password_by_link_ends_all_sessions(database: Database) -> None:
    """I10: whoever knew the old password is out."""
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    session_id, _ = await world.session(ana)
    _, token = await world.invitations.create_password_reset(ana.user_id, created_by=None)
    assert await world.invitations.list(None) == []
    assert await refused(world.invitations.reset_password(token, "short")) is WEAK_PASSWORD
    assert (await world.invitations.reset_password(token, NEW)).user_id == ana.user_id
    assert await world.sessions.current([session_id]) == {}
    await world.login.log_in("ana@b.co", NEW, address=None, agent=None)
    assert await refused(world.login.log_in("ana@b.co", PASSWORD, address=None, agent=None)) is LOGIN_FAILED
    assert await refused(world.invitations.reset_password(token, NEW)) is INVITATION_INVALID
    assert await refused(world.invitations.create_password_reset("usr_none", created_by=None)) is NOT_FOUND


async def test_each_kind_of_link_does_its_own_thing_only(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    _, reset = await world.invitations.create_password_reset(ana.user_id, created_by=None)
    accept = world.invitations.accept(reset, email="eve@b.co", name="E", password=PASSWORD)
    assert await refused(accept) is INVITATION_INVALID
    assert await refused(world.invitations.accept_as(reset, ana.user_id)) is INVITATION_INVALID
    _, join = await world.invitations.create(world.organization_id, Role.AGENT)
    assert await refused(world.invitations.reset_password(join, NEW)) is INVITATION_INVALID
    assert await world.accounts.by_email("eve@b.co") is None


def test_the_token_of_a_link_is_sent_to_nobody() -> None:
    assert join_link("https://p.example", "pni_x") == "https://p.example/join#token=pni_x"


async def test_a_link_lowers_nobody(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co", Role.AGENT)
    for role, becomes in ((Role.VIEWER, Role.AGENT), (Role.ADMIN, Role.ADMIN), (Role.VIEWER, Role.ADMIN)):
        _, token = await world.invitations.create(world.organization_id, role)
        await world.invitations.accept_as(token, ana.user_id)
        assert [one.role for one in await world.memberships.of_user(ana.user_id)] == [becomes]


async def test_a_new_password_ends_the_other_links_to_one(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana, bob = await world.user("ana@b.co"), await world.user("bob@b.co")
    links = [(await world.invitations.create_password_reset(ana.user_id, created_by=None))[1] for _ in range(2)]
    _, bobs = await world.invitations.create_password_reset(bob.user_id, created_by=None)
    await world.invitations.reset_password(links[1], "quite another phrase")
    assert await refused(world.invitations.look(links[0])) is INVITATION_INVALID
    await world.accounts.set_password(bob.user_id, "quite another phrase")
    assert await refused(world.invitations.look(bobs)) is INVITATION_INVALID
