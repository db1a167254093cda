"""Who is told what, when something changed: the lines between rooms that do not know each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ponteio.api.activity import LastEvents
from ponteio.live.edge import LiveEdge
from ponteio.model.event import PassingEvent, StoredEvent
from ponteio.model.identity import Instance
from ponteio.model.link import LinkState, LinkStatus
from ponteio.notify.watch_board import Board
from ponteio.observe.counters import Counters
from ponteio.tenancy.directory import Directory


class Journal(Protocol):
    """Whoever writes down what happens to links and instances. Returns at once and never raises."""

    def link_changed(self, status: LinkStatus) -> None: ...
    def instances_changed(self, changed: Sequence[Instance]) -> None: ...


class Switchboard:
    """Plugged in before anything happens."""

    def __init__(self, live: LiveEdge, directory: Directory, activity: LastEvents, counters: Counters) -> None:
        self._live = live
        self._counters = counters
        self._directory = directory
        self._activity = activity
        self._board: Board | None = None
        self._journal: Journal | None = None

    def plug_in(self, board: Board) -> None:
        """What is watched for alerts hears what everybody hears."""
        self._board = board

    def write_down(self, journal: Journal) -> None:
        """The journal hears of links and instances."""
        self._journal = journal

    def announce(self, stored: Sequence[StoredEvent]) -> None:
        """Committed events: to the sockets, and to the page that shows when an instance was last heard."""
        self._live.announce(stored)
        self._activity.note(stored)
        if self._board is not None:
            self._board.note_events(stored)

    def pass_on(self, passing: Sequence[PassingEvent]) -> None:
        """Events that are not stored: to the sockets of the moment, and to the same page."""
        self._live.pass_on(passing)
        self._activity.note(passing)
        if self._board is not None:
            self._board.note_passing(passing)

    def link_changed(self, status: LinkStatus) -> None:
        """A link's new state: to its instance's owner, or to everybody when all depend on it."""
        if self._board is not None:
            self._board.note_link(status)
        if self._journal is not None:
            self._journal.link_changed(status)
        concerned = self._concerned(status)
        self._live.link_status(status, concerned)
        if status.state is LinkState.CONNECTED and status.reconnects:
            self._counters.reconnected(status.target.server_id, sorted(concerned), status.target.instance)

    def instances_changed(self, changed: Sequence[Instance]) -> None:
        """New states of instances: to their owners."""
        if self._journal is not None:
            self._journal.instances_changed(changed)
        for instance in changed:
            self._live.instance_status(instance)

    def instance_changed(self, instance: Instance) -> None:
        """An event brought a new state of an instance: as `instances_changed`."""
        self.instances_changed([instance])

    def _concerned(self, status: LinkStatus) -> set[str]:
        """Whoever has an instance there: with several servers, a global link is not everybody's."""
        name, server_id = status.target.instance, status.target.server_id
        if name is None:
            owners = (it.organization_id for it in self._directory.all_instances() if it.server_id == server_id)
            return {owner for owner in owners if owner is not None}
        instance = self._directory.find(server_id, name)
        return {instance.organization_id} if instance and instance.organization_id else set()
