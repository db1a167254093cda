"""What the log, the gaps and the audit log tell of past trouble, as spans of time; and what they cannot tell."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import orjson
from sqlalchemy import select

from ponteio.eventlog.gaps import GapLog
from ponteio.eventlog.log import EventLog
from ponteio.model.alert import Condition, RuleTerms, Subject, SubjectKind
from ponteio.model.event import StoredEvent
from ponteio.model.filter import EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import Filter, Since, all_of
from ponteio.model.identity import Instance, InstanceState, OrganizationScope
from ponteio.model.link import GapKind
from ponteio.notify.quiet_hours import edges, within
from ponteio.notify.spans import TroubleSpan, common, merged, without
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch_board import LIMIT_LASTS, QR_EVENT, QR_LASTS
from ponteio.notify.watch_events import EVENTS
from ponteio.storage.database import Database
from ponteio.storage.tables import events
from ponteio.tenancy.audit import Action, AuditLog
from ponteio.tenancy.directory import Directory

STATE_EVENT = "connection.update"
MAX_GAPS = 2_000
PAGE = 200
TIMES_AT_ONCE = 5_000
_STATES = {state.value for state in InstanceState}

# Stable words of `Preview.basis`: what was looked at, and what that cannot show.
FROM_STATE_EVENTS = "state_events"
FROM_GAPS = "gaps"
FROM_EVENTS = "events"
FROM_AUDIT = "audit_log"
STATES_ASKED_FOR_ARE_NOT_KNOWN = "states_without_events_unknown"
OUR_OWN_STOPS_COUNT = "own_stops_count_as_outages"
ONLY_STORED_EVENTS = "only_stored_events"
LIMITS_ONCE_AN_HOUR = "limits_once_an_hour"
USUAL_HOURS_OF_NOW = "usual_hours_of_now"


@dataclass(slots=True)
class Troubles:
    """Trouble by what was in it. `unseen` are the spans in which nothing can be said of an instance."""

    spans: dict[Subject, list[TroubleSpan]] = field(default_factory=dict)
    unseen: dict[str, list[TroubleSpan]] = field(default_factory=dict)
    basis: list[str] = field(default_factory=list)
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at: whose, from when to when, until when there is time for it, and where it is written down."""

    scope: OrganizationScope
    since: datetime
    until: datetime
    deadline: float
    found: Troubles


class PreviewSources:
    """Reads what is kept. Nothing here takes much longer than the deadline that it is given (`time.monotonic`)."""

    def __init__(
        self,
        database: Database,
        event_log: EventLog,
        gaps: GapLog,
        audit: AuditLog,
        directory: Directory,
        talk: TalkHours,
    ) -> None:
        self._database = database
        self._log = event_log
        self._gaps = gaps
        self._audit = audit
        self._directory = directory
        self._talk = talk

    async def troubles(
        self, scope: OrganizationScope, terms: RuleTerms, since: datetime, until: datetime, deadline: float
    ) -> Troubles:
        """The trouble that a rule with these terms would have seen. Raises `StorageError`."""
        instances = [
            one for one in self._directory.instances(scope) if terms.instances is None or one.name in terms.instances
        ]
        look = _Look(scope, since, until, deadline, Troubles())
        if terms.condition is Condition.DOWN:
            await self._down(look, instances)
        elif terms.condition is Condition.QR:
            await self._qr(look, instances)
        elif terms.condition is Condition.LIMIT:
            await self._limits(look)
        elif terms.condition is Condition.SILENT:
            await self._silent(look, instances, terms)
        else:
            await self._matching(look, terms)
        return look.found

    async def _down(self, look: _Look, instances: Sequence[Instance]) -> None:
        look.found.basis += [FROM_STATE_EVENTS, FROM_GAPS, STATES_ASKED_FOR_ARE_NOT_KNOWN, OUR_OWN_STOPS_COUNT]
        states = await self._states(look, instances)
        outages = await self._outages(look)
        away = _servers_away(self._directory.instances(look.scope), outages)
        for one in instances:
            server = Subject(SubjectKind.SERVER, one.server_id)
            with_server = away.get(one.server_id, [])
            if with_server:
                look.found.spans[server] = with_server
                look.found.unseen[one.name] = with_server
            own = merged([*states.get(one.name, []), *without(outages.get((one.server_id, one.name), []), with_server)])
            if own:
                look.found.spans[Subject(SubjectKind.INSTANCE, one.name)] = own

    async def _states(self, look: _Look, instances: Sequence[Instance]) -> dict[str, list[TroubleSpan]]:
        """When each instance was not open. Before its first report it counts as open, unless it has not changed since
        before.
        """
        reports: dict[str, list[tuple[datetime, str]]] = {one.name: [] for one in instances}
        wanted = Filter.of(EventFilter(frozenset(reports) or None, frozenset({STATE_EVENT})))
        async for event in self._search(look, wanted):
            state = _state_of(event)
            if event.instance in reports and state is not None:
                reports[event.instance].append((event.received_at, state))
        return {one.name: _not_open(one, reports[one.name], look.since, look.until) for one in instances}

    async def _outages(self, look: _Look) -> dict[tuple[str, str | None], list[TroubleSpan]]:
        """When the links to the organization's servers were down, by server and instance; None: the global one."""
        found: dict[tuple[str, str | None], list[TroubleSpan]] = {}
        mine = {(one.server_id, one.name) for one in self._directory.instances(look.scope)}
        for server_id in sorted({server_id for server_id, _ in mine}):
            for gap in await self._gaps.list(server_id, MAX_GAPS):
                to_at = gap.to_at or look.until
                if gap.kind is not GapKind.LINK_DOWN or to_at <= look.since:
                    continue
                place = (server_id, gap.target.instance)
                if gap.target.is_global or place in mine:
                    found.setdefault(place, []).append(TroubleSpan(max(gap.from_at, look.since), to_at))
        return {place: merged(spans) for place, spans in found.items()}

    async def _qr(self, look: _Look, instances: Sequence[Instance]) -> None:
        look.found.basis += [FROM_EVENTS, ONLY_STORED_EVENTS]
        names = frozenset(one.name for one in instances)
        wanted = Filter.of(EventFilter(names or None, frozenset({QR_EVENT})))
        async for event in self._search(look, wanted):
            if event.instance in names:
                subject = Subject(SubjectKind.INSTANCE, event.instance)
                at = event.received_at
                look.found.spans.setdefault(subject, []).append(TroubleSpan(at, min(at + QR_LASTS, look.until)))
        look.found.spans = {subject: merged(spans) for subject, spans in look.found.spans.items()}

    async def _limits(self, look: _Look) -> None:
        look.found.basis += [FROM_AUDIT, LIMITS_ONCE_AN_HOUR]
        entries = await self._audit.list(look.scope.organization_id, limit=500, action=Action.LIMIT_REACHED)
        for entry in entries:
            if entry.at > look.since and entry.target:
                span = TroubleSpan(entry.at, min(entry.at + LIMIT_LASTS, look.until))
                look.found.spans.setdefault(Subject(SubjectKind.LIMIT, entry.target), []).append(span)
        look.found.spans = {subject: merged(spans) for subject, spans in look.found.spans.items()}

    async def _silent(self, look: _Look, instances: Sequence[Instance], terms: RuleTerms) -> None:
        look.found.basis += [FROM_EVENTS, ONLY_STORED_EVENTS, FROM_STATE_EVENTS, FROM_GAPS]
        if terms.usual_hours:
            look.found.basis.append(USUAL_HOURS_OF_NOW)
        states = await self._states(look, instances)
        outages = await self._outages(look)
        for one in instances:
            if time.monotonic() >= look.deadline:
                look.found.is_complete = False
                return
            deaf = _deaf_spans(one, outages)
            down = merged([*states.get(one.name, []), *deaf])
            heard = await self._times(look, one.name)
            silences = without(_between(heard, look.until), down)
            spans = self._due(look.scope.organization_id, one.name, silences, terms)
            if spans:
                look.found.spans[Subject(SubjectKind.INSTANCE, one.name)] = spans

    def _due(
        self, organization_id: str, name: str, silences: Iterable[TroubleSpan], terms: RuleTerms
    ) -> list[TroubleSpan]:
        """Of each silence the part from the moment on at which it had lasted long enough, within the hours."""
        lasts, spans = timedelta(seconds=terms.for_s), []
        for silence in silences:
            if silence.to_at - silence.from_at < lasts:
                continue
            starts = [silence.from_at]
            if terms.hours is not None:
                starts += edges(terms.hours, silence.from_at, silence.to_at)
            if terms.usual_hours:
                starts += _full_hours(silence)
            for start in sorted(starts):
                due = start + lasts
                if due < silence.to_at and self._is_within(organization_id, name, terms, start, due):
                    spans.append(TroubleSpan(due, silence.to_at))
                    break
        return spans

    def _is_within(self, organization_id: str, name: str, terms: RuleTerms, start: datetime, due: datetime) -> bool:
        """Whether all of this time is in the rule's hours, and in the instance's usual ones."""
        if terms.hours is not None:
            inside = [start, *edges(terms.hours, start, due), due]
            if not all(within(terms.hours, moment) for moment in inside):
                return False
        if not terms.usual_hours:
            return True
        usual_since = self._talk.usual_since(organization_id, name, due)
        return usual_since is not None and usual_since <= start

    async def _matching(self, look: _Look, terms: RuleTerms) -> None:
        look.found.basis += [FROM_EVENTS, ONLY_STORED_EVENTS]
        wanted = parse_filter(terms.filter or "", look.until)
        if terms.instances is not None:
            wanted = wanted.also(Filter.of(EventFilter(frozenset(terms.instances))))
        times = [event.received_at async for event in self._search(look, wanted)]
        spans = _crowded(sorted(times), terms.count, timedelta(seconds=terms.for_s), look.until)
        if spans:
            look.found.spans[EVENTS] = spans

    async def _search(self, look: _Look, wanted: Filter) -> AsyncIterator[StoredEvent]:
        """Newest first: when time is over, what is missing is the oldest."""
        wanted = wanted.also(Filter(all_of([Since(look.since)])))
        before = None
        while (left_s := look.deadline - time.monotonic()) > 0:
            page = await self._log.search(look.scope, wanted, before=before, limit=PAGE, budget_s=left_s)
            for event in page.events:
                yield event
            if page.next is None:
                return
            before = page.next
        look.found.is_complete = False

    async def _times(self, look: _Look, name: str) -> list[datetime]:
        """When the instance was heard, the oldest first, with the last time before the look where there is one."""
        column, last, times = events.c, None, []
        mine = (column.organization_id == look.scope.organization_id, column.instance == name)
        while time.monotonic() < look.deadline:
            some = select(column.seq, column.received_at).where(*mine).order_by(column.seq.desc()).limit(TIMES_AT_ONCE)
            if last is not None:
                some = some.where(column.seq < last)
            async with self._database.read() as connection:
                rows = (await connection.execute(some)).all()
            times += [row.received_at for row in rows]
            if len(rows) < TIMES_AT_ONCE or rows[-1].received_at < look.since:
                return sorted(max(moment, look.since) for moment in times)
            last = rows[-1].seq
        look.found.is_complete = False
        return sorted(times)


def _servers_away(
    instances: Sequence[Instance], outages: Mapping[tuple[str, str | None], list[TroubleSpan]]
) -> dict[str, list[TroubleSpan]]:
    """When nothing of a server could be heard: its global link was down, or those of all instances were."""
    found = {}
    for server_id in {one.server_id for one in instances}:
        own = [outages.get((server_id, one.name), []) for one in instances if one.server_id == server_id]
        spans = merged([*outages.get((server_id, None), []), *common(own)])
        if spans:
            found[server_id] = spans
    return found


def _deaf_spans(instance: Instance, outages: Mapping[tuple[str, str | None], list[TroubleSpan]]) -> list[TroubleSpan]:
    return [span for name in (instance.name, None) for span in outages.get((instance.server_id, name), [])]


def _not_open(
    instance: Instance, reports: Sequence[tuple[datetime, str]], since: datetime, until: datetime
) -> list[TroubleSpan]:
    ordered = sorted(reports)
    changed_at = instance.state_at or since
    if not ordered or changed_at > ordered[-1][0]:
        ordered.append((max(changed_at, since), instance.state.value))
    ends = [*(at for at, _ in ordered[1:]), until]
    spans = [
        TroubleSpan(at, end)
        for (at, state), end in zip(ordered, ends, strict=True)
        if state != InstanceState.OPEN.value and at < end
    ]
    return merged(spans)


def _state_of(event: StoredEvent) -> str | None:
    data = orjson.loads(event.data)
    state = data.get("state") if isinstance(data, dict) else None
    return state if isinstance(state, str) and state in _STATES else None


def _between(heard: Sequence[datetime], until: datetime) -> list[TroubleSpan]:
    return [TroubleSpan(at, end) for at, end in pairwise([*heard, until]) if at < end]


def _full_hours(span: TroubleSpan) -> list[datetime]:
    first = span.from_at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    hours = int((span.to_at - first) / timedelta(hours=1)) + 1
    return [first + timedelta(hours=hour) for hour in range(max(hours, 0))]


def _crowded(times: Sequence[datetime], needed: int, window: timedelta, until: datetime) -> list[TroubleSpan]:
    """When at least `needed` of these were within the window that ended at the moment."""
    recent: deque[datetime] = deque(maxlen=needed)
    spans = []
    for at in times:
        recent.append(at)
        if len(recent) == needed and at - recent[0] < window:
            spans.append(TroubleSpan(at, min(recent[0] + window, until)))
    return merged(spans)
