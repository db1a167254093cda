"""Figures of each organization since they were last taken away, and of the deployment since the process started."""

from __future__ import annotations

from ponteio.observe.figures import Figures


class Tallies:
    """For one event loop. An organization in which nothing happened has no entry."""

    def __init__(self) -> None:
        self._since: dict[str, Figures] = {}
        self._before = Figures()

    def of(self, organization_id: str) -> Figures:
        """The figures of an organization, to be added to at once and not kept."""
        found = self._since.get(organization_id)
        if found is None:
            found = self._since[organization_id] = Figures()
        return found

    def since_taken(self, organization_id: str | None) -> Figures:
        """What was added since `take`: to one organization, or for None to all."""
        if organization_id is None:
            return Figures.total(self._since.values())
        return self._since.get(organization_id) or Figures()

    def take(self) -> dict[str, Figures]:
        """What was added since the last call, by organization."""
        taken, self._since = self._since, {}
        for figures in taken.values():
            self._before.add(figures)
        return taken

    def total(self) -> Figures:
        """All organizations together, since the start."""
        return Figures.total([self._before, *self._since.values()])
