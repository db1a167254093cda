"""The directory: organizations, instances and who owns them. Nobody else may say so."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.event import AddressedEvent, DecodedEvent, Refusal
from ponteio.model.identity import Instance, InstanceChange, Limits, Organization, OrganizationScope, Server
from ponteio.model.outcome import (
    INSTANCE_NOT_FOUND,
    INVALID_NAME,
    INVALID_REQUEST,
    LINK_CONTRADICTION,
    NAME_TAKEN,
    ORGANIZATION_NOT_FOUND,
    UNASSIGNED,
    Outcome,
    RefusalError,
)
from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageConflictError
from ponteio.storage.statements import put_row
from ponteio.storage.tables import event_logs, organizations, servers
from ponteio.tenancy import instance_life, rows, versions
from ponteio.tenancy.identifiers import new_epoch, new_id
from ponteio.tenancy.image import DirectoryImage, name_key

MAX_NAME = 64
LIMIT_NAMES = frozenset(field.name for field in fields(Limits))
MAX_LIMIT = 1_000_000
_EXCERPT_BYTES = 2048
# Control characters, lone surrogates, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})

_Life = Callable[[Instance, InstanceChange, datetime], Instance]


class Directory:
    """An image in memory of servers, organizations and instances; the database has the truth.

    Questions are answered from the image: true as of the last `load`, `refresh` or own change. An operator or another
    process may have changed things since: whoever owns this object calls `refresh` about once a second.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = utc_now, default_limits: Limits | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._default_limits = default_limits or Limits()
        self._image = DirectoryImage()
        self._version = -1
        self._listeners: list[Callable[[], None]] = []
        # Changes reach the image in the order in which they were committed.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """The image is what the database says now."""
        async with self._changing:
            await self._reload()

    async def refresh(self) -> bool:
        """Whether somebody else changed the directory since the last look; if so the image is current again and the
        listeners were called.
        """
        async with self._changing:
            async with self._database.read() as connection:
                version = await versions.current(connection)
            if version == self._version:
                return False
            await self._reload()
        self._tell()
        return True

    def on_change(self, listener: Callable[[], None]) -> None:
        """`listener` is called after each change, our own or seen by `refresh`, when the image has it."""
        self._listeners.append(listener)

    def servers(self) -> tuple[Server, ...]:
        """The Evolution servers that are there, by id."""
        return tuple(server for server in self._image.servers.values() if server.removed_at is None)

    def server(self, server_id: str) -> Server | None:
        """The Evolution server of this id, unless it was removed."""
        found = self._image.servers.get(server_id)
        return None if found is None or found.removed_at is not None else found

    async def ensure_server(self, server_id: str, url: str, *, global_events: bool = False) -> None:
        """The environment's server is known under this id, at this URL."""
        row = {
            "server_id": server_id,
            "url": url,
            "created_at": self._clock(),
            "global_events": global_events,
            "allow_private": True,
            "is_from_environment": True,
            "removed_at": None,
        }
        statement = put_row(servers, self._database.dialect, row, keep=("created_at",))
        await self._rewrite(lambda connection: connection.execute(statement))

    async def create_organization(self, name: str) -> Organization:
        """A new organization with an empty log. Raises `RefusalError` INVALID_NAME (1 to 64 characters, none of them a
        control character) or NAME_TAKEN (by another spelling of the same name, too).
        """
        organization = Organization(new_id("org"), _valid_name(name), self._clock())
        columns = {"organization_id": organization.organization_id, "name": organization.name}
        row = {**columns, "name_key": name_key(organization.name), "created_at": organization.created_at}
        log = {"organization_id": organization.organization_id, "epoch": new_epoch(), "head": 0}
        async with self._changing:
            try:
                async with self._database.write() as connection:
                    version = await versions.bump(connection)
                    await connection.execute(insert(organizations).values(row))
                    await connection.execute(insert(event_logs).values(log))
            except StorageConflictError:
                raise RefusalError(NAME_TAKEN) from None
            await self._adopt(version, lambda image: image.put_organization(organization))
        self._tell()
        return organization

    def organizations(self) -> list[Organization]:
        """Every organization, by name."""
        return sorted(self._image.organizations.values(), key=lambda one: name_key(one.name))

    def organization(self, id_or_name: str) -> Organization | None:
        """The organization with this id, or else with this name in whatever case."""
        return self._image.organization(id_or_name)

    def limits(self, organization_id: str) -> Limits:
        """What the organization may use: what the operator set for it, and the deployment's defaults."""
        mine = self._image.limits.get(organization_id)
        return replace(self._default_limits, **mine) if mine else self._default_limits

    async def set_limits(self, organization_id: str, wanted: Mapping[str, int | None]) -> Limits:
        """The organization has these limits, None being the deployment's default; the others stay. Raises
        `RefusalError` ORGANIZATION_NOT_FOUND, or INVALID_REQUEST for an unknown name or a number below 0.
        """
        for name, value in wanted.items():
            if name not in LIMIT_NAMES or (value is not None and not 0 <= value <= MAX_LIMIT):
                raise RefusalError(INVALID_REQUEST, f"{name[:64]!r} is no limit, or its value is out of range.")
        await self._existing(organization_id)
        await self._rewrite(lambda connection: rows.save_limits(connection, organization_id, wanted))
        return self.limits(organization_id)

    async def set_disabled(self, organization_id: str, disabled: bool) -> Organization:
        """Nobody may act for the organization, or somebody may again. Raises `RefusalError` ORGANIZATION_NOT_FOUND."""
        was = await self._existing(organization_id)
        if (was.disabled_at is not None) is disabled:
            return was
        values = {"disabled_at": self._clock() if disabled else None}
        await self._rewrite(lambda connection: rows.change_organization(connection, organization_id, values))
        return await self._existing(organization_id)

    async def rename_organization(self, organization_id: str, name: str) -> Organization:
        """The organization is called `name`. Raises `RefusalError` ORGANIZATION_NOT_FOUND, INVALID_NAME, NAME_TAKEN."""
        await self._existing(organization_id)
        values = {"name": _valid_name(name), "name_key": name_key(_valid_name(name))}
        try:
            await self._rewrite(lambda connection: rows.change_organization(connection, organization_id, values))
        except StorageConflictError:
            raise RefusalError(NAME_TAKEN) from None
        return await self._existing(organization_id)

    def scope_of(self, organization_id: str) -> OrganizationScope:
        """The organization's scope, for our own work and the command line; nothing that a client sent may get here.
        Raises `RefusalError` ORGANIZATION_NOT_FOUND.
        """
        if organization_id not in self._image.organizations:
            raise RefusalError(ORGANIZATION_NOT_FOUND)
        return OrganizationScope(organization_id)

    def address(self, event: DecodedEvent) -> AddressedEvent | Refusal:
        """The event with its owner, from memory. Refused: LINK_CONTRADICTION when it names another instance than the
        link it came over, UNASSIGNED when nobody owns its instance, or when it is that of a namesake whose owner we
        do not know.
        """
        if event.target.instance is not None and event.target.instance != event.instance:
            return _refusal(LINK_CONTRADICTION, event)
        instance = self._image.instances.get((event.target.server_id, event.instance))
        if instance is None or instance.organization_id is None or not instance_life.is_heard(instance, event.change):
            return _refusal(UNASSIGNED, event)
        return AddressedEvent(instance.organization_id, instance.instance_id, event)

    def find(self, server_id: str, name: str) -> Instance | None:
        """The instance of this name, whoever owns it."""
        return self._image.instances.get((server_id, name))

    def instances(self, scope: OrganizationScope) -> list[Instance]:
        """What the scope covers and Evolution still has, by name."""
        return [one for one in self._image.owned(scope.organization_id) if scope.covers(one.name)]

    def instance(self, scope: OrganizationScope, name: str) -> Instance | None:
        """The scope's instance of this name; None when there is none, it is somebody else's, or it was removed."""
        return self._image.owned_instance(scope.organization_id, name) if scope.covers(name) else None

    def namesakes(self, name: str) -> list[Instance]:
        """The instances of this name that Evolution still has, whoever owns them: at most one for each server."""
        return self._image.namesakes(name)

    def all_instances(self) -> list[Instance]:
        """Every instance, owned or not, removed or not, by server and name."""
        return [instance for _, instance in sorted(self._image.instances.items())]

    async def register(self, server_id: str, sightings: Mapping[str, InstanceChange]) -> list[Instance]:
        """The rows of these names say what Evolution's list said; returns those that changed.

        A new name gets a row without an owner. Another upstream id under a known name is another instance: it starts
        anew and has no owner. A removed instance that is listed again under its upstream id is back.
        """
        return await self._apply(server_id, sightings, instance_life.after_listing)

    async def note(self, server_id: str, name: str, change: InstanceChange) -> Instance | None:
        """The row of this name says what an event said; None when that was nothing new."""
        changed = await self._apply(server_id, {name: change}, instance_life.after_event)
        return changed[0] if changed else None

    async def assign(
        self, name: str, organization_id: str, *, server_id: str | None = None, upstream_id: str | None = None
    ) -> Instance:
        """The instance belongs to this organization and to nobody else; a name that nobody knew gets a row.

        Whoever has just created the instance on Evolution gives its `upstream_id`, so that it is not taken for its
        deleted namesake. Without it, after a removal, the next upstream id that is seen counts as this instance's.
        `server_id` may be left out while there is one server. Raises `RefusalError` ORGANIZATION_NOT_FOUND,
        INVALID_NAME, INVALID_REQUEST when the server is unclear or unknown, or NAME_TAKEN when the organization has
        an instance of this name on another server: its events could not be told apart.
        """
        if not name:
            raise RefusalError(INVALID_NAME, "An instance needs a name.")
        await self.refresh()
        self.scope_of(organization_id)
        return await self._settle(name, self._server(server_id), organization_id, upstream_id)

    async def unassign(self, name: str, *, server_id: str | None = None) -> Instance:
        """The instance belongs to nobody: its events go to quarantine. Raises `RefusalError` INSTANCE_NOT_FOUND."""
        await self.refresh()
        server = self._server(server_id)
        if self.find(server, name) is None:
            raise RefusalError(INSTANCE_NOT_FOUND)
        return await self._settle(name, server, None, None)

    async def _settle(
        self, name: str, server_id: str, organization_id: str | None, upstream_id: str | None
    ) -> Instance:
        async with self._changing:
            async with self._database.write() as connection:
                version = await versions.bump(connection)
                former = (await rows.find_instances(connection, server_id, [name])).get(name)
                change = InstanceChange(upstream_id=upstream_id)
                instance = _claimed(former, server_id, name, change, self._clock())
                instance = replace(instance, organization_id=organization_id)
                if organization_id is not None and await rows.has_namesake(connection, instance):
                    raise RefusalError(NAME_TAKEN, "The organization has an instance of this name on another server.")
                await rows.save_instance(connection, former, instance)
            await self._adopt(version, lambda image: image.put_instances([instance]))
        self._tell()
        return instance

    async def _apply(self, server_id: str, changes: Mapping[str, InstanceChange], life: _Life) -> list[Instance]:
        now = self._clock()
        async with self._changing:
            known = {name: self.find(server_id, name) for name in changes}
            if not _differences(known, changes, server_id, life, now):
                return []
            async with self._database.write() as connection:
                version = await versions.bump(connection)
                truth = await rows.find_instances(connection, server_id, changes)
                former = {name: truth.get(name) for name in changes}
                changed = _differences(former, changes, server_id, life, now)
                for instance in changed:
                    await rows.save_instance(connection, former[instance.name], instance)
            await self._adopt(version, lambda image: image.put_instances(changed))
        self._tell()
        return changed

    async def _existing(self, organization_id: str) -> Organization:
        found = self._image.organizations.get(organization_id)
        if found is None:
            await self.refresh()
            found = self._image.organizations.get(organization_id)
        if found is None:
            raise RefusalError(ORGANIZATION_NOT_FOUND)
        return found

    async def _rewrite(self, change: Callable[[AsyncConnection], Awaitable[object]]) -> None:
        async with self._changing:
            async with self._database.write() as connection:
                await versions.bump(connection)
                await change(connection)
            await self._reload()
        self._tell()

    async def _adopt(self, version: int, change: Callable[[DirectoryImage], object]) -> None:
        if version == self._version + 1:
            change(self._image)
            self._version = version
        else:
            await self._reload()

    async def _reload(self) -> None:
        async with self._database.read() as connection:
            version = await versions.current(connection)
            image = await rows.load_image(connection)
        self._image, self._version = image, version

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    def _server(self, server_id: str | None) -> str:
        known = [server.server_id for server in self.servers()]
        if server_id is None and len(known) == 1:
            return known[0]
        if server_id is None or server_id not in known:
            raise RefusalError(INVALID_REQUEST, "Which Evolution API server? There is none of that id here.")
        return server_id


def _differences(
    former: Mapping[str, Instance | None],
    changes: Mapping[str, InstanceChange],
    server_id: str,
    life: _Life,
    now: datetime,
) -> list[Instance]:
    changed = []
    for name, change in changes.items():
        was = former[name]
        is_now = instance_life.first_seen(server_id, name, change, now) if was is None else life(was, change, now)
        if is_now is not None and is_now != was:
            changed.append(is_now)
    return changed


def _claimed(former: Instance | None, server_id: str, name: str, change: InstanceChange, now: datetime) -> Instance:
    """The instance that is being given to somebody: the known one, unless that is gone or a namesake."""
    if former is not None and former.removed_at is None:
        return instance_life.after_listing(former, change, now)
    fresh = instance_life.first_seen(server_id, name, change, now)
    if fresh is None:
        raise AssertionError("an instance that is given to somebody is not being removed")
    return fresh


def _valid_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(name) <= MAX_NAME:
        raise RefusalError(INVALID_NAME, f"A name has between 1 and {MAX_NAME} characters.")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        raise RefusalError(INVALID_NAME, "A name has no control characters.")
    return name


def _refusal(outcome: Outcome, event: DecodedEvent) -> Refusal:
    return Refusal(
        outcome=outcome,
        frame_target=event.target,
        received_at=event.received_at,
        detail=outcome.title,
        size=len(event.data) + len(event.extra or b""),
        excerpt=event.data[:_EXCERPT_BYTES].decode(errors="ignore"),
        instance=event.instance,
        event=event.event,
        decoded=event,
    )
