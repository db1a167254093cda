"""Notes on their way into the link journal: bounded, and the same again and again becomes one with a count. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ponteio.model.journal import JournalKind, JournalNote

MAX_WAITING = 10_000
SINGLE = 20
"""Entries of one link or instance in an hour that stand for themselves; of those beyond, repeats are only counted. A
link that flaps once a second for a day leaves hundreds of rows, not 86 400.
"""
HOUR = timedelta(hours=1)

Place = tuple[str | None, str | None, str | None]


@dataclass(slots=True, eq=False)
class Draft:
    """An entry that is not in the database yet, or with a smaller count (`written`). `entry_id` is None until it has a
    row.
    """

    note: JournalNote
    count: int
    last_at: datetime
    entry_id: int | None = None
    written: int = 0
    is_dropped: bool = False


@dataclass(slots=True)
class _Hour:
    """What one place had since `began_at`: how much, and the newest entry of each sort."""

    began_at: datetime
    entries: int = 0
    newest: dict[tuple[str | None, ...], Draft] = field(default_factory=dict)


class JournalBuffer:
    """Takes notes at any time; whoever writes takes the oldest of them with `take`, and says with `written` that they
    are safe. When too many wait, the oldest are dropped, and an entry says how many.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._waiting: dict[int, Draft] = {}
        self._hours: dict[Place, _Hour] = {}
        self._dropped = 0
        self._dropped_at: datetime | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """Notes that were dropped since an entry last said so."""
        return self._dropped

    def add(self, note: JournalNote) -> None:
        """The note waits to be written, as an entry of its own or as one more of one that is there."""
        hour = self._hour_of(note)
        hour.entries += 1
        sort = (note.kind, note.state, note.reason)
        same = hour.newest.get(sort)
        if same is None or same.is_dropped or hour.entries <= SINGLE:
            same = hour.newest[sort] = Draft(note, 0, note.at)
        same.note = replace(note, at=same.note.at)
        same.count += 1
        same.last_at = max(same.last_at, note.at)
        self._wait(same)

    def take(self, limit: int) -> list[Draft]:
        """The oldest that wait, at most `limit`, as they are now; they wait on until they are `written`."""
        if self._dropped and self._dropped_at is not None:
            detail, self._dropped = f"{self._dropped} entries were lost.", 0
            note = JournalNote(JournalKind.JOURNAL_DROPPED, self._dropped_at, detail=detail)
            self._wait(Draft(note, 1, note.at))
        return list(self._waiting.values())[:limit]

    def written(self, drafts: Iterable[Draft], counts: Iterable[int]) -> None:
        """These are in the database, each with this count; one that was raised since then waits again."""
        for draft, count in zip(drafts, counts, strict=True):
            draft.written = count
            if draft.count == count:
                self._waiting.pop(id(draft), None)

    def forget(self, before: datetime) -> None:
        """What happened before is not counted on with any more: call it now and then, so that memory stays bounded."""
        self._hours = {place: hour for place, hour in self._hours.items() if hour.began_at >= before}

    def _hour_of(self, note: JournalNote) -> _Hour:
        place = (note.organization_id, note.server_id, note.instance)
        hour = self._hours.get(place)
        if hour is None or abs(note.at - hour.began_at) >= HOUR:
            hour = self._hours[place] = _Hour(note.at)
        return hour

    def _wait(self, draft: Draft) -> None:
        self._waiting[id(draft)] = draft
        if len(self._waiting) > self._max_waiting:
            oldest = next(iter(self._waiting.values()))
            oldest.is_dropped = True
            del self._waiting[id(oldest)]
            self._dropped += oldest.count - oldest.written
            self._dropped_at = oldest.last_at
