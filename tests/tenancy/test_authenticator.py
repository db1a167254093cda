from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import event
from tests.support.databases import opened
from tests.support.log_world import NOON
from tests.support.machine_world import SHARED_SECRET, MachineWorld, TurnableClock, refused
from tests.support.people_world import PeopleWorld

from ponteio.model.identity import Principal, User
from ponteio.model.outcome import (
    ACCESS_CHANGED,
    AUTH_INVALID,
    AUTH_REQUIRED,
    ORGANIZATION_DISABLED,
    REVOKED,
)
from ponteio.model.rights import CredentialKind, Role
from ponteio.storage.database import Database
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.authenticator import Authenticator


@dataclass(slots=True)
class Door:
    """One process's door, and another process that changes things behind its back."""

    here: MachineWorld
    elsewhere: MachineWorld
    people: PeopleWorld
    door: Authenticator
    ana: User

    async def key(self, **options: object) -> Principal:
        _, secret = await self.elsewhere.key(**options)
        return await self.door.handshake(secret)

    async def session(self, user: User | None = None, *, organization: bool = True) -> tuple[Principal, str]:
        owner = self.people.organization_id if organization else None
        _, token = await self.people.session(user or self.ana, owner)
        return await self.door.cookie(token), token

    async def ticket(self, **options: object) -> Principal:
        maker, _ = await self.elsewhere.key(**options)
        _, token = await self.elsewhere.tickets.mint(maker)
        return await self.door.handshake(token)

    async def signed(self) -> Principal:
        return await self.door.handshake(self.here.token())

    async def one_of_each(self) -> list[Principal]:
        return [await self.key(), (await self.session())[0], await self.ticket(), await self.signed()]


def _authenticator(world: MachineWorld, people: PeopleWorld) -> Authenticator:
    return Authenticator(world.directory, world.keys, world.tickets, world.signers, people.sessions, world.clock)


@pytest.fixture
async def door(database: Database, database_url: str) -> AsyncIterator[Door]:
    people = await PeopleWorld.make(database)
    here = await MachineWorld.elsewhere(database, people.organization_id, people.clock)
    await here.signers.put_secret(people.organization_id, SHARED_SECRET)
    ana = await people.user("ana@example.com", Role.ADMIN)
    await people.user("bia@example.com", Role.ADMIN)
    async with opened(database_url) as other:
        elsewhere = await MachineWorld.elsewhere(other, people.organization_id, people.clock)
        yield Door(here, elsewhere, people, _authenticator(here, people), ana)


@contextmanager
def _queries(database: Database) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    engine = database._engines.reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_every_credential_opens_its_door(door: Door) -> None:
    _, key = await door.here.key()
    _, session = await door.session()
    maker, _ = await door.here.key()
    _, ticket = await door.here.tickets.mint(maker)
    assert (await door.door.bearer(key)).kind is CredentialKind.KEY
    assert (await door.door.bearer(door.here.token())).kind is CredentialKind.JWT
    assert (await door.door.handshake(key)).kind is CredentialKind.KEY
    assert (await door.door.handshake(door.here.token())).kind is CredentialKind.JWT
    assert (await door.door.handshake(ticket)).kind is CredentialKind.TICKET
    assert (await door.door.cookie(session)).kind is CredentialKind.SESSION


async def test_a_credential_opens_no_other_door(door: Door) -> None:
    """I4: a ticket is for one socket, a session for its own browser."""
    _, key = await door.here.key()
    _, session = await door.session()
    maker, _ = await door.here.key()
    _, ticket = await door.here.tickets.mint(maker)
    assert await refused(door.door.bearer(ticket)) is AUTH_INVALID
    for wrong in (session, f"Bearer {key}", key + "\n"):
        assert await refused(door.door.bearer(wrong)) is AUTH_INVALID
        assert await refused(door.door.handshake(wrong)) is AUTH_INVALID
    for wrong in (key, ticket, door.here.token()):
        assert await refused(door.door.cookie(wrong)) is AUTH_INVALID
    assert (await door.door.handshake(ticket)).kind is CredentialKind.TICKET


@pytest.mark.parametrize("nothing", [None, ""])
async def test_without_a_credential_one_is_asked_for(door: Door, nothing: str | None) -> None:
    assert await refused(door.door.bearer(nothing)) is AUTH_REQUIRED
    assert await refused(door.door.handshake(nothing)) is AUTH_REQUIRED
    assert await refused(door.door.cookie("")) is AUTH_REQUIRED


@pytest.mark.parametrize(
    "junk",
    [0, False, b"pnt_x", ["pnt_x"], {"token": "x"}, "x", "pnt_", "ptk_", "..", "a.b", "a.b.c.d", "\ud800", "\x00"],
)
async def test_junk_is_refused(door: Door, junk: object) -> None:
    assert await refused(door.door.bearer(junk)) is AUTH_INVALID
    assert await refused(door.door.handshake(junk)) is AUTH_INVALID


@pytest.mark.parametrize("shape", ["x", "ptk_" + "x" * 9, "pns_" + "x" * 43, "pnt_" + "x" * 42, "a.b.", "x" * 10**6])
async def test_what_has_no_shape_of_ours_costs_no_query(door: Door, shape: str) -> None:
    """I7: guesses do not reach the database."""
    with _queries(door.here.database) as asked:
        assert await refused(door.door.bearer(shape)) is AUTH_INVALID
    assert asked == []


async def test_a_disabled_organization_lets_nobody_in(door: Door) -> None:
    """I10: by none of the doors, until it is enabled again. People may still leave, or go elsewhere."""
    _, key = await door.here.key()
    _, session = await door.session()
    maker, _ = await door.here.key()
    _, ticket = await door.here.tickets.mint(maker)
    await door.here.directory.set_disabled(door.here.organization_id, True)
    for work in (
        door.door.bearer(key),
        door.door.bearer(door.here.token()),
        door.door.handshake(ticket),
    ):
        assert await refused(work) is ORGANIZATION_DISABLED
    person = await door.door.cookie(session)
    assert (person.rights, person.scope, person.user_id) == (frozenset(), None, door.ana.user_id)
    operator = await door.people.user("op@example.com", operator=True)
    await door.session(operator, organization=False)
    await door.here.directory.set_disabled(door.here.organization_id, False)
    assert (await door.door.bearer(key)).kind is CredentialKind.KEY


# Who ended, and why.


async def test_nobody_ends_while_nothing_happens(door: Door) -> None:
    everybody = await door.one_of_each()
    assert await door.door.ended(everybody) == {}
    assert await door.door.ended([]) == {}
    door.people.clock.turn(hours=1)
    assert await door.door.ended(everybody) == {}


async def test_a_second_in_which_nothing_changed_costs_one_query(door: Door) -> None:
    everybody = await door.one_of_each()
    await door.door.ended(everybody)
    for _ in range(3):
        with _queries(door.here.database) as asked:
            assert await door.door.ended(everybody) == {}
        assert len(asked) == 1
    newcomer = await door.signed()
    with _queries(door.here.database) as asked:
        assert await door.door.ended([*everybody, replace(newcomer, user="bia")]) == {}
    assert len(asked) == 2


async def test_a_revoked_key_ends_and_so_do_its_tickets(door: Door) -> None:
    """I10: seen at the next look, whichever process revoked it."""
    key, other = await door.key(), await door.key()
    _, token = await door.elsewhere.tickets.mint(key)
    all_three = [key, other, await door.door.handshake(token)]
    assert await door.door.ended(all_three) == {}
    await door.elsewhere.keys.revoke(key.credential_id)
    assert await door.door.ended(all_three) == {key: REVOKED, all_three[2]: REVOKED}


async def test_a_key_ends_when_its_time_is_over(door: Door) -> None:
    """I10: without any change in the database."""
    key = await door.key(expires_at=NOON + timedelta(minutes=5))
    assert await door.door.ended([key]) == {}
    door.people.clock.turn(minutes=5)
    assert await door.door.ended([key]) == {key: REVOKED}


async def test_a_browser_whose_time_is_over_may_come_back(door: Door) -> None:
    """Its product gives it another ticket or token."""
    both = [await door.ticket(), await door.signed()]
    assert await door.door.ended(both) == {}
    door.people.clock.turn(hours=24)
    assert await door.door.ended(both) == dict.fromkeys(both, ACCESS_CHANGED)


async def test_a_changed_or_removed_signer_ends_its_tokens(door: Door) -> None:
    """I10: there is nothing else by which a token could be taken back."""
    signed = await door.signed()
    assert await door.door.ended([signed]) == {}
    await door.elsewhere.signers.put_secret(door.here.organization_id, SHARED_SECRET)
    assert await door.door.ended([signed]) == {signed: REVOKED}
    again = await door.signed()
    assert await door.door.ended([again]) == {}
    await door.elsewhere.signers.remove(door.here.organization_id)
    assert await door.door.ended([again]) == {again: REVOKED}


async def test_a_session_ends_with_a_log_out(door: Door) -> None:
    """I10: that one, and no other."""
    (one, _), (other, _) = await door.session(), await door.session()
    await door.people.sessions.close(one.credential_id)
    assert await door.door.ended([one, other]) == {one: REVOKED}


async def test_a_session_whose_rights_changed_must_come_back(door: Door) -> None:
    """I10: a lower role, no role, and another organization are each another access."""
    memberships, owner = door.people.memberships, door.people.organization_id
    session, _ = await door.session()
    assert await door.door.ended([session]) == {}
    await memberships.set_role(owner, door.ana.user_id, Role.VIEWER)
    assert await door.door.ended([session]) == {session: ACCESS_CHANGED}
    session, _ = await door.session()
    await memberships.remove(owner, door.ana.user_id)
    assert await door.door.ended([session]) == {session: ACCESS_CHANGED}


async def test_a_disabled_account_ends(door: Door) -> None:
    """I10: everywhere it is logged in."""
    sessions = [(await door.session())[0] for _ in range(2)]
    await door.people.accounts.disable(door.ana.user_id)
    assert await door.door.ended(sessions) == dict.fromkeys(sessions, REVOKED)


async def test_a_disabled_organization_ends_everybody_who_acts_for_it(door: Door) -> None:
    """I10: though our own image of it is older."""
    everybody = await door.one_of_each()
    operator = await door.people.user("op@example.com", operator=True)
    outside, _ = await door.session(operator, organization=False)
    assert await door.door.ended([*everybody, outside]) == {}
    await door.elsewhere.directory.set_disabled(door.here.organization_id, True)
    assert await door.door.ended([*everybody, outside]) == dict.fromkeys(everybody, ORGANIZATION_DISABLED)
    await door.elsewhere.directory.set_disabled(door.here.organization_id, False)
    assert await door.door.ended([*everybody, outside]) == {}


async def test_whoever_came_after_the_last_look_is_looked_at(door: Door) -> None:
    """I10: what was revoked between the handshake and the first look must not slip through."""
    key = await door.key()
    await door.elsewhere.keys.revoke(key.credential_id)
    # Somebody else's look has seen this version already.
    assert await door.door.ended([]) == {}
    assert await door.door.ended([key]) == {key: REVOKED}


class _SlowKeys(KeyRing):
    """Keys whose answer takes its time on the way back, once."""

    def __init__(self, database: Database, clock: TurnableClock) -> None:
        super().__init__(database, clock)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def current(self, key_ids: Collection[str]) -> dict[str, Principal]:
        found = await super().current(key_ids)
        self.asked.set()
        await self.go_on.wait()
        return found


async def test_a_look_that_took_long_does_not_vouch_for_what_happened_meanwhile(door: Door) -> None:
    """I10: looks may overlap; each vouches for the version that it began with."""
    key = await door.key()
    keys = _SlowKeys(door.here.database, door.people.clock)
    here = door.here
    slow = Authenticator(here.directory, keys, here.tickets, here.signers, door.people.sessions, here.clock)
    look = asyncio.create_task(slow.ended([key]))
    await keys.asked.wait()
    await door.elsewhere.keys.revoke(key.credential_id)
    assert await slow.ended([]) == {}
    keys.go_on.set()
    assert await look == {}
    assert await slow.ended([key]) == {key: REVOKED}


async def test_those_who_left_are_forgotten(door: Door) -> None:
    """I7: memory follows those who are there."""
    principal = await door.signed()
    crowd = [replace(principal, user=f"user {number}") for number in range(3_000)]
    assert await door.door.ended(crowd) == {}
    assert len(door.door._good.until) == 3_000
    assert await door.door.ended(crowd[:5]) == {}
    assert len(door.door._good.until) == 5
