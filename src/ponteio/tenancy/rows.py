"""Rows of the tenancy tables, and what they stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.event_policy import EventPolicy
from ponteio.model.identity import Instance, InstanceState, Limits, Organization, Server
from ponteio.model.link import LinkTarget
from ponteio.storage.choice_tables import event_policies
from ponteio.storage.statements import portions
from ponteio.storage.tables import instances, organization_limits, organizations, servers
from ponteio.tenancy.image import DirectoryImage
from ponteio.tenancy.link_intents import forget_intent

LIMIT_NAMES = frozenset(field.name for field in fields(Limits))


async def load_image(connection: AsyncConnection, default_limits: Limits) -> DirectoryImage:
    """Everything the directory knows, as this transaction sees it."""
    return DirectoryImage(
        servers=[server_of(row) for row in await connection.execute(select(servers))],
        organizations=[_organization(row) for row in await connection.execute(select(organizations))],
        instances=[_instance(row) for row in await connection.execute(select(instances))],
        limits=await _limits(connection, default_limits),
        policies=await _policies(connection),
    )


async def find_instances(connection: AsyncConnection, server_id: str, names: Collection[str]) -> dict[str, Instance]:
    """The rows of these names."""
    found = {}
    for some_names in portions(names):
        some = instances.c.name.in_(some_names)
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


async def has_namesake(connection: AsyncConnection, instance: Instance) -> bool:
    """Whether the owner of `instance` has one of the same name on another server that is still there."""
    there = instances.join(servers, servers.c.server_id == instances.c.server_id)
    statement = (
        select(instances.c.instance_id)
        .select_from(there)
        .where(
            instances.c.name == instance.name,
            instances.c.organization_id == instance.organization_id,
            instances.c.server_id != instance.server_id,
            instances.c.removed_at.is_(None),
            servers.c.removed_at.is_(None),
        )
    )
    return (await connection.execute(statement.limit(1))).one_or_none() is not None


async def is_server_removed(connection: AsyncConnection, server_id: str) -> bool:
    """Whether somebody removed the server: whatever is still on its way must not bring its instances back."""
    statement = select(servers.c.server_id).where(servers.c.server_id == server_id, servers.c.removed_at.is_not(None))
    return (await connection.execute(statement)).one_or_none() is not None


async def change_organization(connection: AsyncConnection, organization_id: str, values: Mapping[str, object]) -> None:
    """The organization's row has these values. Raises `StorageConflictError` for a name that is taken."""
    here = organizations.c.organization_id == organization_id
    await connection.execute(update(organizations).where(here).values(dict(values)))


async def save_limits(connection: AsyncConnection, organization_id: str, wanted: Mapping[str, int | None]) -> None:
    """The organization has these limits of its own; None: it has none."""
    mine = organization_limits.c.organization_id == organization_id
    await connection.execute(delete(organization_limits).where(mine, organization_limits.c.name.in_(wanted)))
    new = [
        {"organization_id": organization_id, "name": name, "value": value}
        for name, value in wanted.items()
        if value is not None
    ]
    if new:
        await connection.execute(insert(organization_limits), new)


def server_of(row: Row[Any]) -> Server:
    """The server of a row of `servers`, without its key."""
    mark = None if row.sealed_key is None else sha256(row.sealed_key.encode()).hexdigest()[:16]
    return Server(
        server_id=row.server_id,
        url=row.url,
        label=row.label,
        created_at=row.created_at,
        global_events=row.global_events,
        allow_private=row.allow_private,
        is_from_environment=row.is_from_environment,
        key_last4=row.key_last4,
        removed_at=row.removed_at,
        key_mark=mark,
    )


async def _limits(connection: AsyncConnection, defaults: Limits) -> dict[str, Limits]:
    """The limits of organizations that have some of their own. A name from another version of us is left out."""
    found: dict[str, Limits] = {}
    for row in await connection.execute(select(organization_limits)):
        if row.name in LIMIT_NAMES:
            found[row.organization_id] = replace(found.get(row.organization_id, defaults), **{row.name: row.value})
    return found


async def _policies(connection: AsyncConnection) -> dict[str, list[EventPolicy]]:
    found: dict[str, list[EventPolicy]] = {}
    for row in await connection.execute(select(event_policies)):
        policy = EventPolicy(row.pattern, row.store, row.keep_days, row.push)
        found.setdefault(row.organization_id, []).append(policy)
    return found


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
