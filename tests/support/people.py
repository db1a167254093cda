"""Hashers that tell what they do, or wait to be told."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from argon2 import PasswordHasher
from sqlalchemy import update
from tests.support.people_world import PASSWORD, PeopleWorld

from ponteio.model.outcome import Outcome, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.tables import organizations
from ponteio.tenancy import versions
from ponteio.tenancy.accounts import Accounts
from ponteio.tenancy.login import LoginDesk
from ponteio.tenancy.passwords import Passwords

_PATIENCE_S = 10


class CountingHasher(PasswordHasher):
    """Quick, and keeps a list of the work it did."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.work: list[str] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.work.append("hash")
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.work.append("verify")
        return super().verify(hash, password)


class HeldHasher(PasswordHasher):
    """Knows whether a password is right, and says so when it is let go. `most` is how many it held at once."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.release = threading.Event()
        self.most = 0
        self._inside = 0
        self._lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        try:
            found = super().verify(hash, password)
            self.release.wait(_PATIENCE_S)
            return found
        finally:
            with self._lock:
                self._inside -= 1

    async def holds(self, number: int) -> None:
        """So many checks are held now."""
        async with asyncio.timeout(_PATIENCE_S):
            while self._inside != number:
                await asyncio.sleep(0.001)


@dataclass(slots=True)
class HeldLogin:
    """A log-in with the right password, known to be right and not answered yet."""

    hasher: HeldHasher
    task: asyncio.Task[object] = field(repr=False)

    @classmethod
    async def begin(cls, world: PeopleWorld, email: str, *, time_cost: int = 1) -> HeldLogin:
        """With another `time_cost` than the world's 1 the hash is outdated."""
        hasher = HeldHasher(time_cost)
        passwords = Passwords(hasher)
        accounts = Accounts(world.database, passwords, world.clock)
        desk = LoginDesk(accounts, world.sessions, passwords, world.memberships, world.clock)
        task: asyncio.Task[object] = asyncio.create_task(desk.log_in(email, PASSWORD, address="10.0.9.9", agent=None))
        await hasher.holds(1)
        return cls(hasher, task)

    async def end(self) -> Outcome | None:
        """How it was refused; None when it was not."""
        self.hasher.release.set()
        try:
            await self.task
        except RefusalError as error:
            return error.outcome
        return None


async def disable_organization(database: Database, organization_id: str, now: datetime) -> None:
    """The organization is disabled, as if by another process."""
    async with database.write() as connection:
        await versions.bump(connection)
        this = organizations.c.organization_id == organization_id
        await connection.execute(update(organizations).where(this).values(disabled_at=now))
