"""The recent past of one organization, in memory, ready to be sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ponteio.live.packets import Batch, EventPacket, batch_of
from ponteio.live.question import Question
from ponteio.live.view import View
from ponteio.model.cursor import Cursor
from ponteio.model.event_policy import ALL_CHOSEN, EventChoices

_SHARED_BATCHES = 8
"""Batches kept for the next socket at the same place, so that an idle room does not keep one for each socket."""
_WARM_BYTES = 64 * 1024
"""Of data whose facts are kept for the next filter that asks: those of the events that everybody looks at just now."""


class Ring:
    """The newest events of one log, without a hole, bounded in number and bytes.

    It begins at `last`: the place in the log where events start to be kept.
    """

    def __init__(
        self,
        last: Cursor,
        *,
        max_events: int,
        max_bytes: int,
        batch_bytes: int,
        choices: Callable[[], EventChoices] = lambda: ALL_CHOSEN,
    ) -> None:
        self._events: dict[int, EventPacket] = {}
        self._last = last
        self._bytes = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._batches: dict[tuple[int, View, EventChoices], Batch] = {}
        self._choices = choices
        self._warm: deque[EventPacket] = deque()
        self._warm_bytes = 0

    @property
    def last(self) -> Cursor:
        """The place of the newest event."""
        return self._last

    @property
    def size(self) -> int:
        """Bytes held, at most."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: EventPacket) -> None:
        """Keep `event`, which must be the next one; the oldest make room. Raises `ValueError` for any other number."""
        if event.seq != self._last.seq + 1:
            raise ValueError("a ring has no holes and no repeats")
        self._events[event.seq] = event
        self._last = self._last.at(event.seq)
        self._bytes += event.held
        self._batches.clear()
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            oldest = next(iter(self._events))
            self._bytes -= self._events.pop(oldest).held

    def restart(self, last: Cursor) -> None:
        """Forget everything and begin at `last`, perhaps in another epoch."""
        self._events.clear()
        self._batches.clear()
        self._cool(0)
        self._bytes = 0
        self._last = last

    def holds(self, after: Cursor) -> bool:
        """Whether everything that follows `after` is here, be it nothing."""
        return after.epoch == self._last.epoch and after.seq >= self._last.seq - len(self._events)

    def serves(self, after: Cursor, view: View) -> bool:
        """Whether `batch` can tell what follows `after`: all of it is here, and the view can be asked about the next
        event, which it cannot be when it must look into data that was too large to be kept.
        """
        if not self.holds(after):
            return False
        following = None if view.question is None else self._events.get(after.seq + 1)
        return following is None or following.can_answer or not view.shows(following.instance, following.event)

    def batch(self, after: Cursor, view: View) -> Batch:
        """The next events after `after` that are in view and that the organization wants pushed, up to about
        `batch_bytes`; only while it `serves` them.

        Sockets that stand at the same place with the same view get the same object.
        """
        choices = self._choices()
        key = (after.seq, view, choices)
        found = self._batches.get(key)
        if found is None:
            if len(self._batches) >= _SHARED_BATCHES:
                self._batches.clear()
            found = self._batches[key] = self._collect(after, view, choices)
        return found

    def _collect(self, after: Cursor, view: View, choices: EventChoices) -> Batch:
        events, size, seq, question = [], 0, after.seq, view.question
        while seq < self._last.seq and size < self._batch_bytes:
            event = self._events[seq + 1]
            if view.shows(event.instance, event.event) and choices.pushes(event.event):
                if question is not None and not event.can_answer:
                    break
                if question is None or self._passes(event, question):
                    events.append(event)
                    size += event.seen_by(view.sight).size
            seq += 1
        return batch_of(events, view.sight, after.at(seq))

    def _passes(self, event: EventPacket, question: Question) -> bool:
        was_warm, passes = event.is_warm, event.passes(question)
        if event.is_warm and not was_warm:
            self._warm.append(event)
            self._warm_bytes += event.held
            self._cool(_WARM_BYTES)
        return passes

    def _cool(self, down_to: int) -> None:
        """Facts of the events that were asked about longest ago are forgotten, all but `down_to` bytes of them."""
        while self._warm and self._warm_bytes > down_to:
            coldest = self._warm.popleft()
            self._warm_bytes -= coldest.held
            coldest.cool()
