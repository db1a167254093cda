"""When each instance last had an event: the global link's own status would tell of others too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ponteio.model.event import ShownEvent


class LastEvents:
    """The time of each instance's newest event, stored or only shown, since the process started; one entry an owned
    instance.
    """

    def __init__(self) -> None:
        self._received_at: dict[tuple[str, str], datetime] = {}

    def note(self, events: Iterable[ShownEvent]) -> None:
        """Take in what was heard."""
        for event in events:
            self._received_at[event.organization_id, event.instance] = event.received_at

    def at(self, organization_id: str | None, instance: str) -> datetime | None:
        """When the organization's instance last had an event; None if not since the start, or if nobody owns it."""
        return None if organization_id is None else self._received_at.get((organization_id, instance))
