"""One rule under watch: what it sees of a survey, and where each of its incidents stands. No input, no output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ponteio.model.alert import AlertRule, Condition, Incident, Subject, SubjectKind
from ponteio.notify import incident_machine as machine
from ponteio.notify.incident_machine import IDLE, Glance, Memory, Move, Phase, Terms
from ponteio.notify.quiet_hours import edges, within
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch_events import EVENTS, EventCounter
from ponteio.notify.watch_options import WatchOptions
from ponteio.notify.watch_survey import Fault, Quiet, Survey

_WEEK = timedelta(days=8)
_AT_ONCE = (Condition.SILENT, Condition.EVENT)
"""Conditions whose span is a part of what is looked for: once seen, they are due."""


@dataclass(slots=True)
class Watched:
    """Where one subject stands. `fault`, `in_hours` and `until` are of the last look: until then the same look says
    nothing new.
    """

    memory: Memory = IDLE
    incident: Incident | None = None
    fault: Fault | None = None
    in_hours: bool = True
    until: datetime | None = None
    is_fresh: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What must be written down before it is true: `memory` is taken over by `RuleWatch.settle`."""

    watch: RuleWatch
    subject: Subject
    memory: Memory
    move: Move
    fault: Fault | None


class RuleWatch:
    """A rule with its memories. `counter` is there for rules about events."""

    def __init__(self, rule: AlertRule, options: WatchOptions, now: datetime, *, is_whole: bool = False) -> None:
        terms = rule.terms
        self.rule = rule
        self.terms = Terms(
            lasts=timedelta(0) if terms.condition in _AT_ONCE else timedelta(seconds=terms.for_s),
            calm=options.calm,
            reopen=timedelta(seconds=terms.reopen_s),
            remind_every=None if terms.remind_every_s is None else timedelta(seconds=terms.remind_every_s),
        )
        self.watched: dict[Subject, Watched] = {}
        self.counter = EventCounter(rule, now, is_whole=is_whole) if terms.condition is Condition.EVENT else None
        self._in_hours = True
        self._hours_began: datetime | None = None
        if terms.hours is not None:
            self._in_hours = within(terms.hours, now)
            self._hours_began = began(rule, now)

    def restore(self, incident: Incident, now: datetime) -> None:
        """An incident that an earlier watch left."""
        ended_at = incident.resolved_at
        if incident.is_dismissed:
            memory = Memory(Phase.DISMISSED, incident.flaps)
        elif ended_at is None:
            memory = Memory(Phase.OPEN, incident.flaps, told_at=incident.updated_at)
            memory = replace(memory, is_acknowledged=incident.acknowledged_at is not None)
        elif now - ended_at < self.terms.reopen:
            memory = Memory(Phase.CALM, incident.flaps, ended_at=ended_at)
        else:
            return
        self.watched[incident.subject] = Watched(memory, incident)

    def look(self, survey: Survey, talk: TalkHours, now: datetime) -> Iterator[Finding]:
        """What is new. Memories that need not be written down are taken over at once."""
        self._look_at_clock(now)
        faults = self._faults(survey, talk, now)
        for subject in [subject for subject in self.watched if subject not in faults]:
            if subject.name not in survey.unseen or subject.kind is not SubjectKind.INSTANCE:
                yield from self._step(subject, None, now)
        for subject, fault in faults.items():
            yield from self._step(subject, fault, now)

    def settle(self, finding: Finding, incident: Incident | None) -> None:
        """The finding was written down, as this incident."""
        watched = self.watched.setdefault(finding.subject, Watched())
        watched.memory, watched.incident = finding.memory, incident
        watched.is_fresh = True
        if finding.memory == IDLE:
            self.watched.pop(finding.subject, None)

    def join(self, servers: Subject, names: tuple[str, ...]) -> list[Watched]:
        """Open incidents of single instances that turn out to be a part of a server's."""
        return [
            watched
            for subject, watched in self.watched.items()
            if subject != servers
            and subject.kind is SubjectKind.INSTANCE
            and subject.name in names
            and watched.memory.phase in (Phase.OPEN, Phase.CLEARING)
            and watched.incident is not None
            and (watched.incident.reason or "").startswith("link_")
        ]

    def _step(self, subject: Subject, fault: Fault | None, now: datetime) -> Iterator[Finding]:
        watched = self.watched.get(subject)
        if watched is None:
            watched = Watched()
        elif _says_nothing_new(watched, fault, self._in_hours, now):
            return
        glance = Glance(now, None if fault is None else fault.since, in_hours=self._in_hours)
        memory, move = machine.step(watched.memory, glance, self.terms)
        watched.fault, watched.in_hours, watched.is_fresh = fault, self._in_hours, False
        if move is not None:
            watched.is_fresh = True
            self.watched[subject] = watched
            yield Finding(self, subject, memory, move, fault)
            return
        watched.memory = memory
        watched.until = machine.due_at(memory, glance, self.terms)
        if memory == IDLE and fault is None:
            self.watched.pop(subject, None)
        else:
            self.watched[subject] = watched

    def _look_at_clock(self, now: datetime) -> None:
        hours = self.rule.terms.hours
        if hours is None:
            return
        is_in = within(hours, now)
        if is_in and not self._in_hours:
            self._hours_began = now
        self._in_hours = is_in

    def _faults(self, survey: Survey, talk: TalkHours, now: datetime) -> dict[Subject, Fault]:
        condition = self.rule.terms.condition
        if condition is Condition.DOWN:
            return self._down(survey)
        if condition is Condition.QR:
            return {subject: fault for subject, fault in survey.qr.items() if self.rule.covers(subject.name)}
        if condition is Condition.LIMIT:
            return survey.limits
        if condition is Condition.SILENT:
            return {
                Subject(SubjectKind.INSTANCE, name): fault
                for name, quiet in survey.quiet.items()
                if self.rule.covers(name) and (fault := self._silence(name, quiet, talk, now)) is not None
            }
        fault = None if self.counter is None else self.counter.fault(now)
        return {} if fault is None else {EVENTS: fault}

    def _down(self, survey: Survey) -> dict[Subject, Fault]:
        if self.rule.terms.instances is None:
            return survey.down
        found = {}
        for subject, fault in survey.down.items():
            if subject.kind is SubjectKind.SERVER:
                mine = tuple(name for name in fault.instances if self.rule.covers(name))
                if mine:
                    found[subject] = replace(fault, instances=mine)
            elif self.rule.covers(subject.name):
                found[subject] = fault
        return found

    def _silence(self, name: str, quiet: Quiet, talk: TalkHours, now: datetime) -> Fault | None:
        """Silence that has lasted for the rule's time, within its hours. Once it is an incident it lasts until the
        instance sends something, whatever the hours.
        """
        lasts = timedelta(seconds=self.rule.terms.for_s)
        watched = self.watched.get(Subject(SubjectKind.INSTANCE, name))
        if watched is not None and watched.memory.phase in (Phase.OPEN, Phase.CLEARING, Phase.DISMISSED):
            is_quiet = quiet.heard_at is None or now - quiet.heard_at >= lasts
            since = quiet.heard_at or quiet.counts_from
            return Fault(since, "silent", (name,)) if is_quiet else None
        since = quiet.counts_from
        if now - since < lasts:
            return None
        if self.rule.terms.usual_hours:
            usual_since = talk.usual_since(self.rule.organization_id, name, now)
            if usual_since is None:
                return None
            since = max(since, usual_since)
        if self._hours_began is not None:
            since = max(since, self._hours_began)
        return Fault(since, "silent", (name,)) if now - since >= lasts else None


def began(rule: AlertRule, now: datetime) -> datetime | None:
    """When the rule's hours, if it is within them at `now`, began; None for a rule without hours."""
    hours = rule.terms.hours
    if hours is None or not within(hours, now):
        return None
    for edge in reversed(list(edges(hours, now - _WEEK, now))):
        if not within(hours, edge - timedelta(seconds=1)):
            return edge
    return now - _WEEK


def _says_nothing_new(watched: Watched, fault: Fault | None, in_hours: bool, now: datetime) -> bool:
    if watched.is_fresh or watched.in_hours is not in_hours:
        return False
    if fault is not watched.fault and fault != watched.fault:
        return False
    return watched.until is None or now < watched.until
