"""Organizations, keys and instances, from the terminal of whoever runs the deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from ponteio.commands.office import TERMINAL, office, organization_of, say, table
from ponteio.config import Settings
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.model.event import utc_text
from ponteio.model.filter import EventFilter, FilterError
from ponteio.model.identity import ApiKey, Instance
from ponteio.model.outcome import INSTANCE_NOT_FOUND, INVALID_FILTER, INVALID_REQUEST, NOT_FOUND, RefusalError
from ponteio.model.rights import KeyScope
from ponteio.observe.clock import utc_now
from ponteio.tenancy.audit import Action


async def create_organization(settings: Settings, name: str, *, as_json: bool) -> None:
    async with office(settings) as here:
        made = await here.directory.create_organization(name)
        await here.audit.record(Action.ORGANIZATION_MADE, TERMINAL, organization_id=made.organization_id)
    say(
        as_json,
        {"organization": made.organization_id, "name": made.name},
        f"organization {made.organization_id} {made.name}",
    )


async def list_organizations(settings: Settings, *, as_json: bool) -> None:
    async with office(settings) as here:
        found = here.directory.organizations()
    rows = [
        (it.organization_id, it.name, utc_text(it.created_at), utc_text(it.disabled_at) if it.disabled_at else "")
        for it in found
    ]
    table(as_json, ("organization", "name", "created_at", "disabled_at"), rows)


async def set_disabled(settings: Settings, organization: str, disabled: bool) -> None:
    """Nobody may act for the organization, or somebody may again. Its events are stored all the while."""
    async with office(settings) as here:
        found = organization_of(here, organization)
        await here.directory.set_disabled(found.organization_id, disabled)
        action = Action.ORGANIZATION_DISABLED if disabled else Action.ORGANIZATION_ENABLED
        await here.audit.record(action, TERMINAL, organization_id=found.organization_id)
    print(f"organization {found.name} is {'disabled' if disabled else 'enabled'}")


async def set_limits(settings: Settings, organization: str, changes: Sequence[str], *, as_json: bool) -> None:
    """Set `name=number`, or `name=default`; then print the limits that hold."""
    async with office(settings) as here:
        found = organization_of(here, organization)
        wanted = dict(map(_limit, changes))
        if wanted:
            await here.directory.set_limits(found.organization_id, wanted)
            detail = {name: "default" if value is None else value for name, value in wanted.items()}
            await here.audit.record(Action.LIMITS_SET, TERMINAL, organization_id=found.organization_id, detail=detail)
        limits = asdict(here.directory.limits(found.organization_id))
    table(as_json, ("limit", "value"), [(name, str(value)) for name, value in limits.items()])


def _limit(change: str) -> tuple[str, int | None]:
    name, _, value = change.partition("=")
    if value == "default":
        return name, None
    if not value.isdecimal():
        raise RefusalError(INVALID_REQUEST, f"{change!r} is not of the form name=number or name=default.")
    return name, int(value)


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be. No organization: the operator's, which takes neither scopes nor limits."""

    organization: str | None
    label: str = ""
    scopes: tuple[KeyScope, ...] = ()
    instances: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    metadata_only: bool = False
    days: int = 0


async def create_key(settings: Settings, wanted: NewKey, *, as_json: bool) -> None:
    """Make a key and print its secret: the only time that it is shown."""
    async with office(settings) as here:
        key, secret = await _made(here, wanted)
        owner = key.organization_id
        await here.audit.record(Action.KEY_MADE, TERMINAL, organization_id=owner, target=key.key_id)
    text = f"{secret}\n\nKey {key.key_id}. It is shown this once; only its hash is kept."
    say(as_json, {"key_id": key.key_id, "api_key": secret, "organization": owner}, text)


async def _made(here: Foundation, wanted: NewKey) -> tuple[ApiKey, str]:
    if wanted.organization is None:
        return await here.keys.create(None, wanted.label)
    try:
        allowed = EventFilter.of(wanted.instances or None, wanted.events or None)
    except FilterError as error:
        raise RefusalError(INVALID_FILTER, str(error)) from None
    return await here.keys.create(
        organization_of(here, wanted.organization).organization_id,
        wanted.label,
        scopes=frozenset(wanted.scopes or (KeyScope.ADMIN,)),
        allowed=allowed,
        metadata_only=wanted.metadata_only,
        expires_at=utc_now() + timedelta(days=wanted.days) if wanted.days else None,
    )


async def list_keys(settings: Settings, *, as_json: bool) -> None:
    async with office(settings) as here:
        found = await here.keys.list()
    rows = [
        (
            key.key_id,
            f"{key.prefix}…",
            key.organization_id or "operator",
            key.label,
            " ".join(sorted(key.scopes)) if key.organization_id else "",
            utc_text(key.created_at),
            utc_text(key.last_used_at) if key.last_used_at else "",
            utc_text(key.expires_at) if key.expires_at else "",
            utc_text(key.revoked_at) if key.revoked_at else "",
        )
        for key in found
    ]
    columns = ("key", "prefix", "owner", "label", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    table(as_json, columns, rows)


async def revoke_key(settings: Settings, key_id: str) -> None:
    async with office(settings) as here:
        key = next((key for key in await here.keys.list() if key.key_id == key_id), None)
        if key is None:
            raise RefusalError(NOT_FOUND, f"There is no key {key_id!r}.")
        await here.keys.revoke(key_id)
        await here.audit.record(Action.KEY_REVOKED, TERMINAL, organization_id=key.organization_id, target=key_id)
    print(f"key {key_id} revoked; its sockets close within two seconds")


async def list_instances(settings: Settings, *, as_json: bool) -> None:
    async with office(settings) as here:
        rows = [_instance_row(here, instance) for instance in here.directory.all_instances()]
    table(as_json, ("instance", "organization", "state", "integration"), rows)


async def assign_instance(
    settings: Settings, name: str, organization: str, *, move: bool, server: str = SERVER_ID
) -> None:
    """Give the instance to `organization`; taking it from another owner must be said with `move`."""
    async with office(settings) as here:
        owner = organization_of(here, organization)
        known = here.directory.find(server, name)
        if known and known.organization_id not in (None, owner.organization_id) and not move:
            raise RefusalError(
                INVALID_REQUEST, f"{name!r} belongs to another organization; --move takes it away from there."
            )
        await put_into_hands(here, name, owner.organization_id, server)
        await here.audit.record(Action.INSTANCE_ASSIGNED, TERMINAL, organization_id=owner.organization_id, target=name)
    print(f"instance {name} belongs to {owner.name}")


async def unassign_instance(settings: Settings, name: str, *, server: str = SERVER_ID) -> None:
    async with office(settings) as here:
        known = here.directory.find(server, name)
        if known is None:
            raise RefusalError(INSTANCE_NOT_FOUND, f"There is no instance {name!r}.")
        await here.directory.unassign(name, server_id=server)
        await here.audit.record(
            Action.INSTANCE_UNASSIGNED, TERMINAL, organization_id=known.organization_id, target=name
        )
    print(f"instance {name} belongs to nobody; its events go to quarantine")


async def put_into_hands(here: Foundation, name: str, organization_id: str, server: str = SERVER_ID) -> None:
    """The organization owns the instance, even before the gateway has met the Evolution server for the first time."""
    if server == SERVER_ID and here.directory.server(SERVER_ID) is None:
        await here.directory.ensure_server(SERVER_ID, "")
    await here.directory.assign(name, organization_id, server_id=server)


def _instance_row(here: Foundation, instance: Instance) -> tuple[str, str, str, str]:
    owner = here.directory.organization(instance.organization_id) if instance.organization_id else None
    state = "removed" if instance.removed_at else str(instance.state)
    return instance.name, owner.name if owner else "", state, instance.integration or ""
