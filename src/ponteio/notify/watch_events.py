"""Rules about events: how many matched in their span."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from ponteio.model.alert import AlertRule, Subject, SubjectKind
from ponteio.model.event import StoredEvent
from ponteio.model.filter_match import matches
from ponteio.model.message_text import texts
from ponteio.model.sight import Sight
from ponteio.notify.rule import filter_of
from ponteio.notify.watch_survey import Fault

MATCHED = "events_matched"
MAX_INSTANCES = 100
MAX_CONTENT = 500
"""Characters of an event's text that are told where somebody chose so."""
EVENTS = Subject(SubjectKind.EVENTS)


class EventCounter:
    """Counts the matches of one rule. `is_whole` says whether who saved it may still read content: without it filters
    ask of metadata alone, and no text is kept.
    """

    def __init__(self, rule: AlertRule, now: datetime, *, is_whole: bool) -> None:
        self.is_whole = is_whole
        self._rule = rule
        self._filter = filter_of(rule.terms, now)
        self._span = timedelta(seconds=rule.terms.for_s)
        self._needed = rule.terms.count
        self._matches: deque[tuple[datetime, str]] = deque(maxlen=max(rule.terms.count, MAX_INSTANCES))
        self._total = 0
        self.content = ""
        """The text of the newest match; empty where nobody chose to be told."""

    def take(self, event: StoredEvent) -> None:
        """This event has arrived."""
        if not self._rule.covers(event.instance):
            return
        sight = Sight(content=self.is_whole, pairing=False)
        if not matches(self._filter, event, sight):
            return
        self._matches.append((event.received_at, event.instance))
        self._total += 1
        if self._rule.terms.include_content and sight.is_whole(event.event):
            self.content = " · ".join(texts(event.facts(sight).data))[:MAX_CONTENT]

    def fault(self, now: datetime) -> Fault | None:
        """The trouble, if enough matched in the span before `now`."""
        while self._matches and now - self._matches[0][0] >= self._span:
            self._matches.popleft()
        if len(self._matches) < self._needed:
            if not self._matches:
                self._total = 0
            return None
        instances = tuple(dict.fromkeys(instance for _, instance in self._matches))[:MAX_INSTANCES]
        return Fault(self._matches[0][0], MATCHED, instances, self._total)
