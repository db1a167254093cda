"""Counted outcomes: what happened, how often and how fast, since the process started.

Here is all that costs something on an event's way: a few additions. Whoever shows the figures reads them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from ponteio.model.event import AddressedEvent, StoredEvent
from ponteio.observe.figures import Hop
from ponteio.observe.histogram import BATCH, REQUEST_S, Histogram
from ponteio.observe.tallies import Tallies

MAX_ROUTES = 2_000
"""Kinds of requests that are told apart: more than there are routes, methods and classes of statuses."""
ELSEWHERE = ("other", "other", "other")


class Counters:
    """Totals by name, for one event loop. Names are a fixed vocabulary, never content, instance names or ids.

    `refused` is keyed by outcome code, `events` by catalogue name (unknown names share `other`). What belongs to one
    organization is in `tallies`, by its id.
    """

    def __init__(self, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._monotonic = monotonic
        self._totals: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._events: Counter[tuple[str, str]] = Counter()
        self.tallies = Tallies()
        self.commit_s = Histogram()
        self.batch_events = Histogram(BATCH)
        self.loop_lag_s = Histogram()
        self.requests: dict[tuple[str, str, str], Histogram] = {}
        """By method, route template and class of status (`2xx`), in seconds until the answer began."""
        self.committed_on = 0.0
        """When the last commit ended, by the monotonic clock."""

    def add(self, name: str, amount: int = 1) -> None:
        """Add `amount` to the total called `name`."""
        self._totals[name] += amount

    def refuse(self, code: str, amount: int = 1, *, organization_id: str | None = None) -> None:
        """Count a refusal by its outcome code; for an organization too where it has reached one of its limits."""
        self._refused[code] += amount
        self.tallies.shared.refused[code] += amount
        if organization_id is not None:
            self.tallies.of(organization_id).refused[code] += amount

    def heard(self, batch: Sequence[AddressedEvent]) -> None:
        """Count how long events were on their way from Evolution; those over two links count twice."""
        took: dict[str, list[float]] = {}
        for event in batch:
            decoded = event.decoded
            if decoded.emitted_at is None:
                self._totals["events_undated"] += 1
                continue
            seconds = (decoded.received_at - decoded.emitted_at).total_seconds()
            if seconds < 0:
                self.tallies.of(event.organization_id).early += 1
                seconds = 0.0
            took.setdefault(event.organization_id, []).append(seconds)
        for organization_id, all_seconds in took.items():
            self.tallies.of(organization_id).latency[Hop.EVOLUTION_TO_RECEIVED].observe_all(all_seconds)

    def committed(self, stored: Sequence[StoredEvent], names: Sequence[str], now: datetime, took_s: float) -> None:
        """Count a commit of these events that ended `now` after `took_s`; `names` are their catalogue names."""
        self.committed_on = self._monotonic()
        self.commit_s.observe(took_s)
        self.batch_events.observe(len(stored))
        self._events.update(zip(names, [event.origin for event in stored], strict=True))
        for organization_id, mine in _by_owner(stored, names):
            figures = self.tallies.of(organization_id)
            figures.events += len(mine)
            figures.names.update([name for _, name in mine])
            figures.events_of.update([event.instance for event, _ in mine])
            took = [max((now - event.received_at).total_seconds(), 0.0) for event, _ in mine]
            figures.latency[Hop.RECEIVED_TO_COMMITTED].observe_all(took)

    def delivered(self, organization_id: str, events: int, since: float) -> None:
        """Count that so many events, committed at `since` by the monotonic clock, have been written to the sockets."""
        histogram = self.tallies.of(organization_id).latency[Hop.COMMITTED_TO_DELIVERED]
        histogram.observe(self._monotonic() - since, events)

    def held(self, organization_id: str, amount: int) -> None:
        """Count events that the storm damper kept from a socket."""
        self._totals["live_held"] += amount
        self.tallies.of(organization_id).held += amount

    def reconnected(self, server_id: str, organization_ids: Sequence[str], instance: str | None) -> None:
        """Count a link that is back: the instance's own, or for None a server's global one, which is everybody's."""
        self._totals[f"reconnects.{server_id}"] += 1
        self.tallies.shared.reconnects += 1
        for organization_id in organization_ids:
            figures = self.tallies.of(organization_id)
            figures.reconnects += 1
            if instance is not None:
                figures.reconnects_of[instance] += 1

    def answered(self, kind: tuple[str, str, str], seconds: float) -> None:
        """Count a REST request of this method, route template and class of status."""
        found = self.requests.get(kind)
        if found is None:
            kind = kind if len(self.requests) < MAX_ROUTES else ELSEWHERE
            found = self.requests.setdefault(kind, Histogram(REQUEST_S))
        found.observe(seconds)

    def total(self, name: str) -> int:
        return self._totals[name]

    def under(self, prefix: str) -> Mapping[str, int]:
        """The totals whose names begin with `prefix`, by the rest of their names."""
        return {name[len(prefix) :]: count for name, count in self._totals.items() if name.startswith(prefix)}

    @property
    def totals(self) -> Mapping[str, int]:
        return dict(self._totals)

    @property
    def refused(self) -> Mapping[str, int]:
        return dict(self._refused)

    @property
    def events(self) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for (name, _), count in self._events.items():
            found[name] += count
        return dict(found)

    @property
    def events_by_origin(self) -> Mapping[tuple[str, str], int]:
        """By catalogue name and origin."""
        return dict(self._events)


def _by_owner(
    stored: Sequence[StoredEvent], names: Sequence[str]
) -> Iterable[tuple[str, list[tuple[StoredEvent, str]]]]:
    """The events with their names, of one organization at a time."""
    both = list(zip(stored, names, strict=True))
    if len({event.organization_id for event in stored}) == 1:
        return [(stored[0].organization_id, both)]
    found: dict[str, list[tuple[StoredEvent, str]]] = {}
    for one in both:
        found.setdefault(one[0].organization_id, []).append(one)
    return found.items()
