"""API keys: made once, shown once, kept as a hash, looked up at every use."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from types import EllipsisType
from typing import Any

import structlog
from sqlalchemy import ColumnElement, insert, select, update

from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import ApiKey, Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    INVALID_NAME,
    INVALID_REQUEST,
    NOT_FOUND,
    ORGANIZATION_NOT_FOUND,
    RefusalError,
)
from ponteio.model.rights import CredentialKind, KeyScope, Right
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError, StorageError
from ponteio.storage.script import Load, Script
from ponteio.storage.statements import portions
from ponteio.storage.tables import api_keys
from ponteio.tenancy import narrowing, versions
from ponteio.tenancy.identifiers import API_KEY, is_secret, new_id, new_secret, secret_hash
from ponteio.tenancy.permissions import OPERATOR_KEY_RIGHTS, key_rights, scope_for

MAX_LABEL = 100
MAX_LIVE_PER_MINUTE = 1_000_000
# `pnt_` and eight characters: enough to recognise a key, far too little to guess it.
_PREFIX = 12
_USE_NOTED_EVERY = timedelta(minutes=1)
_ADMIN = frozenset({KeyScope.ADMIN})
_COLUMNS = tuple(column.name for column in api_keys.columns)

_log = structlog.get_logger(__name__)


class KeyRing:
    """The API keys of organizations and of the operator. A revoked key is refused from the next look-up on: nothing is
    cached.

    Where an `organization_id` is asked for, None means the operator's keys and `...` everybody's.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[str, datetime] = {}

    async def create(
        self,
        organization_id: str | None,
        label: str,
        *,
        scopes: Collection[KeyScope] = _ADMIN,
        allowed: EventFilter = EVERYTHING,
        metadata_only: bool = False,
        expires_at: datetime | None = None,
        created_by: str | None = None,
        live_per_minute: int | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which exists nowhere else; None makes an operator's key, which has neither scopes
        nor limits. `created_by` is the account or credential of its maker.

        Raises `RefusalError` ORGANIZATION_NOT_FOUND, INVALID_NAME for a label above 100 characters, or INVALID_REQUEST
        for no scopes, for an end that has passed, or for limits on an operator's key.
        """
        secret = new_secret(API_KEY)
        key = ApiKey(
            key_id=new_id("key"),
            organization_id=organization_id,
            label=label.strip(),
            prefix=secret[:_PREFIX],
            created_at=self._clock(),
            scopes=frozenset(scopes),
            allowed=allowed,
            metadata_only=metadata_only,
            expires_at=expires_at,
            created_by=created_by,
            live_per_minute=live_per_minute,
        )
        key = _checked(key)
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await connection.execute(insert(api_keys).values(_columns(key, secret)))
        except StorageConflictError:
            raise RefusalError(ORGANIZATION_NOT_FOUND) from None
        return key, secret

    async def authenticate(self, secret: object) -> Principal:
        """Who holds `secret`, whatever type a client sent. Raises `RefusalError` AUTH_REQUIRED without one (None or
        empty), AUTH_INVALID for an unknown, expired or revoked one.
        """
        if secret is None or secret == "":
            raise RefusalError(AUTH_REQUIRED)
        if not isinstance(secret, str) or not is_secret(secret, API_KEY):
            raise RefusalError(AUTH_INVALID)
        key = await self._database.run_reading(_holder(secret_hash(secret)))
        if key is None or not is_alive(key, self._clock()):
            raise RefusalError(AUTH_INVALID)
        await self._note_use(key)
        return _principal(key)

    async def list(self, organization_id: str | EllipsisType | None = ...) -> list[ApiKey]:
        """Every key of the organization, revoked ones too, oldest first."""
        statement = select(api_keys).where(*_of(organization_id)).order_by(api_keys.c.created_at, api_keys.c.key_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [key_of(tuple(row)) for row in rows]

    async def get(self, key_id: str, *, organization_id: str | EllipsisType | None = ...) -> ApiKey | None:
        """The organization's key of this id."""
        statement = select(api_keys).where(api_keys.c.key_id == key_id, *_of(organization_id))
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else key_of(tuple(row))

    async def revoke(self, key_id: str, *, organization_id: str | EllipsisType | None = ...) -> None:
        """The key is refused from now on; repeating it changes nothing. Raises `RefusalError` NOT_FOUND where the
        organization has no such key.
        """
        this = (api_keys.c.key_id == key_id, *_of(organization_id))
        async with self._database.write() as connection:
            await versions.bump(connection)
            if (await connection.execute(select(api_keys.c.key_id).where(*this))).one_or_none() is None:
                raise RefusalError(NOT_FOUND)
            await connection.execute(
                update(api_keys).where(*this, api_keys.c.revoked_at.is_(None)).values(revoked_at=self._clock())
            )

    async def current(self, key_ids: Collection[str]) -> dict[str, Principal]:
        """Who holds these keys now. Revoked, expired and unknown ones are left out."""
        now = self._clock()
        found: dict[str, Principal] = {}
        async with self._database.read() as connection:
            for some_ids in portions(key_ids):
                some = api_keys.c.key_id.in_(some_ids)
                for row in await connection.execute(select(api_keys).where(some)):
                    key = key_of(tuple(row))
                    if is_alive(key, now):
                        found[key.key_id] = _principal(key)
        return found

    async def version(self) -> int:
        """A number that every change of what anybody may do makes another, in whichever process it happens."""
        async with self._database.read() as connection:
            return await versions.current(connection)

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


def is_alive(key: ApiKey, now: datetime) -> bool:
    """Whether the key still opens anything."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def key_of(row: tuple[Any, ...]) -> ApiKey:
    """The key of a row with the columns of `api_keys`, in the table's order."""
    column = dict(zip(_COLUMNS, row, strict=True))
    return ApiKey(
        key_id=column["key_id"],
        organization_id=column["organization_id"],
        label=column["label"],
        prefix=column["prefix"],
        created_at=column["created_at"],
        revoked_at=column["revoked_at"],
        last_used_at=column["last_used_at"],
        scopes=frozenset(map(KeyScope, column["scopes"].split())),
        allowed=narrowing.from_columns(column["instances"], column["events"]),
        metadata_only=column["metadata_only"],
        expires_at=column["expires_at"],
        created_by=column["created_by"],
        live_per_minute=column["live_per_minute"],
    )


def rights_of(key: ApiKey) -> frozenset[Right]:
    """What the key's holder may do."""
    if key.organization_id is None:
        return OPERATOR_KEY_RIGHTS
    return key_rights(key.scopes, key.allowed, metadata_only=key.metadata_only)


def _holder(key_hash: bytes) -> Script[ApiKey | None]:
    # Written as a script because every socket that comes back after a restart asks.
    rows = yield Load(api_keys, "key_hash = ?", (key_hash,))
    return key_of(rows[0]) if rows else None


def _principal(key: ApiKey) -> Principal:
    rights = rights_of(key)
    return Principal(
        kind=CredentialKind.KEY,
        credential_id=key.key_id,
        rights=rights,
        scope=None if key.organization_id is None else scope_for(key.organization_id, rights, key.allowed),
        expires_at=key.expires_at,
        live_per_minute=key.live_per_minute,
    )


def _of(organization_id: str | EllipsisType | None) -> list[ColumnElement[bool]]:
    if organization_id is ...:
        return []
    # `== None` is written as IS NULL.
    return [api_keys.c.organization_id == organization_id]


def _checked(key: ApiKey) -> ApiKey:
    """The key as it may be kept."""
    if len(key.label) > MAX_LABEL:
        raise RefusalError(INVALID_NAME, f"The label has more than {MAX_LABEL} characters.")
    if key.expires_at is not None and (key.expires_at.tzinfo is None or key.expires_at <= key.created_at):
        raise RefusalError(INVALID_REQUEST, "The key's end must lie ahead, and have a time zone.")
    if key.live_per_minute is not None and not 0 <= key.live_per_minute <= MAX_LIVE_PER_MINUTE:
        raise RefusalError(INVALID_REQUEST, f"live_per_minute is a number from 0 to {MAX_LIVE_PER_MINUTE}.")
    if key.organization_id is None:
        if key.scopes - _ADMIN or not key.allowed.is_everything or key.metadata_only or key.live_per_minute is not None:
            raise RefusalError(INVALID_REQUEST, "An operator's key has neither scopes nor limits.")
        return replace(key, scopes=frozenset())
    if not key.scopes:
        raise RefusalError(INVALID_REQUEST, "A key needs at least one scope.")
    return key


def _columns(key: ApiKey, secret: str) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "key_hash": secret_hash(secret),
        "organization_id": key.organization_id,
        "label": key.label,
        "prefix": key.prefix,
        "created_at": key.created_at,
        "scopes": " ".join(sorted(key.scopes)),
        **narrowing.columns_of(key.allowed),
        "metadata_only": key.metadata_only,
        "expires_at": key.expires_at,
        "created_by": key.created_by,
        "live_per_minute": key.live_per_minute,
    }
