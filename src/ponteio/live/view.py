"""What one socket is shown of its organization's events."""

from __future__ import annotations

from dataclasses import dataclass

from ponteio.model.filter import EventFilter
from ponteio.model.identity import OrganizationScope
from ponteio.model.sight import Sight


@dataclass(frozen=True, slots=True)
class View:
    """The events that a socket may see (`allowed`) and also wants (`wanted`), and how much of each (`sight`)."""

    allowed: EventFilter
    wanted: EventFilter
    sight: Sight

    @classmethod
    def of(cls, scope: OrganizationScope, wanted: EventFilter) -> View:
        """The view within `scope` of a socket with the filter `wanted`."""
        return cls(scope.allowed, wanted, scope.sight)

    def shows(self, instance: str, event: str) -> bool:
        """Whether the event named `event` of this instance is shown."""
        return (self.allowed.is_everything or self.allowed.matches(instance, event)) and (
            self.wanted.is_everything or self.wanted.matches(instance, event)
        )

    def covers(self, instance: str) -> bool:
        """Whether news about this instance is shown."""
        names = (self.allowed.instances, self.wanted.instances)
        return all(some is None or instance in some for some in names)
