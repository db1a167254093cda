"""The rooms that need nothing but the database: what is remembered, who owns it, and who may ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ponteio.config import Settings
from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.link_journal import LinkJournal
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.quarantine import Quarantine
from ponteio.model.identity import Limits
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.event_runs import EventRuns
from ponteio.tenancy.instance_events import InstanceEvents
from ponteio.tenancy.invitations import Invitations
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.tenancy.login import LoginDesk
from ponteio.tenancy.memberships import Memberships
from ponteio.tenancy.passwords import Passwords
from ponteio.tenancy.servers import Servers
from ponteio.tenancy.tickets import Tickets
from ponteio.tenancy.token_signers import TokenSigners
from ponteio.tenancy.user_sessions import UserSessions

SERVER_ID = "main"
"""The Evolution server that the environment names."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """Everything over one database, migrated and loaded."""

    database: Database
    vault: Vault
    directory: Directory
    servers: Servers
    accounts: Accounts
    memberships: Memberships
    sessions: UserSessions
    invitations: Invitations
    login: LoginDesk
    keys: KeyRing
    tickets: Tickets
    signers: TokenSigners
    authenticator: Authenticator
    audit: AuditLog
    intents: LinkIntents
    wishes: InstanceEvents
    event_runs: EventRuns
    events: EventLog
    quarantine: Quarantine
    gaps: GapLog
    journal: LinkJournal

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        checkpoints: bool,
        limits: Limits | None = None,
        counters: Counters | None = None,
    ) -> Self:
        """Open, migrate and load. `checkpoints` is the gateway's alone (`Database.open`); `limits` are those of
        organizations for which the operator set none. Raises `StorageError`.
        """
        database = await Database.open(settings.database_url, checkpoints=checkpoints)
        try:
            await database.migrate()
            directory = Directory(database, default_limits=limits or Limits(), default_keep_days=settings.keep_days)
            await directory.load()
            vault = Vault.of(settings.secret_key.get_secret_value(), settings.secret_file)
        except BaseException:
            await database.close()
            raise
        passwords = Passwords()
        accounts = Accounts(database, passwords)
        memberships = Memberships(database)
        sessions = UserSessions(database)
        keys, tickets, signers = KeyRing(database), Tickets(database, counters=counters), TokenSigners(database, vault)
        return cls(
            database=database,
            vault=vault,
            directory=directory,
            servers=Servers(database, directory, vault),
            accounts=accounts,
            memberships=memberships,
            sessions=sessions,
            invitations=Invitations(database, accounts),
            login=LoginDesk(accounts, sessions, passwords, memberships),
            keys=keys,
            tickets=tickets,
            signers=signers,
            authenticator=Authenticator(directory, keys, tickets, signers, sessions),
            audit=AuditLog(database),
            intents=LinkIntents(database),
            wishes=InstanceEvents(database),
            event_runs=EventRuns(database),
            events=EventLog(database),
            quarantine=Quarantine(database),
            gaps=GapLog(database),
            journal=LinkJournal(database),
        )

    async def close(self) -> None:
        """Let go of the database."""
        await self.database.close()
