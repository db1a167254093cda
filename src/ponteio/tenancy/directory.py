"""The directory: organizations, instances and who owns them. Nobody else may say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from ponteio.model.event import AddressedEvent, DecodedEvent, Refusal
from ponteio.model.identity import Instance, InstanceChange, OrganizationScope
from ponteio.model.outcome import LINK_CONTRADICTION, UNASSIGNED, Outcome
from ponteio.storage.statements import put_row
from ponteio.storage.tables import servers
from ponteio.tenancy import instance_life, rows, versions
from ponteio.tenancy.event_policies import EventPolicies
from ponteio.tenancy.ownership import Ownership

_EXCERPT_BYTES = 2048

_Life = Callable[[Instance, InstanceChange, datetime], Instance]


class Directory(Ownership, EventPolicies):
    """An image in memory of servers, organizations and instances; the database has the truth."""

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
        """The rows of these names say what Evolution's list said; returns those that changed. None of a server that
        was removed.

        A new name gets a row without an owner. Another upstream id under a known name is another instance: it starts
        anew and has no owner. A removed instance that is listed again under its upstream id is back.
        """
        return await self._apply(server_id, sightings, instance_life.after_listing)

    async def note(self, server_id: str, name: str, change: InstanceChange) -> Instance | None:
        """The row of this name says what an event said; None when that was nothing new."""
        changed = await self._apply(server_id, {name: change}, instance_life.after_event)
        return changed[0] if changed else None

    async def _apply(self, server_id: str, changes: Mapping[str, InstanceChange], life: _Life) -> list[Instance]:
        now = self._clock()
        async with self._changing:
            known = {name: self.find(server_id, name) for name in changes}
            if not _differences(known, changes, server_id, life, now):
                return []
            async with self._database.write() as connection:
                version = await versions.bump(connection)
                if await rows.is_server_removed(connection, server_id):
                    return []
                truth = await rows.find_instances(connection, server_id, changes)
                former = {name: truth.get(name) for name in changes}
                changed = _differences(former, changes, server_id, life, now)
                for instance in changed:
                    await rows.save_instance(connection, former[instance.name], instance)
            await self._adopt(version, lambda image: image.put_instances(changed))
        self._tell()
        return changed


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
