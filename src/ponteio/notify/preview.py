"""What a rule would have done in the last seven days: the same machine, over what is known of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from ponteio.model.alert import Condition, Hours, Preview, RuleTerms, Subject
from ponteio.model.identity import OrganizationScope
from ponteio.notify.incident_machine import IDLE, Glance, Move, Terms, due_at, step
from ponteio.notify.preview_sources import PreviewSources, Troubles
from ponteio.notify.quiet_hours import edges, within
from ponteio.notify.spans import TroubleSpan
from ponteio.notify.watch_options import WatchOptions

DAYS = 7
BUDGET_S = 5.0
"""All time that one preview takes; then it says that it is not complete."""
MAX_MOMENTS = 500
AT_ONCE = 2
"""Previews at a time: others wait."""
_AT_ONCE = (Condition.SILENT, Condition.EVENT)


class Previewer:
    """Asks `sources` for the trouble there was, and runs each through the machine."""

    def __init__(self, sources: PreviewSources, options: WatchOptions | None = None) -> None:
        self._sources = sources
        self._options = options or WatchOptions()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def preview(self, scope: OrganizationScope, terms: RuleTerms, now: datetime) -> Preview:
        """When a rule with these terms would have fired in the seven days before `now`."""
        async with self._turns:
            return await self._preview(scope, terms, now)

    async def _preview(self, scope: OrganizationScope, terms: RuleTerms, now: datetime) -> Preview:
        since = now - timedelta(days=DAYS)
        deadline = time.monotonic() + BUDGET_S
        found = await self._sources.troubles(scope, terms, since, now, deadline)
        moments = simulated(found, terms, self._options.calm, since, now, lambda: time.monotonic() < deadline)
        shown = moments[:MAX_MOMENTS]
        is_complete = found.is_complete and len(shown) == len(moments) and time.monotonic() < deadline
        return Preview(since, now, tuple(shown), tuple(dict.fromkeys(found.basis)), is_complete)


def simulated(
    found: Troubles,
    terms: RuleTerms,
    calm: timedelta,
    since: datetime,
    until: datetime,
    go_on: Callable[[], bool] = lambda: True,
) -> list[tuple[datetime, Subject]]:
    """The moments at which an incident would have been opened, or opened again, in order."""
    lasts = timedelta(0) if terms.condition in _AT_ONCE else timedelta(seconds=terms.for_s)
    spans = Terms(lasts, calm, timedelta(seconds=terms.reopen_s))
    clock = [] if terms.hours is None else list(edges(terms.hours, since, until))
    moments: list[tuple[datetime, Subject]] = []
    for subject, troubles in found.spans.items():
        if not go_on():
            break
        blind = _unseen(found.unseen, subject)
        moments += [(at, subject) for at in _fired(troubles, blind, spans, terms.hours, clock, until)]
    return sorted(moments, key=lambda one: (one[0], one[1].kind, one[1].name))


def _fired(
    troubles: Sequence[TroubleSpan],
    blind: Sequence[TroubleSpan],
    spans: Terms,
    hours: Hours | None,
    clock: Sequence[datetime],
    until: datetime,
) -> list[datetime]:
    ends = {edge for span in (*troubles, *blind) for edge in (span.from_at, span.to_at)}
    points = sorted(point for point in (*ends, *clock) if point <= until)
    memory, fired, index = IDLE, [], 0
    trouble_at, blind_at = _Cursor(troubles), _Cursor(blind)
    due: datetime | None = None
    while index < len(points) or (due is not None and due <= until):
        if due is not None and due <= until and (index >= len(points) or due < points[index]):
            now = due
        else:
            now = points[index]
            index += 1
        span = trouble_at.covering(now)
        in_hours = hours is None or within(hours, now)
        glance = Glance(now, None if span is None else span.from_at, blind_at.covering(now) is None, in_hours)
        memory, move = step(memory, glance, spans)
        if move in (Move.OPENED, Move.REOPENED):
            fired.append(now)
        later = due_at(memory, glance, spans)
        due = later if later is not None and later > now else None
    return fired


class _Cursor:
    """Spans that do not overlap, in order, asked for ever later moments."""

    def __init__(self, spans: Sequence[TroubleSpan]) -> None:
        self._spans = spans
        self._index = 0

    def covering(self, moment: datetime) -> TroubleSpan | None:
        while self._index < len(self._spans) and self._spans[self._index].to_at <= moment:
            self._index += 1
        if self._index < len(self._spans) and self._spans[self._index].from_at <= moment:
            return self._spans[self._index]
        return None


def _unseen(unseen: Mapping[str, Sequence[TroubleSpan]], subject: Subject) -> Sequence[TroubleSpan]:
    return unseen.get(subject.name, ()) if subject.kind.value == "instance" else ()
