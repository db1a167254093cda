"""Writes down what the watch found, and hands in what is to be told: both in one transaction, or neither."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from ponteio.model.alert import (
    AlertRule,
    EntryKind,
    Incident,
    IncidentEntry,
    QuietHours,
    Subject,
    SubjectKind,
)
from ponteio.notify import held_notices, incidents
from ponteio.notify.channel import Deliveries
from ponteio.notify.incident_machine import IDLE, Memory, Move, acknowledged, dismissed
from ponteio.notify.messages import Wording
from ponteio.notify.quiet_hours import within
from ponteio.notify.watch_rule import Finding, RuleWatch, Watched
from ponteio.storage.database import Database

AT_ONCE = 2
"""Findings in one transaction: the corridor's writes wait behind it."""
MAX_NAMES = 100
RULE_IS_GONE = "rule_gone"
_TOLD = (Move.OPENED, Move.REOPENED, Move.REMINDED, Move.RESOLVED)
_ENTRIES = {
    Move.OPENED: EntryKind.OPENED,
    Move.FLAPPED: EntryKind.FLAPPED,
    Move.REOPENED: EntryKind.REOPENED,
    Move.REMINDED: EntryKind.REMINDED,
    Move.RESOLVED: EntryKind.RESOLVED,
}


@dataclass(slots=True)
class _Written:
    finding: Finding
    memory: Memory
    incident: Incident | None
    joined: list[tuple[Watched, Incident]] = field(default_factory=list)


class Ledger:
    """`quiet` are the quiet hours of channels, by organization and channel: the watch keeps them current. `on_incident`
    is called with each incident that has changed, once that is committed; it must not raise.
    """

    def __init__(
        self,
        database: Database,
        deliveries: Deliveries,
        wording: Wording,
        on_incident: Callable[[Incident], None] = lambda _: None,
    ) -> None:
        self.quiet: Mapping[tuple[str, str], QuietHours] = {}
        self.has_held = True
        self._database = database
        self._deliveries = deliveries
        self._wording = wording
        self._on_incident = on_incident

    async def write(self, findings: Sequence[Finding], now: datetime) -> None:
        """The findings are stored and settled, and messages wait for their channels. Raises `StorageError`: then those
        that were not stored are found again.
        """
        for start in range(0, len(findings), AT_ONCE):
            written: list[_Written] = []
            async with self._database.write() as connection:
                for finding in findings[start : start + AT_ONCE]:
                    written.append(await self._record(connection, finding, now))  # noqa: PERF401 - one by one, in order
            self._deliveries.wake()
            for one in written:
                self._settle(one)

    async def close(self, watch: RuleWatch, now: datetime) -> None:
        """The rule is gone or switched off: its open incidents end, and nobody is told."""
        open_ones = [one.incident for one in watch.watched.values() if one.incident is not None]
        await self.close_all([one for one in open_ones if one.resolved_at is None or one.is_dismissed], now)

    async def close_all(self, orphans: Sequence[Incident], now: datetime) -> None:
        """These incidents end, because their rules are gone."""
        for start in range(0, len(orphans), AT_ONCE):
            ended = []
            async with self._database.write() as connection:
                for one in orphans[start : start + AT_ONCE]:
                    was_ended = one.resolved_at is not None
                    closed = replace(one, resolved_at=one.resolved_at or now, is_dismissed=False, updated_at=now)
                    if await incidents.save(connection, closed, was_ended=was_ended) and not was_ended:
                        entry = IncidentEntry(now, EntryKind.RESOLVED, detail={"why": RULE_IS_GONE})
                        await incidents.add_entry(connection, closed, entry)
                        ended.append(closed)
            for closed in ended:
                self._on_incident(closed)

    async def refresh(self, watch: RuleWatch, subject: Subject, now: datetime) -> None:
        """An open incident shows who is concerned now, and how many events there were."""
        watched = watch.watched[subject]
        if watched.incident is None or watched.fault is None or not is_outgrown(watched):
            return
        fault = watched.fault
        grown = replace(
            watched.incident,
            instances=fault.instances[:MAX_NAMES],
            instance_count=len(fault.instances),
            event_count=fault.count,
            updated_at=now,
        )
        async with self._database.write() as connection:
            if not await incidents.save(connection, grown):
                return
        watched.incident = grown
        self._on_incident(grown)

    async def release(self, rules: Mapping[str, AlertRule], now: datetime) -> None:
        """What was held is summed up for each channel for which no quiet hours are left that hold it back."""
        if not self.has_held:
            return
        held = await held_notices.waiting(self._database)
        self.has_held = bool(held)
        for (organization_id, channel_id), notices in held.items():
            quiet = self.quiet.get((organization_id, channel_id))
            if quiet is not None and within(quiet.hours, now):
                continue
            found = [one for one in notices if not _is_quiet(rules.get(one.rule_id), now)]
            if not found:
                continue
            language = next((rules[one.rule_id].terms.language for one in found if one.rule_id in rules), None)
            async with self._database.write() as connection:
                taken = await held_notices.take(connection, organization_id, channel_id, found)
                if taken:
                    message = self._wording.summary(organization_id, taken, language or held_notices.DEFAULT_LANGUAGE)
                    await self._deliveries.send_within(connection, organization_id, (channel_id,), message)
            self._deliveries.wake()

    async def _record(self, connection: AsyncConnection, finding: Finding, now: datetime) -> _Written:
        if finding.move is Move.OPENED:
            return await self._opened(connection, finding, now)
        watched = finding.watch.watched[finding.subject]
        former = watched.incident
        assert former is not None  # noqa: S101 - every move but the first is of an incident
        is_over = finding.move in (Move.REOPENED, Move.FORGOTTEN)
        current = await incidents.find(connection, former.organization_id, former.incident_id)
        if current is None:
            return _Written(finding, IDLE, None)
        if not is_over and current.resolved_at is not None:
            return _Written(finding, dismissed(watched.memory) if current.is_dismissed else IDLE, current)
        if finding.move is Move.REMINDED and current.acknowledged_at is not None:
            return _Written(finding, acknowledged(finding.memory), current)
        incident = _moved(current, finding, now)
        await incidents.save(connection, incident, was_ended=is_over)
        if finding.move is not Move.FORGOTTEN:
            await self._note_and_tell(connection, finding, incident, now)
        return _Written(finding, finding.memory, incident)

    async def _opened(self, connection: AsyncConnection, finding: Finding, now: datetime) -> _Written:
        incident = _new(finding, now)
        await incidents.add(connection, incident)
        await self._note_and_tell(connection, finding, incident, now, is_new=True)
        written = _Written(finding, finding.memory, incident)
        if incident.subject.kind is SubjectKind.SERVER and finding.fault is not None:
            for watched in finding.watch.join(incident.subject, finding.fault.instances):
                if watched.incident is not None:
                    joined = replace(watched.incident, resolved_at=now, updated_at=now)
                    if await incidents.save(connection, joined):
                        entry = IncidentEntry(now, EntryKind.JOINED, detail={"incident": incident.incident_id})
                        await incidents.add_entry(connection, joined, entry)
                        written.joined.append((watched, joined))
        return written

    async def _note_and_tell(
        self, connection: AsyncConnection, finding: Finding, incident: Incident, now: datetime, *, is_new: bool = False
    ) -> None:
        detail = {} if finding.fault is None else {"reason": finding.fault.reason}
        entries = [IncidentEntry(now, _ENTRIES[finding.move], detail=detail)]
        terms = finding.watch.rule.terms
        if finding.move in _TOLD and (finding.move is not Move.RESOLVED or terms.tell_resolved):
            entries += await self._tell(connection, finding, incident, now)
        await incidents.add_entry(connection, incident, *entries, is_new=is_new)

    async def _tell(
        self, connection: AsyncConnection, finding: Finding, incident: Incident, now: datetime
    ) -> list[IncidentEntry]:
        """The rule's channels are told, or told later, or not at all; what that looks like in a timeline."""
        entries = []
        told, held, dropped = self._sorted(finding.watch.rule, now)
        if told:
            content = finding.watch.counter.content if finding.watch.counter is not None else ""
            message = self._wording.told(incident, finding.watch.rule.terms, finding.move, now, content)
            count = await self._deliveries.send_within(connection, incident.organization_id, told, message)
            entries.append(IncidentEntry(now, EntryKind.TOLD, detail={"channels": count}))
        if finding.move is Move.REMINDED:
            return entries
        if held:
            await held_notices.hold(connection, self._database.dialect, incident, held, now)
            self.has_held = True
            entries.append(IncidentEntry(now, EntryKind.HELD, detail={"channels": len(held)}))
        if dropped:
            entries.append(IncidentEntry(now, EntryKind.DROPPED, detail={"channels": len(dropped)}))
        return entries

    def _sorted(self, rule: AlertRule, now: datetime) -> tuple[Collection[str], Collection[str], Collection[str]]:
        """The rule's channels: which are told now, for which it is held, and for which it is dropped."""
        told, held, dropped = [], [], []
        for channel_id in rule.terms.channels:
            asked = (rule.terms.quiet, self.quiet.get((rule.organization_id, channel_id)))
            quiet = [one for one in asked if one is not None and within(one.hours, now)]
            if not quiet:
                told.append(channel_id)
            elif all(one.is_held for one in quiet):
                held.append(channel_id)
            else:
                dropped.append(channel_id)
        return told, held, dropped

    def _settle(self, one: _Written) -> None:
        one.finding.watch.settle(replace(one.finding, memory=one.memory), one.incident)
        for watched, joined in one.joined:
            watched.memory, watched.incident, watched.is_fresh = IDLE, None, True
            self._on_incident(joined)
        if one.incident is not None:
            self._on_incident(one.incident)


def is_outgrown(watched: Watched) -> bool:
    """Whether an open incident shows less, or more, than what is concerned now."""
    incident, fault = watched.incident, watched.fault
    if incident is None or fault is None or incident.resolved_at is not None:
        return False
    return (incident.instance_count, incident.event_count) != (len(fault.instances), fault.count)


def _new(finding: Finding, now: datetime) -> Incident:
    rule, fault = finding.watch.rule, finding.fault
    assert fault is not None  # noqa: S101 - nothing opens without trouble
    return Incident(
        organization_id=rule.organization_id,
        incident_id=incidents.new_incident_id(now),
        rule_id=rule.rule_id,
        rule_name=rule.terms.name,
        condition=rule.terms.condition,
        subject=finding.subject,
        since=fault.since,
        opened_at=now,
        updated_at=now,
        reason=fault.reason,
        instances=fault.instances[:MAX_NAMES],
        instance_count=len(fault.instances),
        event_count=fault.count,
    )


def _moved(incident: Incident, finding: Finding, now: datetime) -> Incident:
    moved = replace(incident, flaps=finding.memory.flaps, updated_at=now)
    if finding.move is Move.RESOLVED:
        return replace(moved, resolved_at=now)
    if finding.move is Move.FORGOTTEN:
        return replace(moved, is_dismissed=False, flaps=incident.flaps)
    if finding.move is Move.REOPENED and finding.fault is not None:
        return replace(
            moved,
            since=finding.fault.since,
            reason=finding.fault.reason,
            resolved_at=None,
            resolved_by=None,
            acknowledged_at=None,
            acknowledged_by=None,
        )
    return moved


def _is_quiet(rule: AlertRule | None, now: datetime) -> bool:
    return rule is not None and rule.terms.quiet is not None and within(rule.terms.quiet.hours, now)
