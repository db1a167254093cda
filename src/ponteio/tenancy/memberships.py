"""Who belongs to which organization, and as what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import Membership, User
from ponteio.model.outcome import INVALID_REQUEST, LAST_ADMIN, NOT_FOUND, RefusalError
from ponteio.model.rights import Role
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.tables import invitations, memberships, organizations, users
from ponteio.tenancy import versions
from ponteio.tenancy.accounts import end_links, user_of

_RANK = (Role.VIEWER, Role.AGENT, Role.ADMIN)


class Memberships:
    """The members of organizations. An organization that has an admin keeps one."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def members(self, organization_id: str) -> list[tuple[User, Membership]]:
        """The organization's members, by address; those whose account is disabled too."""
        statement = (
            select(users, memberships.c.role, memberships.c.created_at.label("member_since"))
            .join(memberships, memberships.c.user_id == users.c.user_id)
            .where(memberships.c.organization_id == organization_id)
            .order_by(users.c.email_key)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [
            (user_of(row), Membership(row.user_id, organization_id, Role(row.role), row.member_since)) for row in rows
        ]

    async def of_user(self, user_id: str) -> list[Membership]:
        """What the person belongs to."""
        statement = select(memberships).where(memberships.c.user_id == user_id).order_by(memberships.c.organization_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [Membership(row.user_id, row.organization_id, Role(row.role), row.created_at) for row in rows]

    async def first_open(self, user_id: str) -> str | None:
        """The first of the person's organizations that is not disabled: where a new session begins."""
        statement = (
            select(memberships.c.organization_id)
            .join(organizations, organizations.c.organization_id == memberships.c.organization_id)
            .where(memberships.c.user_id == user_id, organizations.c.disabled_at.is_(None))
            .order_by(memberships.c.organization_id)
            .limit(1)
        )
        async with self._database.read() as connection:
            return (await connection.execute(statement)).scalar_one_or_none()

    async def add(self, organization_id: str, user_id: str, role: Role) -> None:
        """The person is a member with this role, whatever they were before. Raises `RefusalError` NOT_FOUND for an
        account or an organization that is not there, or LAST_ADMIN.
        """
        try:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await put_member(connection, organization_id, user_id, role, self._clock())
        except StorageConflictError:
            raise RefusalError(NOT_FOUND) from None

    async def set_role(self, organization_id: str, user_id: str, role: Role) -> None:
        """The member has this role. Raises `RefusalError` NOT_FOUND for somebody who is no member, or LAST_ADMIN."""
        async with self._database.write() as connection:
            await versions.bump(connection)
            if await _role_of(connection, organization_id, user_id) is None:
                raise RefusalError(NOT_FOUND)
            await put_member(connection, organization_id, user_id, role, self._clock())

    async def remove(self, organization_id: str, user_id: str) -> None:
        """The person is no member. Raises `RefusalError` NOT_FOUND for somebody who was none, or LAST_ADMIN."""
        async with self._database.write() as connection:
            await versions.bump(connection)
            role = await _role_of(connection, organization_id, user_id)
            if role is None:
                raise RefusalError(NOT_FOUND)
            if role is Role.ADMIN:
                await _resign(connection, organization_id, user_id, self._clock())
            await connection.execute(delete(memberships).where(*_this(organization_id, user_id)))


async def put_member(
    connection: AsyncConnection, organization_id: str, user_id: str, role: Role, now: datetime
) -> None:
    """The person is a member with this role. Raises `RefusalError` LAST_ADMIN, or `StorageConflictError` where account
    or organization is missing.
    """
    if role is Role.OPERATOR:
        raise RefusalError(INVALID_REQUEST, "An organization has no operators: its roles are admin, agent and viewer.")
    former = await _role_of(connection, organization_id, user_id)
    if former is Role.ADMIN and role is not Role.ADMIN:
        await _resign(connection, organization_id, user_id, now)
    if former is not None:
        this = _this(organization_id, user_id)
        await connection.execute(update(memberships).where(*this).values(role=role.value))
    else:
        row = {"user_id": user_id, "organization_id": organization_id, "role": role.value, "created_at": now}
        await connection.execute(insert(memberships).values(row))


async def raise_member(
    connection: AsyncConnection, organization_id: str, user_id: str, role: Role, now: datetime
) -> None:
    """The person is a member with at least this role: nobody is lowered by what invited them. Raises as `put_member`
    does.
    """
    former = await _role_of(connection, organization_id, user_id)
    if former is None or _RANK.index(former) < _RANK.index(role):
        await put_member(connection, organization_id, user_id, role, now)


async def _role_of(connection: AsyncConnection, organization_id: str, user_id: str) -> Role | None:
    statement = select(memberships.c.role).where(*_this(organization_id, user_id))
    role = (await connection.execute(statement)).scalar_one_or_none()
    return None if role is None else Role(role)


async def _resign(connection: AsyncConnection, organization_id: str, user_id: str, now: datetime) -> None:
    """The admin may go: another one stays, and the links that this one made work no more, so that nobody who was sent
    away comes back by one.
    """
    # Transactions that begin with a bump take turns: two admins cannot remove each other at once.
    others = (
        select(memberships.c.user_id)
        .join(users, users.c.user_id == memberships.c.user_id)
        .where(
            memberships.c.organization_id == organization_id,
            memberships.c.user_id != user_id,
            memberships.c.role == Role.ADMIN.value,
            users.c.disabled_at.is_(None),
        )
        .limit(1)
    )
    if (await connection.execute(others)).one_or_none() is None:
        raise RefusalError(LAST_ADMIN)
    made_here = invitations.c.organization_id == organization_id
    await end_links(connection, now, made_here, invitations.c.created_by == user_id)


def _this(organization_id: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return (memberships.c.organization_id == organization_id, memberships.c.user_id == user_id)
