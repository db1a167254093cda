"""Every stored secret, sealed anew with the newest key."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import Column, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.outcome import RefusalError
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import channels, push_subscriptions, vapid_keys
from ponteio.storage.tables import servers, token_signers
from ponteio.storage.vault import Vault
from ponteio.tenancy import versions

_SEALED = (
    (servers, servers.c.server_id, servers.c.sealed_key),
    (token_signers, token_signers.c.organization_id, token_signers.c.sealed_secret),
    (vapid_keys, vapid_keys.c.row_id, vapid_keys.c.sealed_private_key),
    (push_subscriptions, push_subscriptions.c.subscription_id, push_subscriptions.c.sealed_subscription),
    (channels, channels.c.channel_id, channels.c.sealed_settings),
)
"""Every column that the vault seals: its table, and the column that its places name."""

_log = structlog.get_logger(__name__)


async def reseal(database: Database, vault: Vault) -> int:
    """All stored secrets are sealed with the vault's newest key; how many were not before.

    What none of its keys opens stays as it is and is told in the log: whoever knows the secret must enter it again.
    """
    async with database.write() as connection:
        await versions.bump(connection)
        return sum([await _resealed(connection, vault, table, key, column) for table, key, column in _SEALED])


async def _resealed(
    connection: AsyncConnection, vault: Vault, table: Table, key: Column[Any], column: Column[Any]
) -> int:
    count = 0
    for row_id, sealed in (await connection.execute(select(key, column).where(column.is_not(None)))).all():
        if vault.is_current(sealed):
            continue
        place = f"{column}:{row_id}"
        try:
            text = vault.unseal(sealed, place)
        except RefusalError as error:
            _log.error("a stored secret cannot be sealed anew", name=place, code=error.outcome.code)
            continue
        await connection.execute(update(table).where(key == row_id).values({column: vault.seal(text, place)}))
        count += 1
    return count
