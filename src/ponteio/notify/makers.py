"""Whether those who saved rules may still read content: what a rule may tell hangs on it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from ponteio.model.alert import AlertRule
from ponteio.model.rights import Right, Role
from ponteio.storage.database import Database
from ponteio.storage.tables import memberships, users
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.permissions import ROLE_RIGHTS


class Makers:
    """Asks the database each time: rights are never remembered."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    async def reading_content(self, rules: Collection[AlertRule]) -> set[str]:
        """The ids of those rules whose makers may read their organization's content now. Raises `StorageError`."""
        people = {rule.maker.maker_id for rule in rules if not rule.maker.is_key}
        keys = {rule.maker.maker_id for rule in rules if rule.maker.is_key}
        roles = await self._roles(people) if people else {}
        holders = await self._keys.current(keys) if keys else {}
        found = set()
        for rule in rules:
            maker, organization_id = rule.maker.maker_id, rule.organization_id
            if rule.maker.is_key:
                holder = holders.get(maker)
                scope = None if holder is None else holder.scope
                is_ours = scope is not None and scope.organization_id == organization_id and scope.sight.content
                may = holder is not None and is_ours and holder.may(Right.CONTENT_READ)
            else:
                role = roles.get((maker, organization_id))
                may = role is not None and Right.CONTENT_READ in ROLE_RIGHTS[role]
            if may:
                found.add(rule.rule_id)
        return found

    async def _roles(self, user_ids: Collection[str]) -> dict[tuple[str, str], Role]:
        statement = (
            select(memberships.c.user_id, memberships.c.organization_id, memberships.c.role)
            .join(users, users.c.user_id == memberships.c.user_id)
            .where(memberships.c.user_id.in_(sorted(user_ids)), users.c.disabled_at.is_(None))
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {(row.user_id, row.organization_id): Role(row.role) for row in rows}
