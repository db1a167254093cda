"""An organization, its credentials and a clock to turn, for tests of what machines may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from tests.support.log_world import NOON

from ponteio.model.identity import Principal
from ponteio.model.outcome import Outcome, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.tickets import Tickets
from ponteio.tenancy.token_signers import TokenSigners

SHARED_SECRET = "a secret of at least thirty-two bytes"
VAULT_KEY = Vault.new_key()


@dataclass(slots=True)
class TurnableClock:
    """A clock that stands until it is turned."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(slots=True)
class MachineWorld:
    """One organization with all that machines need, as one process holds it."""

    database: Database
    organization_id: str
    clock: TurnableClock
    directory: Directory
    keys: KeyRing
    tickets: Tickets
    signers: TokenSigners

    @classmethod
    async def make(cls, database: Database, name: str = "Acme") -> MachineWorld:
        organization = await Directory(database).create_organization(name)
        return await cls.elsewhere(database, organization.organization_id, TurnableClock())

    @classmethod
    async def elsewhere(cls, database: Database, organization_id: str, clock: TurnableClock) -> MachineWorld:
        """The same organization as another process holds it."""
        directory = Directory(database)
        await directory.load()
        return cls(
            database=database,
            organization_id=organization_id,
            clock=clock,
            directory=directory,
            keys=KeyRing(database, clock),
            tickets=Tickets(database, clock),
            signers=TokenSigners(database, Vault([VAULT_KEY]), clock),
        )

    async def key(self, **options: object) -> tuple[Principal, str]:
        """A new key of the organization, authenticated, and its secret."""
        _, secret = await self.keys.create(self.organization_id, "CRM", **options)  # type: ignore[arg-type]
        return await self.keys.authenticate(secret), secret

    def claims(self, **claims: object) -> dict[str, object]:
        """What a good token of the organization says; `claims` replace, None leaves out."""
        now_s = int(self.clock().timestamp())
        usual = {"iss": self.organization_id, "aud": "ponteio", "sub": "ana", "iat": now_s, "exp": now_s + 60}
        return {name: value for name, value in {**usual, **claims}.items() if value is not None}

    def token(self, **claims: object) -> str:
        """A token that the organization's shared secret signed."""
        return jwt.encode(self.claims(**claims), SHARED_SECRET, algorithm="HS256")


async def refused(work: object) -> Outcome:
    """How the awaitable `work` is refused."""
    try:
        result = await work  # type: ignore[misc]
    except RefusalError as error:
        return error.outcome
    raise AssertionError(f"nothing was refused: {type(result).__name__}")
