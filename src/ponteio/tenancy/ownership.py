"""The directory's word on who owns an instance: given, taken, claimed, kept for one that is being made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ponteio.model.identity import Instance, InstanceChange, Server
from ponteio.model.outcome import (
    CLAIM_REFUSED,
    INSTANCE_NOT_FOUND,
    INVALID_NAME,
    INVALID_REQUEST,
    NAME_TAKEN,
    SERVER_NOT_FOUND,
    RefusalError,
)
from ponteio.tenancy import instance_life, rows, versions
from ponteio.tenancy.organizations import Organizations


@dataclass(frozen=True, slots=True)
class Reservation:
    """A name that is kept for an organization, and what stood there before."""

    instance: Instance
    former: Instance | None


class Ownership(Organizations):
    """The part of the directory that is about owners. Each change is decided on the row as the transaction finds it."""

    def servers(self) -> tuple[Server, ...]:
        """The Evolution servers that are there, by id."""
        return tuple(server for server in self._image.servers.values() if server.removed_at is None)

    def removed_servers(self) -> tuple[Server, ...]:
        """The Evolution servers that were removed, by id: their rows stay, for what they sent."""
        return tuple(server for server in self._image.servers.values() if server.removed_at is not None)

    def server(self, server_id: str) -> Server | None:
        """The Evolution server of this id, unless it was removed."""
        found = self._image.servers.get(server_id)
        return None if found is None or found.removed_at is not None else found

    async def assign(
        self, name: str, organization_id: str, *, server_id: str | None = None, upstream_id: str | None = None
    ) -> Instance:
        """The instance belongs to this organization and to nobody else; a name that nobody knew gets a row. Its events
        are the organization's from now on; what came before stays with whoever had it, or in quarantine.

        Whoever has just created the instance on Evolution gives its `upstream_id`, so that it is not taken for its
        deleted namesake. Without it, after a removal, the next upstream id that is seen counts as this instance's.
        `server_id` may be left out while there is one server. Raises `RefusalError` ORGANIZATION_NOT_FOUND,
        INVALID_NAME, INVALID_REQUEST when the server is unclear or unknown, or NAME_TAKEN when the organization has
        an instance of this name on another server: its events could not be told apart.
        """
        here = await self._place(name, organization_id, server_id)

        def given(former: Instance | None) -> Instance:
            return replace(self._standing(former, here, name, upstream_id), organization_id=organization_id)

        return await self._settle(name, here, given)

    async def unassign(self, name: str, *, server_id: str | None = None) -> Instance:
        """The instance belongs to nobody: its events go to quarantine. Raises `RefusalError` INSTANCE_NOT_FOUND."""
        await self.refresh()

        def taken(former: Instance | None) -> Instance:
            if former is None:
                raise RefusalError(INSTANCE_NOT_FOUND)
            return replace(former, organization_id=None)

        return await self._settle(name, self._server(server_id), taken)

    async def claim(self, name: str, organization_id: str, *, server_id: str, upstream_id: str | None) -> Instance:
        """`assign` for an organization that has proved the instance's token. Raises `RefusalError` CLAIM_REFUSED when
        it is somebody else's; of two organizations that claim at once, one gets it.
        """
        here = await self._place(name, organization_id, server_id)

        def claimed(former: Instance | None) -> Instance:
            instance = self._standing(former, here, name, upstream_id)
            if instance.organization_id not in (None, organization_id):
                raise RefusalError(CLAIM_REFUSED)
            return replace(instance, organization_id=organization_id)

        return await self._settle(name, here, claimed)

    async def reserve(self, name: str, organization_id: str, *, server_id: str) -> Reservation:
        """The name is the organization's before Evolution has the instance, so that its first events find their owner.
        Call `release` when it does not come to be. Only for a name that Evolution does not have.

        Raises `RefusalError` NAME_TAKEN when there is an instance of this name, when the name is kept for somebody
        else, or when the organization has one of this name on another server.
        """
        here = await self._place(name, organization_id, server_id)
        before: list[Instance | None] = []

        def kept(former: Instance | None) -> Instance:
            before.append(former)
            is_there = former is not None and former.removed_at is None
            if former is not None and is_there and not _is_free_for(former, organization_id):
                raise RefusalError(NAME_TAKEN)
            return replace(self._standing(former, here, name, None), organization_id=organization_id)

        return Reservation(await self._settle(name, here, kept), before[-1])

    async def release(self, reservation: Reservation) -> None:
        """The name is as it was before `reserve`, unless the instance has come to be or was given to somebody else."""
        kept = reservation.instance

        def released(former: Instance | None) -> Instance:
            if former is None or former.instance_id != kept.instance_id:
                return former or kept
            if former.upstream_id is not None or former.organization_id != kept.organization_id:
                return former
            before = reservation.former
            if before is not None and before.instance_id == kept.instance_id:
                return replace(former, organization_id=before.organization_id)
            return replace(former, organization_id=None, removed_at=self._clock())

        await self._settle(kept.name, kept.server_id, released)

    async def _settle(self, name: str, server_id: str, decide: Callable[[Instance | None], Instance]) -> Instance:
        """The row of this name is what `decide` makes of it, in one transaction."""
        async with self._changing:
            async with self._database.write() as connection:
                version = await versions.bump(connection)
                if await rows.is_server_removed(connection, server_id):
                    raise RefusalError(SERVER_NOT_FOUND)
                former = (await rows.find_instances(connection, server_id, [name])).get(name)
                instance = decide(former)
                if instance.organization_id is not None and await rows.has_namesake(connection, instance):
                    raise RefusalError(NAME_TAKEN, "The organization has an instance of this name on another server.")
                await rows.save_instance(connection, former, instance)
            await self._adopt(version, lambda image: image.put_instances([instance]))
        self._tell()
        return instance

    async def _place(self, name: str, organization_id: str, server_id: str | None) -> str:
        """The server on which the organization is to own an instance of this name."""
        if not name:
            raise RefusalError(INVALID_NAME, "An instance needs a name.")
        await self.refresh()
        self.scope_of(organization_id)
        return self._server(server_id)

    def _standing(self, former: Instance | None, server_id: str, name: str, upstream_id: str | None) -> Instance:
        return _standing(former, server_id, name, InstanceChange(upstream_id=upstream_id), self._clock())

    def _server(self, server_id: str | None) -> str:
        known = [server.server_id for server in self.servers()]
        if server_id is None and len(known) == 1:
            return known[0]
        if server_id is None or server_id not in known:
            raise RefusalError(INVALID_REQUEST, "Which Evolution API server? There is none of that id here.")
        return server_id


def _is_free_for(instance: Instance, organization_id: str) -> bool:
    """Whether nobody has met the instance on Evolution, and nobody else is waiting for it."""
    return instance.upstream_id is None and instance.organization_id in (None, organization_id)


def _standing(former: Instance | None, server_id: str, name: str, change: InstanceChange, now: datetime) -> Instance:
    """The instance that is being given to somebody: the known one, unless that is gone or a namesake."""
    if former is not None and former.removed_at is None:
        return instance_life.after_listing(former, change, now)
    fresh = instance_life.first_seen(server_id, name, change, now)
    if fresh is None:
        raise AssertionError("an instance that is given to somebody is not being removed")
    return fresh
