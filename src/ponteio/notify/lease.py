"""Of several processes over one database, one does what a lease is for."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, update

from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import process_leases
from ponteio.storage.statements import insert_new

VALID = timedelta(seconds=30)
RENEWED = timedelta(seconds=10)


class Lease:
    """`await hold()` again and again; True while this process is the one. `await release()` lets another be it at once.

    Between two looks the answer is from memory: a holder that could not renew in time does not believe itself any more
    before another can have taken over.
    """

    def __init__(self, database: Database, name: str, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._holder = secrets.token_hex(8)
        self._asked_at: datetime | None = None
        self._expires_at: datetime | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process is the one, as far as it knows without asking."""
        return self._expires_at is not None and self._clock() < self._expires_at

    async def hold(self) -> bool:
        """Whether this process is the one. Raises `StorageError`."""
        now = self._clock()
        if self._asked_at is not None and timedelta(0) <= now - self._asked_at < RENEWED:
            return self.is_held
        expires_at = now + VALID
        is_ours = await self._take(now, expires_at)
        self._asked_at = now
        self._expires_at = expires_at if is_ours else None
        return is_ours

    async def release(self) -> None:
        """This process is the one no more. Harmless when it was not."""
        self._asked_at = self._expires_at = None
        mine = (process_leases.c.name == self._name, process_leases.c.holder == self._holder)
        async with self._database.write() as connection:
            await connection.execute(delete(process_leases).where(*mine))

    async def _take(self, now: datetime, expires_at: datetime) -> bool:
        lease = process_leases.c
        free = or_(lease.holder == self._holder, lease.expires_at <= now)
        values = {"holder": self._holder, "expires_at": expires_at}
        async with self._database.write() as connection:
            taken = await connection.execute(
                update(process_leases).where(lease.name == self._name, free).values(values)
            )
            if taken.rowcount == 1:
                return True
            new = insert_new(process_leases, self._database.dialect).values({"name": self._name, **values})
            return (await connection.execute(new.returning(lease.name))).one_or_none() is not None
