"""The key pair by which push services know this deployment: made once, its private half sealed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import select

from ponteio.notify.push_crypto import VapidPair
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import vapid_keys
from ponteio.storage.statements import insert_new
from ponteio.storage.vault import Vault

_PLACE = "vapid_keys.sealed_private_key:1"

_log = structlog.get_logger(__name__)


class VapidKeys:
    """One pair for the deployment. It never changes: browsers subscribe to the public key."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._pair: VapidPair | None = None

    async def pair(self) -> VapidPair:
        """The pair, made now if there was none; processes that start at once end with the same. Raises `RefusalError`
        SECRET_UNREADABLE when the keys of this deployment do not open it.
        """
        if self._pair is None:
            found = await self._stored() or await self._made()
            self._pair = VapidPair(found[0], self._vault.unseal(found[1], _PLACE))
        return self._pair

    async def public(self) -> str:
        """What browsers subscribe with (`applicationServerKey`). Raises as `pair` does."""
        return (await self.pair()).public

    async def _made(self) -> tuple[str, str]:
        new = VapidPair.new()
        row = {
            "row_id": 1,
            "public_key": new.public,
            "sealed_private_key": self._vault.seal(new.private, _PLACE),
            "created_at": self._clock(),
        }
        async with self._database.write() as connection:
            made = await connection.execute(insert_new(vapid_keys, self._database.dialect).values(row))
            stored = (await connection.execute(select(vapid_keys))).one()
        if made.rowcount:
            _log.info("a key pair for web push was made")
        return stored.public_key, stored.sealed_private_key

    async def _stored(self) -> tuple[str, str] | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(vapid_keys))).one_or_none()
        return None if row is None else (row.public_key, row.sealed_private_key)
