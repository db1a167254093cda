from __future__ import annotations

import asyncio

from tests.support.machine_world import refused
from tests.support.people_world import PeopleWorld

from ponteio.model.outcome import INVALID_REQUEST, INVITATION_INVALID, LAST_ADMIN, NOT_FOUND
from ponteio.model.rights import Role
from ponteio.storage.database import Database


async def test_members_are_listed_with_their_roles(database: Database) -> None:
    world = await PeopleWorld.make(database)
    other = await world.directory.create_organization("Other")
    bob, ana = await world.user("bob@b.co", Role.VIEWER), await world.user("Ana@b.co", Role.ADMIN)
    await world.memberships.add(other.organization_id, bob.user_id, Role.ADMIN)
    found = await world.memberships.members(world.organization_id)
    assert [(user, membership.role) for user, membership in found] == [(ana, Role.ADMIN), (bob, Role.VIEWER)]
    assert {one.organization_id: one.role for one in await world.memberships.of_user(bob.user_id)} == {
        world.organization_id: Role.VIEWER,
        other.organization_id: Role.ADMIN,
    }


async def test_adding_again_sets_the_role(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co", Role.VIEWER)
    await world.memberships.add(world.organization_id, ana.user_id, Role.AGENT)
    assert [one.role for one in await world.memberships.of_user(ana.user_id)] == [Role.AGENT]
    assert await refused(world.memberships.add(world.organization_id, "usr_none", Role.AGENT)) is NOT_FOUND
    assert await refused(world.memberships.add("org_none", ana.user_id, Role.AGENT)) is NOT_FOUND
    assert await refused(world.memberships.add(world.organization_id, ana.user_id, Role.OPERATOR)) is INVALID_REQUEST


async def test_a_member_of_another_organization_is_nobody_here(database: Database) -> None:
    """I4: an id of somebody else's member is as good as a random one."""
    world = await PeopleWorld.make(database)
    other = await world.directory.create_organization("Other")
    ana = await world.user("ana@b.co", Role.ADMIN)
    for user_id in (ana.user_id, "usr_none"):
        assert await refused(world.memberships.remove(other.organization_id, user_id)) is NOT_FOUND
        assert await refused(world.memberships.set_role(other.organization_id, user_id, Role.VIEWER)) is NOT_FOUND


async def test_an_organization_keeps_an_admin(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana, bob = await world.user("ana@b.co", Role.ADMIN), await world.user("bob@b.co", Role.AGENT)
    here = world.organization_id
    assert await refused(world.memberships.remove(here, ana.user_id)) is LAST_ADMIN
    assert await refused(world.memberships.set_role(here, ana.user_id, Role.VIEWER)) is LAST_ADMIN
    await world.memberships.set_role(here, ana.user_id, Role.ADMIN)
    await world.memberships.set_role(here, bob.user_id, Role.ADMIN)
    ends = await asyncio.gather(
        world.memberships.remove(here, ana.user_id), world.memberships.remove(here, bob.user_id), return_exceptions=True
    )
    assert [getattr(end, "outcome", None) for end in ends].count(LAST_ADMIN) == 1
    left = [membership.role for _, membership in await world.memberships.members(here)]
    assert left == [Role.ADMIN]


async def test_an_admin_whose_account_is_disabled_does_not_count(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana, bob = await world.user("ana@b.co", Role.ADMIN), await world.user("bob@b.co", Role.ADMIN)
    await world.accounts.disable(bob.user_id)
    assert await refused(world.memberships.remove(world.organization_id, ana.user_id)) is LAST_ADMIN


async def test_adding_the_only_admin_again_does_not_lower_them(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co", Role.ADMIN)
    assert await refused(world.memberships.add(world.organization_id, ana.user_id, Role.VIEWER)) is LAST_ADMIN
    assert [one.role for one in await world.memberships.of_user(ana.user_id)] == [Role.ADMIN]


async def test_who_was_sent_away_does_not_come_back_by_a_link_of_their_own(database: Database) -> None:
    """I10: what an admin handed out ends with the admin, in this organization."""
    world = await PeopleWorld.make(database)
    other = await world.directory.create_organization("Other")
    await world.user("boss@b.co", Role.ADMIN)
    for email, lose in (("ana@b.co", world.memberships.remove), ("bob@b.co", None)):
        user_id = (await world.user(email, Role.ADMIN)).user_id
        _, here = await world.invitations.create(world.organization_id, Role.ADMIN, created_by=user_id)
        _, there = await world.invitations.create(other.organization_id, Role.ADMIN, created_by=user_id)
        _, anothers = await world.invitations.create(world.organization_id, Role.ADMIN, created_by="usr_boss")
        if lose is not None:
            await lose(world.organization_id, user_id)
        else:
            await world.memberships.set_role(world.organization_id, user_id, Role.AGENT)
        assert await refused(world.invitations.look(here)) is INVITATION_INVALID
        await world.invitations.look(there)
        await world.invitations.look(anothers)
