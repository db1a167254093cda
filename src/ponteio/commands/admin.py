"""Organizations, keys and instances, from the terminal of whoever runs the deployment."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.table import Table

from ponteio.config import Settings
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.model.event import utc_text
from ponteio.model.identity import Instance, Organization
from ponteio.model.outcome import INSTANCE_NOT_FOUND, INVALID_REQUEST, NOT_FOUND, ORGANIZATION_NOT_FOUND, RefusalError


@asynccontextmanager
async def office(settings: Settings) -> AsyncIterator[Foundation]:
    """What is remembered, opened for one command. A running gateway notices changes within two seconds."""
    here = await Foundation.open(settings.database_url, checkpoints=False)
    try:
        yield here
    finally:
        await here.close()


async def create_organization(settings: Settings, name: str, *, as_json: bool) -> None:
    async with office(settings) as here:
        made = await here.directory.create_organization(name)
    _say(
        as_json,
        {"organization": made.organization_id, "name": made.name},
        f"organization {made.organization_id} {made.name}",
    )


async def list_organizations(settings: Settings, *, as_json: bool) -> None:
    async with office(settings) as here:
        found = here.directory.organizations()
    rows = [(it.organization_id, it.name, utc_text(it.created_at)) for it in found]
    _table(as_json, ("organization", "name", "created_at"), rows)


async def create_key(settings: Settings, organization: str | None, label: str, *, as_json: bool) -> None:
    """Make a key and print its secret: the only time that it is shown."""
    async with office(settings) as here:
        owner = None if organization is None else _organization(here, organization).organization_id
        key, secret = await here.keys.create(owner, label)
    text = f"{secret}\n\nKey {key.key_id}. It is shown this once; only its hash is kept."
    _say(as_json, {"key_id": key.key_id, "api_key": secret, "organization": owner}, text)


async def list_keys(settings: Settings, *, as_json: bool) -> None:
    async with office(settings) as here:
        found = await here.keys.list()
    rows = [
        (
            key.key_id,
            f"{key.prefix}…",
            key.organization_id or "operator",
            key.label,
            utc_text(key.created_at),
            utc_text(key.last_used_at) if key.last_used_at else "",
            utc_text(key.revoked_at) if key.revoked_at else "",
        )
        for key in found
    ]
    _table(as_json, ("key", "prefix", "owner", "label", "created_at", "last_used_at", "revoked_at"), rows)


async def revoke_key(settings: Settings, key_id: str) -> None:
    async with office(settings) as here:
        if key_id not in {key.key_id for key in await here.keys.list()}:
            raise RefusalError(NOT_FOUND, f"There is no key {key_id!r}.")
        await here.keys.revoke(key_id)
    print(f"key {key_id} revoked; its sockets close within two seconds")


async def list_instances(settings: Settings, *, as_json: bool) -> None:
    async with office(settings) as here:
        rows = [_instance_row(here, instance) for instance in here.directory.all_instances()]
    _table(as_json, ("instance", "organization", "state", "integration"), rows)


async def assign_instance(settings: Settings, name: str, organization: str, *, move: bool) -> None:
    """Give the instance to `organization`; taking it from another owner must be said with `move`."""
    async with office(settings) as here:
        owner = _organization(here, organization)
        known = here.directory.find(SERVER_ID, name)
        if known and known.organization_id not in (None, owner.organization_id) and not move:
            raise RefusalError(
                INVALID_REQUEST, f"{name!r} belongs to another organization; --move takes it away from there."
            )
        await put_into_hands(here, name, owner.organization_id)
    print(f"instance {name} belongs to {owner.name}")


async def unassign_instance(settings: Settings, name: str) -> None:
    async with office(settings) as here:
        if here.directory.find(SERVER_ID, name) is None:
            raise RefusalError(INSTANCE_NOT_FOUND, f"There is no instance {name!r}.")
        await here.directory.unassign(name, server_id=SERVER_ID)
    print(f"instance {name} belongs to nobody; its events go to quarantine")


async def put_into_hands(here: Foundation, name: str, organization_id: str) -> None:
    """The organization owns the instance, even before the gateway has met the Evolution server for the first time."""
    if SERVER_ID not in here.directory.servers():
        await here.directory.ensure_server(SERVER_ID, "")
    await here.directory.assign(name, organization_id, server_id=SERVER_ID)


def _organization(here: Foundation, id_or_name: str) -> Organization:
    found = here.directory.organization(id_or_name)
    if found is None:
        raise RefusalError(ORGANIZATION_NOT_FOUND, f"There is no organization {id_or_name!r}.")
    return found


def _instance_row(here: Foundation, instance: Instance) -> tuple[str, str, str, str]:
    owner = here.directory.organization(instance.organization_id) if instance.organization_id else None
    state = "removed" if instance.removed_at else str(instance.state)
    return instance.name, owner.name if owner else "", state, instance.integration or ""


def _say(as_json: bool, values: dict[str, object], text: str) -> None:
    print(json.dumps(values, ensure_ascii=False) if as_json else text)


def _table(as_json: bool, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if as_json:
        for row in rows:
            print(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
