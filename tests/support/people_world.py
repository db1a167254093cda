"""Accounts, sessions and links of one deployment, with a clock to turn and hashes that are quick to make."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher
from tests.support.machine_world import TurnableClock

from ponteio.model.identity import User
from ponteio.model.rights import Role
from ponteio.storage.database import Database
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.invitations import Invitations
from ponteio.tenancy.login import LoginDesk, LoginOptions
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import Passwords
from ponteio.tenancy.user_sessions import UserSessions

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(slots=True)
class PeopleWorld:
    """One organization and the people around it."""

    database: Database
    clock: TurnableClock
    organization_id: str
    directory: Directory
    passwords: Passwords
    accounts: Accounts
    memberships: Memberships
    sessions: UserSessions
    invitations: Invitations
    login: LoginDesk

    @classmethod
    async def make(cls, database: Database, options: LoginOptions | None = None) -> PeopleWorld:
        directory, clock, passwords = Directory(database), TurnableClock(), Passwords(QUICK)
        organization = await directory.create_organization("Acme")
        accounts = Accounts(database, passwords, clock)
        memberships, sessions = Memberships(database, clock), UserSessions(database, clock)
        return cls(
            database=database,
            clock=clock,
            organization_id=organization.organization_id,
            directory=directory,
            passwords=passwords,
            accounts=accounts,
            memberships=memberships,
            sessions=sessions,
            invitations=Invitations(database, accounts, clock),
            login=LoginDesk(accounts, sessions, passwords, memberships, clock, options),
        )

    async def user(self, email: str, role: Role | None = None, *, operator: bool = False) -> User:
        """A new account, a member of the organization if it has a role."""
        made = await self.accounts.create(email, email.partition("@")[0].title() + " X", PASSWORD, is_operator=operator)
        if role is not None:
            await self.memberships.add(self.organization_id, made.user_id, role)
        return made

    async def session(self, user: User, organization_id: str | None = None) -> tuple[str, str]:
        """A new session: its id and its token."""
        session, token = await self.sessions.open(user.user_id, organization_id, address="10.0.0.1", agent="Firefox")
        return session.session_id, token
