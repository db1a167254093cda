"""Room for exports: each keeps the database busy for as long as its reader likes."""

from __future__ import annotations

from collections import Counter

from ponteio.model.outcome import TOO_MANY_EXPORTS, RefusalError

OF_ONE_ORGANIZATION = 2
OF_ALL = 8


class ExportPlaces:
    """Who exports just now, in this process."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._taken.total()

    def take(self, organization_id: str) -> None:
        """A place is taken until `leave`. Raises `RefusalError` TOO_MANY_EXPORTS."""
        if self._taken[organization_id] >= OF_ONE_ORGANIZATION or len(self) >= OF_ALL:
            raise RefusalError(TOO_MANY_EXPORTS)
        self._taken[organization_id] += 1

    def leave(self, organization_id: str) -> None:
        """The place is free again."""
        self._taken[organization_id] -= 1
        if not self._taken[organization_id]:
            del self._taken[organization_id]
