"""The rooms that need nothing but the database: what is remembered, and who owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.eventlog.quarantine import Quarantine
from ponteio.storage.database import Database
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.link_intents import LinkIntents

SERVER_ID = "main"
"""The Evolution server that the environment names."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """Everything over one database, migrated and loaded."""

    database: Database
    directory: Directory
    keys: KeyRing
    intents: LinkIntents
    events: EventLog
    quarantine: Quarantine
    gaps: GapLog

    @classmethod
    async def open(cls, database_url: str, *, checkpoints: bool) -> Self:
        """Open, migrate and load. `checkpoints` is the gateway's alone (`Database.open`). Raises `StorageError`."""
        database = await Database.open(database_url, checkpoints=checkpoints)
        try:
            await database.migrate()
            directory = Directory(database)
            await directory.load()
        except BaseException:
            await database.close()
            raise
        return cls(
            database=database,
            directory=directory,
            keys=KeyRing(database),
            intents=LinkIntents(database),
            events=EventLog(database),
            quarantine=Quarantine(database),
            gaps=GapLog(database),
        )

    async def close(self) -> None:
        """Let go of the database."""
        await self.database.close()
