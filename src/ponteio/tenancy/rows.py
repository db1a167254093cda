"""Rows of the tenancy tables, and what they stand for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.identity import Instance, InstanceState, Organization
from ponteio.model.link import LinkTarget
from ponteio.storage.tables import instances, organizations, servers
from ponteio.tenancy.image import DirectoryImage
from ponteio.tenancy.link_intents import forget_intent

# Databases bound the number of parameters of a statement.
_NAMES_AT_ONCE = 5_000


async def load_image(connection: AsyncConnection) -> DirectoryImage:
    """Everything the directory knows, as this transaction sees it."""
    return DirectoryImage(
        servers=(await connection.execute(select(servers.c.server_id))).scalars().all(),
        organizations=[_organization(row) for row in await connection.execute(select(organizations))],
        instances=[_instance(row) for row in await connection.execute(select(instances))],
    )


async def find_instances(connection: AsyncConnection, server_id: str, names: Collection[str]) -> dict[str, Instance]:
    """The rows of these names."""
    wanted = sorted(names)
    found = {}
    for start in range(0, len(wanted), _NAMES_AT_ONCE):
        some = instances.c.name.in_(wanted[start : start + _NAMES_AT_ONCE])
        for row in await connection.execute(select(instances).where(instances.c.server_id == server_id, some)):
            found[row.name] = _instance(row)
    return found


async def save_instance(connection: AsyncConnection, former: Instance | None, instance: Instance) -> None:
    """The row of `former` becomes `instance`, or a new row does. What a former owner wanted of its link by hand is
    forgotten: it does not bind the next one.
    """
    columns = _instance_columns(instance)
    if former is None:
        await connection.execute(insert(instances).values(columns))
    else:
        await connection.execute(update(instances).where(instances.c.instance_id == former.instance_id).values(columns))
        if former.organization_id not in (None, instance.organization_id):
            await forget_intent(connection, LinkTarget(former.server_id, former.name))


def _organization(row: Row[Any]) -> Organization:
    return Organization(row.organization_id, row.name, row.created_at, row.disabled_at)


def _instance(row: Row[Any]) -> Instance:
    return Instance(
        instance_id=row.instance_id,
        server_id=row.server_id,
        name=row.name,
        organization_id=row.organization_id,
        upstream_id=row.upstream_id,
        integration=row.integration,
        state=InstanceState(row.state),
        state_at=row.state_at,
        reason=row.reason,
        removed_at=row.removed_at,
    )


def _instance_columns(instance: Instance) -> dict[str, object]:
    return {
        "instance_id": instance.instance_id,
        "server_id": instance.server_id,
        "name": instance.name,
        "organization_id": instance.organization_id,
        "upstream_id": instance.upstream_id,
        "integration": instance.integration,
        "state": instance.state.value,
        "state_at": instance.state_at,
        "reason": instance.reason,
        "removed_at": instance.removed_at,
    }
