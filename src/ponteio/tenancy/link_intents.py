"""What a person connected or disconnected by hand: it outlives the process."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.link import LinkTarget
from ponteio.storage.database import Database
from ponteio.storage.statements import put_row
from ponteio.storage.tables import link_intents


class LinkIntents:
    """Wanted or not wanted, by link target; a target without an entry follows the settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, server_id: str) -> dict[LinkTarget, bool]:
        """Every intent about this server."""
        statement = select(link_intents).where(link_intents.c.server_id == server_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {LinkTarget(server_id, None if row.namespace == "/" else row.namespace[1:]): row.wanted for row in rows}

    async def put(self, target: LinkTarget, wanted: bool) -> None:
        """The intent about `target` is `wanted`, whatever it was."""
        row = {"server_id": target.server_id, "namespace": target.namespace, "wanted": wanted}
        async with self._database.write() as connection:
            await connection.execute(put_row(link_intents, self._database.dialect, row))

    async def forget(self, target: LinkTarget) -> None:
        """There is no intent about `target`."""
        async with self._database.write() as connection:
            await forget_intent(connection, target)


async def forget_intent(connection: AsyncConnection, target: LinkTarget) -> None:
    """There is no intent about `target` once the transaction is committed."""
    here = (link_intents.c.server_id == target.server_id, link_intents.c.namespace == target.namespace)
    await connection.execute(delete(link_intents).where(*here))
