"""Accounts: people, by their e-mail address and a password."""

from __future__ import annotations

import builtins
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import User
from ponteio.model.outcome import EMAIL_TAKEN, INVALID_NAME, LAST_ADMIN, LOGIN_FAILED, NOT_FOUND, RefusalError
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.tables import invitations, user_sessions, users
from ponteio.tenancy import versions
from ponteio.tenancy.attempts import Attempts, Count
from ponteio.tenancy.identifiers import new_id
from ponteio.tenancy.passwords import Passwords, check_strength

MAX_EMAIL = 254
"""RFC 5321, section 4.5.3.1.3."""
MAX_NAME = 100
CHANGES_TRIED = 10
"""How often in a quarter of an hour a session may guess at its holder's password."""
# Control and format characters, lone surrogates, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account and its password's hash, which no text of it shows."""

    user: User
    password_hash: str = field(repr=False)


class Accounts:
    """Every account of the deployment. What ends an account's rights ends its sessions in the same transaction."""

    def __init__(self, database: Database, passwords: Passwords, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._attempts = Attempts()

    async def create(self, email: str, name: str, password: str, *, is_operator: bool = False) -> User:
        """A new account. Raises `RefusalError` EMAIL_TAKEN, INVALID_NAME, or WEAK_PASSWORD."""
        made = await self.prepared(email, name, password, is_operator=is_operator)
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await insert_user(connection, made)
        except StorageConflictError:
            raise RefusalError(EMAIL_TAKEN) from None
        return made.user

    async def prepared(self, email: str, name: str, password: str, *, is_operator: bool) -> Credentials:
        """An account and its password's hash, to be put into a transaction by `insert_user`. Raises as `create` does,
        except that an address may turn out to be taken.
        """
        email, name = valid_email(email), valid_name(name)
        check_strength(password, email, email.partition("@")[0], name)
        user = User(new_id("usr"), email, name, is_operator, self._clock())
        return Credentials(user, await self._passwords.hash(password))

    async def get(self, user_id: str) -> User | None:
        """The account of this id."""
        return await self._one(select(users).where(users.c.user_id == user_id))

    async def by_email(self, email: str) -> User | None:
        """The account of this address, in whatever case."""
        return await self._one(select(users).where(users.c.email_key == email_key(email)))

    async def list(self) -> builtins.list[User]:
        """Every account, disabled ones too, oldest first."""
        statement = select(users).order_by(users.c.created_at, users.c.user_id)
        async with self._database.read() as connection:
            return [user_of(row) for row in await connection.execute(statement)]

    async def has_operator(self) -> bool:
        """Whether somebody can run the deployment."""
        statement = select(users.c.user_id).where(users.c.is_operator, users.c.disabled_at.is_(None)).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(statement)).one_or_none() is not None

    async def credentials(self, email: str) -> Credentials | None:
        """The account of this address and its password's hash."""
        async with self._database.read() as connection:
            statement = select(users).where(users.c.email_key == email_key(email))
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else Credentials(user_of(row), row.password_hash)

    async def rename(self, user_id: str, name: str) -> User:
        """The person is called `name`. Raises `RefusalError` NOT_FOUND or INVALID_NAME."""
        name = valid_name(name)
        async with self._database.write() as connection:
            await versions.bump(connection)
            user = await _existing(connection, user_id)
            await connection.execute(update(users).where(users.c.user_id == user_id).values(name=name))
        return replace(user, name=name)

    async def change_password(
        self, user_id: str, current: str, new: str, *, keep_session_id: str | None = None
    ) -> None:
        """The password is `new`, and all sessions but `keep_session_id` have ended. Raises `RefusalError` LOGIN_FAILED
        when `current` is not the password (any more), LOGIN_THROTTLED after too many of those, or WEAK_PASSWORD.
        """
        guess = Count("change", user_id, CHANGES_TRIED)
        self._attempts.add(guess)
        async with self._database.read() as connection:
            statement = select(users.c.password_hash).where(users.c.user_id == user_id)
            password_hash = (await connection.execute(statement)).scalar_one_or_none()
        if not await self._passwords.verify(password_hash, current):
            raise RefusalError(LOGIN_FAILED, "The current password is wrong.")
        self._attempts.forget(guess)
        new_hash = await self.hash_for(user_id, new)
        async with self._database.write() as connection:
            await versions.bump(connection)
            # Another change may have come first: the former password must not undo it.
            if (await connection.execute(statement)).scalar_one_or_none() != password_hash:
                raise RefusalError(LOGIN_FAILED, "The current password is wrong.")
            await put_password(connection, user_id, new_hash, self._clock(), keep_session_id)

    async def set_password(self, user_id: str, new: str, *, keep_session_id: str | None = None) -> None:
        """The password is `new`, and all sessions but `keep_session_id` have ended. Raises `RefusalError` NOT_FOUND or
        WEAK_PASSWORD.
        """
        password_hash = await self.hash_for(user_id, new)
        async with self._database.write() as connection:
            await versions.bump(connection)
            await put_password(connection, user_id, password_hash, self._clock(), keep_session_id)

    async def hash_for(self, user_id: str, password: str) -> str:
        """The hash of what may be this person's password. Raises `RefusalError` NOT_FOUND or WEAK_PASSWORD."""
        user = await self.get(user_id)
        if user is None:
            raise RefusalError(NOT_FOUND)
        check_strength(password, user.email, user.email.partition("@")[0], user.name)
        return await self._passwords.hash(password)

    async def rehash(self, former: Credentials, password: str) -> None:
        """The same password, hashed with today's parameters, unless another has come since; nothing ends."""
        password_hash = await self._passwords.hash(password)
        this = (users.c.user_id == former.user.user_id, users.c.password_hash == former.password_hash)
        async with self._database.write() as connection:
            await versions.bump(connection)
            await connection.execute(update(users).where(*this).values(password_hash=password_hash))

    async def disable(self, user_id: str) -> None:
        """Nobody can log in to the account; its sessions, and the links that it made, have ended. Raises `RefusalError`
        NOT_FOUND, or LAST_ADMIN for the only operator.
        """
        async with self._database.write() as connection:
            await versions.bump(connection)
            user = await _existing(connection, user_id)
            if user.is_operator and not await _another_operator(connection, user_id):
                raise RefusalError(LAST_ADMIN)
            now = self._clock()
            here = users.c.user_id == user_id
            await connection.execute(update(users).where(here, users.c.disabled_at.is_(None)).values(disabled_at=now))
            await end_sessions(connection, user_id, now)
            await end_links(connection, now, invitations.c.created_by == user_id)

    async def enable(self, user_id: str) -> None:
        """The account works again. Raises `RefusalError` NOT_FOUND."""
        async with self._database.write() as connection:
            await versions.bump(connection)
            await _existing(connection, user_id)
            await connection.execute(update(users).where(users.c.user_id == user_id).values(disabled_at=None))

    async def _one(self, statement: Select[Any]) -> User | None:
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else user_of(row)


async def insert_user(connection: AsyncConnection, made: Credentials) -> None:
    """The account is there. Raises `StorageConflictError` when its address is taken."""
    user = made.user
    row = {
        "user_id": user.user_id,
        "email": user.email,
        "email_key": email_key(user.email),
        "name": user.name,
        "password_hash": made.password_hash,
        "is_operator": user.is_operator,
        "created_at": user.created_at,
    }
    await connection.execute(insert(users).values(row))


async def put_password(
    connection: AsyncConnection, user_id: str, password_hash: str, now: datetime, keep_session_id: str | None = None
) -> None:
    """The account has this password's hash; its sessions but `keep_session_id`, and its links to a new password, have
    ended.
    """
    await connection.execute(update(users).where(users.c.user_id == user_id).values(password_hash=password_hash))
    await end_sessions(connection, user_id, now, keep_session_id)
    await end_links(connection, now, invitations.c.user_id == user_id)


async def end_sessions(
    connection: AsyncConnection, user_id: str, now: datetime, keep_session_id: str | None = None
) -> None:
    """Every session of the account but `keep_session_id` has ended."""
    alive = (user_sessions.c.user_id == user_id, user_sessions.c.revoked_at.is_(None))
    others = () if keep_session_id is None else (user_sessions.c.session_id != keep_session_id,)
    await connection.execute(update(user_sessions).where(*alive, *others).values(revoked_at=now))


async def end_links(connection: AsyncConnection, now: datetime, *which: ColumnElement[bool]) -> None:
    """The one-time links for which all of `which` holds work no more."""
    unused = (invitations.c.used_at.is_(None), invitations.c.revoked_at.is_(None))
    await connection.execute(update(invitations).where(*which, *unused).values(revoked_at=now))


def user_of(row: Row[Any]) -> User:
    """The account of a row of `users`."""
    return User(row.user_id, row.email, row.name, row.is_operator, row.created_at, row.disabled_at)


def email_key(email: str) -> str:
    """What must be unique of an address: it without case. (RFC 5321 lets the part before the @ tell cases apart; no
    provider that people use does.)
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email.strip()).casefold())


def valid_email(email: str) -> str:
    """The address as it is kept. Raises `RefusalError` INVALID_NAME."""
    email = unicodedata.normalize("NFC", email.strip())
    local, _, domain = email.rpartition("@")
    if not local or not domain or "@" in local or len(email) > MAX_EMAIL or not _is_printable(email) or " " in email:
        raise RefusalError(INVALID_NAME, "That is no e-mail address.")
    return email


def valid_name(name: str) -> str:
    """A person's name as it is kept. Raises `RefusalError` INVALID_NAME."""
    name = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(name) <= MAX_NAME or not _is_printable(name):
        raise RefusalError(INVALID_NAME, f"A name has between 1 and {MAX_NAME} characters that can be seen.")
    return name


def _is_printable(text: str) -> bool:
    return not any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text)


async def _existing(connection: AsyncConnection, user_id: str) -> User:
    row = (await connection.execute(select(users).where(users.c.user_id == user_id))).one_or_none()
    if row is None:
        raise RefusalError(NOT_FOUND)
    return user_of(row)


async def _another_operator(connection: AsyncConnection, user_id: str) -> bool:
    others = (users.c.is_operator, users.c.disabled_at.is_(None), users.c.user_id != user_id)
    return (await connection.execute(select(users.c.user_id).where(*others).limit(1))).one_or_none() is not None
