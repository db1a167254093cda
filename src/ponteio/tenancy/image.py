"""The directory in memory: who owns what, answered without the database."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping

from ponteio.model.event_policy import EventChoices, EventPolicy
from ponteio.model.identity import Instance, Limits, Organization, Server


class DirectoryImage:
    """Servers, organizations and instances, indexed for every question that is asked on the way of an event."""

    def __init__(
        self,
        servers: Iterable[Server] = (),
        organizations: Iterable[Organization] = (),
        instances: Iterable[Instance] = (),
        limits: Mapping[str, Limits] | None = None,
        policies: Mapping[str, Collection[EventPolicy]] | None = None,
    ) -> None:
        self.servers: dict[str, Server] = {}
        for server in servers:
            self.put_server(server)
        self.limits: dict[str, Limits] = dict(limits or {})
        """Whole, of those organizations for which the operator set some."""
        self.policies: dict[str, Collection[EventPolicy]] = dict(policies or {})
        """Of those organizations that chose something."""
        self.choices: dict[str, EventChoices] = {}
        """Of those organizations that were asked about: `policies` within `limits`, ready to be asked."""
        self.organizations: dict[str, Organization] = {}
        self.instances: dict[tuple[str, str], Instance] = {}
        self._by_name: dict[str, str] = {}
        self._owned: dict[str, dict[tuple[str, str], Instance]] = {}
        for organization in organizations:
            self.put_organization(organization)
        self.put_instances(instances)

    def put_server(self, server: Server) -> None:
        """The server is known, in the order of ids."""
        self.servers = dict(sorted({**self.servers, server.server_id: server}.items()))

    def put_organization(self, organization: Organization) -> None:
        """The organization is found by its id and its name."""
        self.organizations[organization.organization_id] = organization
        self._by_name[name_key(organization.name)] = organization.organization_id

    def put_instances(self, instances: Iterable[Instance]) -> None:
        """Each stands in place of whatever had its server and name."""
        for instance in instances:
            place = (instance.server_id, instance.name)
            former = self.instances.get(place)
            if former is not None and former.organization_id is not None:
                del self._owned[former.organization_id][place]
            self.instances[place] = instance
            if instance.organization_id is not None:
                self._owned.setdefault(instance.organization_id, {})[place] = instance

    def organization(self, id_or_name: str) -> Organization | None:
        """The organization with this id, or else with this name in whatever case."""
        organization_id = id_or_name if id_or_name in self.organizations else self._by_name.get(name_key(id_or_name))
        return None if organization_id is None else self.organizations[organization_id]

    def owned(self, organization_id: str) -> list[Instance]:
        """What the organization owns and Evolution still has, by name."""
        present = [one for one in self._owned.get(organization_id, {}).values() if one.removed_at is None]
        return sorted(present, key=lambda one: (one.name, one.server_id))

    def namesakes(self, name: str) -> list[Instance]:
        """The instances of this name that Evolution still has, by server."""
        found = (self.instances.get((server_id, name)) for server_id in self.servers)
        return [one for one in found if one is not None and one.removed_at is None]

    def owned_instance(self, organization_id: str, name: str) -> Instance | None:
        """The organization's instance of this name that Evolution still has."""
        mine = self._owned.get(organization_id, {})
        found = (mine.get((server_id, name)) for server_id in self.servers)
        return next((one for one in found if one is not None and one.removed_at is None), None)


def name_key(name: str) -> str:
    """What must be unique of an organization's name: it without case and without look-alike spellings."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())
