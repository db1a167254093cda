from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.machine_world import MachineWorld, refused
from tests.support.people import disable_organization
from tests.support.people_world import PeopleWorld

from ponteio.model.outcome import AUTH_INVALID, NOT_FOUND, ORGANIZATION_DISABLED, ORGANIZATION_NOT_FOUND, REVOKED
from ponteio.model.rights import CredentialKind, Right, Role
from ponteio.model.sight import Sight
from ponteio.storage.database import Database
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.identifiers import new_secret
from ponteio.tenancy.permissions import ROLE_RIGHTS
from ponteio.tenancy.user_sessions import csrf_token


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT, Role.VIEWER])
async def test_a_session_has_the_rights_of_the_role_it_acts_in(database: Database, role: Role) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co", role, operator=True)
    session_id, token = await world.session(ana, world.organization_id)
    principal = await world.sessions.authenticate(token)
    assert (principal.kind, principal.credential_id) == (CredentialKind.SESSION, session_id)
    assert (principal.user, principal.user_id) == (ana.user_id, ana.user_id)
    assert principal.rights == ROLE_RIGHTS[role]
    assert Right.OPERATE not in principal.rights
    assert principal.scope is not None
    assert principal.scope.organization_id == world.organization_id
    assert principal.scope.sight == Sight(content=role is not Role.VIEWER, pairing=role is not Role.VIEWER)
    assert await world.sessions.current([session_id]) == {session_id: principal}


async def test_without_an_organization_an_operator_operates_and_nobody_else_does(database: Database) -> None:
    world = await PeopleWorld.make(database)
    _, token = await world.session(await world.user("op@b.co", operator=True))
    operator = await world.sessions.authenticate(token)
    assert operator.is_operator
    assert operator.scope is None
    _, token = await world.session(await world.user("ana@b.co", Role.ADMIN))
    nobody = await world.sessions.authenticate(token)
    assert (nobody.rights, nobody.scope) == (frozenset(), None)


async def test_who_is_no_member_any_more_keeps_the_session_and_loses_the_rights(database: Database) -> None:
    """I10: the role is looked up at every use."""
    world = await PeopleWorld.make(database)
    await world.user("boss@b.co", Role.ADMIN)
    ana = await world.user("ana@b.co", Role.AGENT)
    _, token = await world.session(ana, world.organization_id)
    await world.memberships.set_role(world.organization_id, ana.user_id, Role.VIEWER)
    assert (await world.sessions.authenticate(token)).rights == ROLE_RIGHTS[Role.VIEWER]
    await world.memberships.remove(world.organization_id, ana.user_id)
    lost = await world.sessions.authenticate(token)
    assert (lost.rights, lost.scope, lost.user_id) == (frozenset(), None, ana.user_id)


async def test_switching_is_for_members_only(database: Database) -> None:
    world = await PeopleWorld.make(database)
    other = await world.directory.create_organization("Other")
    ana = await world.user("ana@b.co", Role.VIEWER)
    await world.memberships.add(other.organization_id, ana.user_id, Role.ADMIN)
    session_id, token = await world.session(ana, world.organization_id)
    switched = await world.sessions.switch(session_id, other.organization_id)
    assert switched.rights == ROLE_RIGHTS[Role.ADMIN]
    assert await world.sessions.authenticate(token) == switched
    foreign = await world.directory.create_organization("Foreign")
    for organization_id in (foreign.organization_id, "org_none", None):
        assert await refused(world.sessions.switch(session_id, organization_id)) is ORGANIZATION_NOT_FOUND
    assert await world.sessions.authenticate(token) == switched
    assert await refused(world.sessions.switch("ses_none", other.organization_id)) is AUTH_INVALID
    operator, _ = await world.session(await world.user("op@b.co", operator=True))
    assert (await world.sessions.switch(operator, None)).is_operator


async def test_only_the_token_opens_and_only_its_hash_is_stored(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    session_id, token = await world.session(ana)
    for wrong in ("", token[:-1], token + "x", session_id, new_secret("pns_"), new_secret("pnt_")):
        assert await refused(world.sessions.authenticate(wrong)) is AUTH_INVALID
    found = await world.sessions.get(session_id)
    assert found is not None
    assert token not in repr(found)
    assert await world.sessions.get("ses_none") is None
    assert token not in csrf_token(token)
    assert csrf_token(token) == csrf_token(token) != csrf_token(token + "x")


async def test_a_session_ends_when_it_is_closed(database: Database) -> None:
    """I10: by its holder, one or all of them."""
    world = await PeopleWorld.make(database)
    ana, bob = await world.user("ana@b.co"), await world.user("bob@b.co")
    (first, first_token), (second, _), (third, _) = [await world.session(ana) for _ in range(3)]
    assert await refused(world.sessions.close(first, user_id=bob.user_id)) is NOT_FOUND
    await world.sessions.close(first, user_id=ana.user_id)
    await world.sessions.close(first)
    assert await refused(world.sessions.authenticate(first_token)) is AUTH_INVALID
    assert {one.session_id for one in await world.sessions.list(ana.user_id)} == {second, third}
    await world.sessions.close_all(ana.user_id, keep=third)
    assert set(await world.sessions.current([first, second, third])) == {third}
    assert await refused(world.sessions.close("ses_none")) is NOT_FOUND


async def test_time_ends_a_session(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    _, idle = await world.session(ana)
    _, used = await world.session(ana)
    for _ in range(9):
        world.clock.turn(days=3)
        await world.sessions.authenticate(used)
    assert await refused(world.sessions.authenticate(idle)) is AUTH_INVALID
    assert len(await world.sessions.list(ana.user_id)) == 1
    world.clock.turn(days=3)
    assert await refused(world.sessions.authenticate(used)) is AUTH_INVALID
    assert await world.sessions.list(ana.user_id) == []
    assert await world.sessions.prune() == 0
    world.clock.turn(days=31)
    assert await world.sessions.prune() == 2


async def test_use_is_noted_at_most_once_a_minute(database: Database) -> None:
    world = await PeopleWorld.make(database)
    session_id, token = await world.session(await world.user("ana@b.co"))
    start = world.clock.now
    for turned_s, noted_s in ((30, 0), (40, 70), (30, 70)):
        world.clock.turn(seconds=turned_s)
        await world.sessions.authenticate(token)
        found = await world.sessions.get(session_id)
        assert found is not None
        assert found.seen_at == start + timedelta(seconds=noted_s)


async def test_an_account_that_is_not_there_has_no_session(database: Database) -> None:
    world = await PeopleWorld.make(database)
    assert await refused(world.sessions.open("usr_none", None, address=None, agent=None)) is NOT_FOUND


async def test_a_socket_ends_with_a_session_that_nobody_uses(database: Database) -> None:
    """I10: also when nothing in the database changed since."""
    world = await PeopleWorld.make(database)
    _, token = await world.session(await world.user("ana@b.co", Role.AGENT), world.organization_id)
    machines = await MachineWorld.elsewhere(database, world.organization_id, world.clock)
    door = Authenticator(
        machines.directory, machines.keys, machines.tickets, machines.signers, world.sessions, world.clock
    )
    socket = await door.cookie(token)
    assert await door.ended([socket]) == {}
    world.clock.turn(days=5)
    await door.cookie(token)
    world.clock.turn(days=5)
    assert await door.ended([socket]) == {}
    world.clock.turn(days=2)
    assert await door.ended([socket]) == {socket: REVOKED}


async def test_nobody_switches_into_a_disabled_organization(database: Database) -> None:
    world = await PeopleWorld.make(database)
    other = await world.directory.create_organization("Other")
    ana = await world.user("ana@b.co", Role.VIEWER)
    await world.memberships.add(other.organization_id, ana.user_id, Role.ADMIN)
    session_id, token = await world.session(ana, world.organization_id)
    await disable_organization(database, other.organization_id, world.clock())
    assert await refused(world.sessions.switch(session_id, other.organization_id)) is ORGANIZATION_DISABLED
    assert (await world.sessions.authenticate(token)).rights == ROLE_RIGHTS[Role.VIEWER]
    await world.sessions.close(session_id)
    assert await refused(world.sessions.switch(session_id, world.organization_id)) is AUTH_INVALID


async def test_a_disabled_account_opens_no_session(database: Database) -> None:
    world = await PeopleWorld.make(database)
    ana = await world.user("ana@b.co")
    await world.accounts.disable(ana.user_id)
    assert await refused(world.sessions.open(ana.user_id, None, address=None, agent=None)) is AUTH_INVALID
