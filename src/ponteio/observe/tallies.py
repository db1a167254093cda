"""Figures of each organization since they were last taken away, and of the deployment since the process started."""

from __future__ import annotations

from ponteio.observe.figures import Figures


class Tallies:
    """For one event loop. An organization in which nothing happened has no entry. `shared` has what is nobody's in
    particular: refusals of all kinds, and reconnects, each counted once however many organizations a link serves.
    """

    def __init__(self) -> None:
        self.shared = Figures()
        self._since: dict[str, Figures] = {}
        self._before = Figures()

    def of(self, organization_id: str) -> Figures:
        """The figures of an organization, to be added to at once and not kept."""
        found = self._since.get(organization_id)
        if found is None:
            found = self._since[organization_id] = Figures()
        return found

    def since_taken(self, organization_id: str) -> Figures:
        """What was added to an organization since `take`."""
        return self._since.get(organization_id) or Figures()

    def deployment(self) -> Figures:
        """What was added to all organizations and to none since `take`, without the names of anybody's instances.
        `sockets` is what `shared` says.
        """
        whole = Figures.total(self._since.values())
        whole.events_of.clear()
        whole.reconnects_of.clear()
        whole.refused, whole.reconnects, whole.sockets = (
            self.shared.refused,
            self.shared.reconnects,
            self.shared.sockets,
        )
        return whole

    def take(self) -> dict[str, Figures]:
        """What was added since the last call, by organization; `deployment` begins anew too."""
        taken, self._since, self.shared = self._since, {}, Figures()
        for figures in taken.values():
            self._before.add(figures)
        return taken

    def total(self) -> Figures:
        """All organizations together, since the start."""
        return Figures.total([self._before, *self._since.values()])
