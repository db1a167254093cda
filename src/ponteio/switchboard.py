"""Who is told what, when something changed: the lines between rooms that do not know each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ponteio.api.activity import LastEvents
from ponteio.live.edge import LiveEdge
from ponteio.model.event import StoredEvent
from ponteio.model.identity import Instance
from ponteio.model.link import LinkState, LinkStatus
from ponteio.tenancy.directory import Directory


class Switchboard:
    """Plugged in before anything happens; `on_connected` is called when a link has joined its namespace."""

    def __init__(self, live: LiveEdge, directory: Directory, activity: LastEvents) -> None:
        self._live = live
        self._directory = directory
        self._activity = activity
        self.on_connected: Callable[[], None] = lambda: None

    def announce(self, stored: Sequence[StoredEvent]) -> None:
        """Committed events: to the sockets, and to the page that shows when an instance was last heard."""
        self._live.announce(stored)
        self._activity.note(stored)

    def link_changed(self, status: LinkStatus) -> None:
        """A link's new state: to its instance's owner, or to everybody when all depend on it."""
        self._live.link_status(status, self._concerned(status))
        if status.state is LinkState.CONNECTED:
            self.on_connected()

    def instances_changed(self, changed: Sequence[Instance]) -> None:
        """New states of instances: to their owners."""
        for instance in changed:
            self._live.instance_status(instance)

    def _concerned(self, status: LinkStatus) -> set[str]:
        name = status.target.instance
        if name is None:
            return {organization.organization_id for organization in self._directory.organizations()}
        instance = self._directory.find(status.target.server_id, name)
        return {instance.organization_id} if instance and instance.organization_id else set()
