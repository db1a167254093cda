"""One-time links: to join, or to get a new password. Each works once, for a while."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import User
from ponteio.model.outcome import EMAIL_TAKEN, INVITATION_INVALID, NOT_FOUND, RefusalError
from ponteio.model.rights import Role
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.tables import invitations, users
from ponteio.tenancy import versions
from ponteio.tenancy.accounts import Accounts, email_key, insert_user, put_password, user_of, valid_email
from ponteio.tenancy.identifiers import ONE_TIME_LINK, is_secret, new_id, new_secret, secret_hash
from ponteio.tenancy.memberships import raise_member

VALID = timedelta(hours=72)
KEPT_AFTER_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link without its token. `role` is what its holder becomes: of the organization, or of the deployment for the
    operator; without a role it gives the account `user_id` a new password. `email` binds it to one address.
    """

    invitation_id: str
    organization_id: str | None
    role: Role | None
    email: str | None
    user_id: str | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class Invitations:
    """Every one-time link. Using one takes it and gives what it is for in one transaction."""

    def __init__(self, database: Database, accounts: Accounts, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    async def create(
        self,
        organization_id: str | None,
        role: Role,
        *,
        email: str | None = None,
        created_by: str | None = None,
        valid: timedelta = VALID,
    ) -> tuple[Invitation, str]:
        """A new link to join the organization, or the operators where it is None, and its token, which exists nowhere
        else. `created_by` is the id of the account that makes it: it ends when that is disabled, or is no admin of the
        organization any more. Raises `RefusalError` NOT_FOUND for an unknown organization, or INVALID_NAME for a
        bad address.
        """
        if (role is Role.OPERATOR) is not (organization_id is None):
            raise RefusalError(NOT_FOUND, "An operator belongs to no organization, and everybody else to one.")
        address = None if email is None else valid_email(email)
        return await self._made(organization_id, role, address, None, created_by, valid)

    async def create_password_reset(
        self, user_id: str, *, created_by: str | None, valid: timedelta = VALID
    ) -> tuple[Invitation, str]:
        """A new link to a new password for the account, and its token. Raises `RefusalError` NOT_FOUND."""
        return await self._made(None, None, None, user_id, created_by, valid)

    async def look(self, token: str) -> Invitation:
        """What the link is for. Raises `RefusalError` INVITATION_INVALID for an unknown, used or expired one."""
        async with self._database.read() as connection:
            return await self._good(connection, token)

    async def accept(self, token: str, *, email: str, name: str, password: str) -> User:
        """A new account that is what the link says. Raises `RefusalError` INVITATION_INVALID (also when the link is
        bound to another address), EMAIL_TAKEN, INVALID_NAME or WEAK_PASSWORD; then the link still works.
        """
        invitation = await self.look(token)
        _check_address(invitation, email)
        is_operator = invitation.role is Role.OPERATOR
        made = await self._accounts.prepared(email, name, password, is_operator=is_operator)
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                taken = await self._take(connection, token)
                await insert_user(connection, made)
                await self._join(connection, taken, made.user.user_id)
        except StorageConflictError:
            raise RefusalError(EMAIL_TAKEN) from None
        return made.user

    async def accept_as(self, token: str, user_id: str) -> Invitation:
        """The account is at least what the link says, which is returned. Raises `RefusalError` INVITATION_INVALID."""
        async with self._database.write() as connection:
            await versions.bump(connection)
            taken = await self._take(connection, token)
            row = (await connection.execute(select(users).where(users.c.user_id == user_id))).one_or_none()
            if row is None or row.disabled_at is not None:
                raise RefusalError(INVITATION_INVALID)
            _check_address(taken, row.email)
            await self._join(connection, taken, user_id)
        return taken

    async def reset_password(self, token: str, password: str) -> User:
        """The account that the link is for has this password, and all its sessions have ended. Raises `RefusalError`
        INVITATION_INVALID or WEAK_PASSWORD.
        """
        invitation = await self.look(token)
        if invitation.user_id is None:
            raise RefusalError(INVITATION_INVALID)
        password_hash = await self._accounts.hash_for(invitation.user_id, password)
        async with self._database.write() as connection:
            await versions.bump(connection)
            taken = await self._take(connection, token)
            if taken.user_id is None:
                raise RefusalError(INVITATION_INVALID)
            await put_password(connection, taken.user_id, password_hash, self._clock())
            row = (await connection.execute(select(users).where(users.c.user_id == taken.user_id))).one()
        return user_of(row)

    async def list(self, organization_id: str | None) -> builtins.list[Invitation]:
        """The organization's links that still work, or the operators' where it is None, newest first."""
        statement = (
            select(invitations)
            .where(
                _of(organization_id),
                invitations.c.role.is_not(None),
                invitations.c.used_at.is_(None),
                invitations.c.revoked_at.is_(None),
                invitations.c.expires_at > self._clock(),
            )
            .order_by(invitations.c.created_at.desc(), invitations.c.invitation_id)
        )
        async with self._database.read() as connection:
            return [_invitation(row) for row in await connection.execute(statement)]

    async def revoke(self, organization_id: str | None, invitation_id: str) -> None:
        """The link does not work; repeating it changes nothing. Raises `RefusalError` NOT_FOUND where the organization,
        or the operators where it is None, have none of that id.
        """
        this = (invitations.c.invitation_id == invitation_id, _of(organization_id))
        async with self._database.write() as connection:
            await versions.bump(connection)
            if (await connection.execute(select(invitations.c.invitation_id).where(*this))).one_or_none() is None:
                raise RefusalError(NOT_FOUND)
            good = (*this, invitations.c.revoked_at.is_(None))
            await connection.execute(update(invitations).where(*good).values(revoked_at=self._clock()))

    async def prune(self) -> int:
        """Links that expired a month ago are forgotten; returns how many."""
        old = invitations.c.expires_at < self._clock() - KEPT_AFTER_END
        async with self._database.write() as connection:
            return (await connection.execute(delete(invitations).where(old))).rowcount

    async def _made(
        self,
        organization_id: str | None,
        role: Role | None,
        email: str | None,
        user_id: str | None,
        created_by: str | None,
        valid: timedelta,
    ) -> tuple[Invitation, str]:
        now, token = self._clock(), new_secret(ONE_TIME_LINK)
        invitation = Invitation(
            new_id("inv"), organization_id, role, email, user_id, created_by, created_at=now, expires_at=now + valid
        )
        row = {
            "invitation_id": invitation.invitation_id,
            "token_hash": secret_hash(token),
            "organization_id": organization_id,
            "role": None if role is None else role.value,
            "email": email,
            "user_id": user_id,
            "created_by": created_by,
            "created_at": now,
            "expires_at": invitation.expires_at,
        }
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await connection.execute(insert(invitations).values(row))
        except StorageConflictError:
            raise RefusalError(NOT_FOUND) from None
        return invitation, token

    async def _good(self, connection: AsyncConnection, token: str) -> Invitation:
        if not is_secret(token, ONE_TIME_LINK):
            raise RefusalError(INVITATION_INVALID)
        statement = select(invitations).where(invitations.c.token_hash == secret_hash(token))
        row = (await connection.execute(statement)).one_or_none()
        if row is None or row.used_at or row.revoked_at or row.expires_at <= self._clock():
            raise RefusalError(INVITATION_INVALID)
        return _invitation(row)

    async def _take(self, connection: AsyncConnection, token: str) -> Invitation:
        """The link, which is used up if the transaction commits."""
        found = await self._good(connection, token)
        unused = (invitations.c.invitation_id == found.invitation_id, invitations.c.used_at.is_(None))
        used = await connection.execute(update(invitations).where(*unused).values(used_at=self._clock()))
        if used.rowcount != 1:
            raise RefusalError(INVITATION_INVALID)
        return found

    async def _join(self, connection: AsyncConnection, invitation: Invitation, user_id: str) -> None:
        if invitation.role is Role.OPERATOR:
            await connection.execute(update(users).where(users.c.user_id == user_id).values(is_operator=True))
        elif invitation.organization_id is not None and invitation.role is not None:
            await raise_member(connection, invitation.organization_id, user_id, invitation.role, self._clock())
        else:
            raise RefusalError(INVITATION_INVALID)


def join_link(public_url: str, token: str) -> str:
    """Where a person uses the link. The token stands behind the `#`: browsers send that to nobody."""
    return f"{public_url}/join#token={token}"


def _check_address(invitation: Invitation, email: str) -> None:
    if invitation.email is not None and email_key(email) != email_key(invitation.email):
        raise RefusalError(INVITATION_INVALID, "The link is for another e-mail address.")


def _of(organization_id: str | None) -> Any:
    column = invitations.c.organization_id
    return column.is_(None) if organization_id is None else column == organization_id


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        invitation_id=row.invitation_id,
        organization_id=row.organization_id,
        role=None if row.role is None else Role(row.role),
        email=row.email,
        user_id=row.user_id,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
