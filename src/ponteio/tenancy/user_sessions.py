"""Sessions: a person who logged in, from one browser, until they leave or stay away too long."""

from __future__ import annotations

import base64
import builtins
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import Principal
from ponteio.model.outcome import (
    AUTH_INVALID,
    NOT_FOUND,
    ORGANIZATION_DISABLED,
    ORGANIZATION_NOT_FOUND,
    RefusalError,
)
from ponteio.model.rights import CredentialKind, Role
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError, StorageError
from ponteio.storage.statements import portions
from ponteio.storage.tables import memberships, organizations, user_sessions, users
from ponteio.tenancy import versions
from ponteio.tenancy.accounts import Credentials, end_sessions
from ponteio.tenancy.identifiers import SESSION, is_secret, new_id, new_secret, secret_hash
from ponteio.tenancy.permissions import ROLE_RIGHTS, scope_for

IDLE = timedelta(days=7)
ABSOLUTE = timedelta(days=30)
KEPT_AFTER_END = timedelta(days=30)
_SEEN_NOTED_EVERY = timedelta(minutes=1)
_MAX_TEXT = 256

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UserSession:
    """A session without its token. `organization_id` is what it acts for; None: nothing, or the operator's own work."""

    session_id: str
    user_id: str
    organization_id: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    address: str | None = None
    agent: str | None = None


class UserSessions:
    """Every session. What its holder may do is looked up at every use: nothing is cached."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[str, datetime] = {}

    async def open(
        self,
        user_id: str,
        organization_id: str | None,
        *,
        address: str | None,
        agent: str | None,
        proven: Credentials | None = None,
    ) -> tuple[UserSession, str]:
        """A new session and its token, which exists nowhere else. `proven` is what the holder's password was checked
        against: who proved a password that was replaced meanwhile gets no session.

        Raises `RefusalError` NOT_FOUND for an account or an organization that is not there, AUTH_INVALID for a disabled
        account or a replaced password.
        """
        now, token = self._clock(), new_secret(SESSION)
        session = UserSession(
            session_id=new_id("ses"),
            user_id=user_id,
            organization_id=organization_id,
            created_at=now,
            seen_at=now,
            expires_at=now + ABSOLUTE,
            address=_short(address),
            agent=_short(agent),
        )
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await _check_holder(connection, user_id, proven)
                await connection.execute(insert(user_sessions).values(_columns(session, token)))
        except StorageConflictError:
            raise RefusalError(NOT_FOUND) from None
        return session, token

    async def authenticate(self, token: str) -> Principal:
        """Whose session this is, and what they may do now. Raises `RefusalError` AUTH_INVALID."""
        if not is_secret(token, SESSION):
            raise RefusalError(AUTH_INVALID)
        async with self._database.read() as connection:
            statement = _holders().where(user_sessions.c.token_hash == secret_hash(token))
            row = (await connection.execute(statement)).one_or_none()
        if row is None or not _is_alive(row, self._clock()):
            raise RefusalError(AUTH_INVALID)
        await self._note_use(row)
        return _principal(row)

    async def current(self, session_ids: Collection[str]) -> dict[str, Principal]:
        """What the holders of these sessions may do now; ended ones are left out."""
        now = self._clock()
        found: dict[str, Principal] = {}
        async with self._database.read() as connection:
            for some_ids in portions(session_ids):
                some = user_sessions.c.session_id.in_(some_ids)
                for row in await connection.execute(_holders().where(some)):
                    if _is_alive(row, now):
                        found[row.session_id] = _principal(row)
        return found

    async def get(self, session_id: str) -> UserSession | None:
        """The session of this id."""
        async with self._database.read() as connection:
            statement = select(user_sessions).where(user_sessions.c.session_id == session_id)
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else _session(row)

    async def list(self, user_id: str) -> builtins.list[UserSession]:
        """The account's sessions that have not ended, the last used first."""
        alive = (user_sessions.c.user_id == user_id, user_sessions.c.revoked_at.is_(None))
        statement = select(user_sessions).where(*alive).order_by(user_sessions.c.seen_at.desc())
        now = self._clock()
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [_session(row) for row in rows if row.expires_at > now and row.seen_at + IDLE > now]

    async def addresses(self, user_id: str) -> set[str]:
        """Where the account's sessions of the last 30 days were opened."""
        recent = user_sessions.c.created_at > self._clock() - ABSOLUTE
        statement = select(user_sessions.c.address).where(user_sessions.c.user_id == user_id, recent).distinct()
        async with self._database.read() as connection:
            return {found for found in (await connection.execute(statement)).scalars() if found is not None}

    async def close(self, session_id: str, *, user_id: str | None = None) -> None:
        """The session has ended; repeating it changes nothing. Raises `RefusalError` NOT_FOUND where there is none, or
        it is not `user_id`'s.
        """
        this = [user_sessions.c.session_id == session_id]
        if user_id is not None:
            this.append(user_sessions.c.user_id == user_id)
        async with self._database.write() as connection:
            await versions.bump(connection)
            if (await connection.execute(select(user_sessions.c.session_id).where(*this))).one_or_none() is None:
                raise RefusalError(NOT_FOUND)
            alive = (*this, user_sessions.c.revoked_at.is_(None))
            await connection.execute(update(user_sessions).where(*alive).values(revoked_at=self._clock()))

    async def close_all(self, user_id: str, *, keep: str | None = None) -> None:
        """Every session of the account but `keep` has ended."""
        async with self._database.write() as connection:
            await versions.bump(connection)
            await end_sessions(connection, user_id, self._clock(), keep)

    async def switch(self, session_id: str, organization_id: str | None) -> Principal:
        """The session acts for this organization, of which its holder is a member; None is the operator's own work.

        Raises `RefusalError` ORGANIZATION_NOT_FOUND for every other one, ORGANIZATION_DISABLED, and AUTH_INVALID when
        the session has ended.
        """
        here = _holders().where(user_sessions.c.session_id == session_id)
        async with self._database.write() as connection:
            await versions.bump(connection)
            holder = (await connection.execute(here)).one_or_none()
            if holder is None or not _is_alive(holder, self._clock()):
                raise RefusalError(AUTH_INVALID)
            await _check_membership(connection, holder, organization_id)
            this = user_sessions.c.session_id == session_id
            await connection.execute(update(user_sessions).where(this).values(organization_id=organization_id))
            return _principal((await connection.execute(here)).one())

    async def prune(self) -> int:
        """Sessions that ended a month ago are forgotten; returns how many."""
        before = self._clock() - KEPT_AFTER_END
        over = (user_sessions.c.expires_at < before) | (user_sessions.c.revoked_at < before)
        async with self._database.write() as connection:
            return (await connection.execute(delete(user_sessions).where(over))).rowcount

    async def _note_use(self, row: Row[Any]) -> None:
        now = self._clock()
        last = max(row.seen_at, self._noted.get(row.session_id, row.seen_at))
        if now - last < _SEEN_NOTED_EVERY:
            return
        self._noted = {session: at for session, at in self._noted.items() if now - at < _SEEN_NOTED_EVERY}
        self._noted[row.session_id] = now
        try:
            async with self._database.write() as connection:
                here = user_sessions.c.session_id == row.session_id
                await connection.execute(update(user_sessions).where(here).values(seen_at=now))
        except StorageError as error:
            _log.warning("the use of a session could not be noted", error=type(error).__name__)


def csrf_token(token: str) -> str:
    """What a page must send in `X-CSRF-Token` to change something with this session: no other page can know it, and
    it does not tell the session's token.
    """
    return base64.urlsafe_b64encode(hashlib.sha256(b"csrf:" + token.encode()).digest()).decode().rstrip("=")


def _holders() -> Select[Any]:
    """Sessions with their holders and with what these are to the organization that is acted for."""
    mine = (memberships.c.user_id == user_sessions.c.user_id) & (
        memberships.c.organization_id == user_sessions.c.organization_id
    )
    return (
        select(user_sessions, users.c.is_operator, users.c.disabled_at, memberships.c.role)
        .join(users, users.c.user_id == user_sessions.c.user_id)
        .outerjoin(memberships, mine)
    )


def _is_alive(row: Row[Any], now: datetime) -> bool:
    if row.revoked_at is not None or row.disabled_at is not None:
        return False
    return bool(now < row.expires_at and now - row.seen_at < IDLE)


def _principal(row: Row[Any]) -> Principal:
    rights, scope = ROLE_RIGHTS[Role.OPERATOR] if row.is_operator else frozenset(), None
    if row.organization_id is not None:
        # Who is no longer a member may still leave, or act for another organization.
        rights = ROLE_RIGHTS[Role(row.role)] if row.role is not None else frozenset()
        scope = scope_for(row.organization_id, rights) if row.role is not None else None
    return Principal(
        kind=CredentialKind.SESSION,
        credential_id=row.session_id,
        rights=rights,
        scope=scope,
        user=row.user_id,
        user_id=row.user_id,
        # Whichever comes first: who never asks again must not stay for as long as a session can last.
        expires_at=min(row.expires_at, row.seen_at + IDLE),
    )


async def _check_holder(connection: AsyncConnection, user_id: str, proven: Credentials | None) -> None:
    statement = select(users.c.password_hash, users.c.disabled_at).where(users.c.user_id == user_id)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise RefusalError(NOT_FOUND)
    if row.disabled_at is not None or (proven is not None and proven.password_hash != row.password_hash):
        raise RefusalError(AUTH_INVALID)


async def _check_membership(connection: AsyncConnection, holder: Row[Any], organization_id: str | None) -> None:
    if organization_id is None:
        if not holder.is_operator:
            raise RefusalError(ORGANIZATION_NOT_FOUND)
        return
    statement = (
        select(organizations.c.disabled_at)
        .join(memberships, memberships.c.organization_id == organizations.c.organization_id)
        .where(memberships.c.user_id == holder.user_id, memberships.c.organization_id == organization_id)
    )
    organization = (await connection.execute(statement)).one_or_none()
    if organization is None:
        raise RefusalError(ORGANIZATION_NOT_FOUND)
    if organization.disabled_at is not None:
        raise RefusalError(ORGANIZATION_DISABLED)


def _session(row: Row[Any]) -> UserSession:
    return UserSession(
        session_id=row.session_id,
        user_id=row.user_id,
        organization_id=row.organization_id,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        address=row.address,
        agent=row.agent,
    )


def _columns(session: UserSession, token: str) -> dict[str, object]:
    return {
        "session_id": session.session_id,
        "token_hash": secret_hash(token),
        "user_id": session.user_id,
        "organization_id": session.organization_id,
        "created_at": session.created_at,
        "seen_at": session.seen_at,
        "expires_at": session.expires_at,
        "address": session.address,
        "agent": session.agent,
    }


def _short(text: str | None) -> str | None:
    return None if text is None else text[:_MAX_TEXT]
