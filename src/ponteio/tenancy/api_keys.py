"""API keys: made once, shown once, kept as a hash, looked up at every use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import insert, select, update

from ponteio.model.identity import ApiKey, Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    INVALID_NAME,
    NOT_FOUND,
    ORGANIZATION_NOT_FOUND,
    RefusalError,
)
from ponteio.model.rights import CredentialKind
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError, StorageError
from ponteio.storage.script import Load, Script
from ponteio.storage.tables import api_keys
from ponteio.tenancy import versions
from ponteio.tenancy.identifiers import new_id, new_secret
from ponteio.tenancy.permissions import OPERATOR_KEY_RIGHTS, key_rights, scope_for

MAX_LABEL = 100
# `pnt_` and eight characters: enough to recognise a key, far too little to guess it.
_PREFIX = 12
# Our keys have 47 characters: longer texts are not worth a hash.
_MAX_SECRET = 200
_USE_NOTED_EVERY = timedelta(minutes=1)
_IDS_AT_ONCE = 5_000

_log = structlog.get_logger(__name__)


class KeyRing:
    """The API keys of organizations and of the operator. A revoked key is refused from the next look-up on: nothing is
    cached.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[str, datetime] = {}

    async def create(self, organization_id: str | None, label: str) -> tuple[ApiKey, str]:
        """A new key and its secret, which exists nowhere else; None makes an operator's key.

        Raises `RefusalError` ORGANIZATION_NOT_FOUND, or INVALID_NAME for a label above 100 characters.
        """
        label = label.strip()
        if len(label) > MAX_LABEL:
            raise RefusalError(INVALID_NAME, f"The label has more than {MAX_LABEL} characters.")
        secret = new_secret()
        key = ApiKey(new_id("key"), organization_id, label, secret[:_PREFIX], self._clock())
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await connection.execute(insert(api_keys).values(_columns(key, secret)))
        except StorageConflictError:
            raise RefusalError(ORGANIZATION_NOT_FOUND) from None
        return key, secret

    async def authenticate(self, secret: object) -> Principal:
        """Who holds `secret`, whatever type a client sent. Raises `RefusalError` AUTH_REQUIRED without one (None or
        empty), AUTH_INVALID for an unknown or revoked one.
        """
        if secret is None or secret == "":
            raise RefusalError(AUTH_REQUIRED)
        if not isinstance(secret, str) or len(secret) > _MAX_SECRET:
            raise RefusalError(AUTH_INVALID)
        key = await self._database.run_reading(_holder(_hash(secret)))
        if key is None or key.revoked_at is not None:
            raise RefusalError(AUTH_INVALID)
        await self._note_use(key)
        return _principal(key)

    async def list(self) -> list[ApiKey]:
        """Every key, revoked ones too, oldest first."""
        statement = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [_key(tuple(row)) for row in rows]

    async def revoke(self, key_id: str) -> None:
        """The key is refused from now on; repeating it changes nothing. Raises `RefusalError` NOT_FOUND."""
        statement = select(api_keys.c.key_id).where(api_keys.c.key_id == key_id)
        async with self._database.write() as connection:
            await versions.bump(connection)
            if (await connection.execute(statement)).one_or_none() is None:
                raise RefusalError(NOT_FOUND)
            await connection.execute(
                update(api_keys)
                .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=self._clock())
            )

    async def revoked_among(self, key_ids: Collection[str]) -> set[str]:
        """Those of `key_ids` that are revoked, or no keys at all."""
        asked = sorted(set(key_ids))
        alive: set[str] = set()
        async with self._database.read() as connection:
            for start in range(0, len(asked), _IDS_AT_ONCE):
                some = api_keys.c.key_id.in_(asked[start : start + _IDS_AT_ONCE])
                statement = select(api_keys.c.key_id).where(some, api_keys.c.revoked_at.is_(None))
                alive.update((await connection.execute(statement)).scalars())
        return set(asked) - alive

    async def _note_use(self, key: ApiKey) -> None:
        now = self._clock()
        last = max(filter(None, (key.last_used_at, self._noted.get(key.key_id))), default=None)
        if last is not None and now - last < _USE_NOTED_EVERY:
            return
        # Before the write: a thousand sockets with the same key must not all write.
        self._noted[key.key_id] = now
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    update(api_keys).where(api_keys.c.key_id == key.key_id).values(last_used_at=now)
                )
        except StorageError as error:
            # A key stays good when the disk is full.
            _log.warning("the use of a key could not be noted", key_id=key.key_id, error=str(error))


def _holder(key_hash: bytes) -> Script[ApiKey | None]:
    # Written as a script because every socket that comes back after a restart asks.
    rows = yield Load(api_keys, "key_hash = ?", (key_hash,))
    return _key(rows[0]) if rows else None


def _key(row: tuple[Any, ...]) -> ApiKey:
    """The key of a row with the columns of `api_keys`, in the table's order."""
    key_id, _, organization_id, label, prefix, created_at, revoked_at, last_used_at, *_ = row
    return ApiKey(key_id, organization_id, label, prefix, created_at, revoked_at, last_used_at)


def _principal(key: ApiKey) -> Principal:
    if key.organization_id is None:
        return Principal(CredentialKind.KEY, key.key_id, OPERATOR_KEY_RIGHTS)
    rights = key_rights(key.scopes, key.allowed, metadata_only=key.metadata_only)
    scope = scope_for(key.organization_id, rights, key.allowed)
    return Principal(CredentialKind.KEY, key.key_id, rights, scope, live_per_minute=key.live_per_minute)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _columns(key: ApiKey, secret: str) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "key_hash": _hash(secret),
        "organization_id": key.organization_id,
        "label": key.label,
        "prefix": key.prefix,
        "created_at": key.created_at,
    }
