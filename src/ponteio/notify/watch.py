"""The watch: once a second it looks at what the board knows, and lets the ledger write down what is new."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ponteio.model.alert import AlertRule, Condition, Incident
from ponteio.model.identity import Instance
from ponteio.notify import incident_machine as machine
from ponteio.notify.incident_machine import Phase
from ponteio.notify.incidents import Incidents
from ponteio.notify.lease import Lease
from ponteio.notify.makers import Makers
from ponteio.notify.rules import Rules
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch_board import Board
from ponteio.notify.watch_ledger import Ledger, is_outgrown
from ponteio.notify.watch_memory import WatchMemory
from ponteio.notify.watch_options import WatchOptions
from ponteio.notify.watch_rule import Finding, RuleWatch
from ponteio.notify.watch_survey import Survey, survey
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.storage.errors import StorageError
from ponteio.tenancy.directory import Directory

log = structlog.get_logger(__name__)

MATCH_BUDGET_S = 0.25
"""Time that matching may take in one turn; what is left waits for the next."""
MATCH_SLICE_S = 0.005
"""Time that it takes before others get the loop."""


@dataclass(frozen=True, slots=True)
class WatchNeeds:
    """What the watch works with. `is_settled` says whether the states of links and instances have been learned since
    the start.
    """

    board: Board
    rules: Rules
    incidents: Incidents
    ledger: Ledger
    lease: Lease
    talk: TalkHours
    makers: Makers
    memory: WatchMemory
    directory: Directory
    counters: Counters
    is_settled: Callable[[], bool]


class Watch:
    """`await run()` until cancelled, then `await close()`. Of several processes only the one with the lease watches."""

    def __init__(
        self, needs: WatchNeeds, options: WatchOptions | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._needs = needs
        self._options = options or WatchOptions()
        self._clock = clock
        self._watches: dict[str, RuleWatch] = {}
        self._by_organization: dict[str, list[RuleWatch]] = {}
        self._is_on = False
        self._is_past_grace = False
        self._is_stale = True
        self._loaded_at = self._kept_at = clock()
        self._readers: set[str] = set()
        needs.rules.on_change(self._rules_changed)
        needs.incidents.on_change(self._incident_changed)

    async def run(self) -> None:
        """Look again and again. A database that is away, or a fault of our own, makes it try again, never end."""
        while True:
            await asyncio.sleep(self._options.tick_s)
            try:
                await self.turn()
            except StorageError as error:
                log.warning("the watch could not use the database", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - nobody would be alerted any more
                self._needs.counters.add("alert_watch_errors")
                stack = "".join(traceback.format_tb(error.__traceback__))
                log.error("a turn of the watch broke", error=type(error).__name__, exception=stack)

    async def close(self) -> None:
        """Another process may watch at once; what was learned is stored, if the database can be asked."""
        with contextlib.suppress(StorageError):
            await self._needs.talk.save(self._clock())
            await self._needs.lease.release()

    async def turn(self) -> None:
        """One look at everything. Raises `StorageError`."""
        if not await self._needs.lease.hold():
            self._step_back()
            return
        now = self._clock()
        if not self._is_on:
            await self._begin(now)
        elif self._is_stale or now - self._loaded_at >= self._options.reload:
            await self._load(now)
        await self._match_events()
        if now - self._kept_at >= self._options.housekeeping:
            self._kept_at = now
            await self._keep_house(now)
        findings = [finding async for finding in self._look(now)]
        await self._needs.ledger.write(findings, now)

    def _step_back(self) -> None:
        board = self._needs.board
        board.followed = board.matching = frozenset()
        board.waiting.clear()
        self._is_on = False

    async def _begin(self, now: datetime) -> None:
        """The watch has been given to us: what others left is taken over."""
        self._watches, self._by_organization, self._readers = {}, {}, set()
        await self._needs.talk.load(now)
        await self._load(now)
        longest = max((watch.terms.reopen for watch in self._watches.values()), default=timedelta(0))
        orphans: list[Incident] = []
        for incident in await self._needs.incidents.living(now - longest):
            watch = self._watches.get(incident.rule_id)
            if watch is not None:
                watch.restore(incident, now)
            elif incident.resolved_at is None or incident.is_dismissed:
                orphans.append(incident)
        await self._needs.ledger.close_all(orphans, now)
        self._kept_at = now - self._options.housekeeping
        self._is_on = True

    async def _load(self, now: datetime) -> None:
        """Rules are watched as they are stored now. Raises `StorageError`: then it is tried again."""
        self._is_stale = False
        try:
            await self._load_rules(now)
        except StorageError:
            self._is_stale = True
            raise
        self._loaded_at = now

    async def _load_rules(self, now: datetime) -> None:
        rules = [rule for rule in await self._needs.rules.all() if rule.terms.enabled]
        about_events = [rule for rule in rules if rule.terms.condition is Condition.EVENT]
        whole = await self._needs.makers.reading_content(about_events) if about_events else set()
        self._needs.ledger.quiet = await self._needs.rules.quiet_channels()
        watches = {rule.rule_id: self._watch_of(rule, now, is_whole=rule.rule_id in whole) for rule in rules}
        gone = [former for rule_id, former in self._watches.items() if not _lives_on(former, watches.get(rule_id))]
        self._watches = watches
        self._by_organization = {}
        for watch in watches.values():
            self._by_organization.setdefault(watch.rule.organization_id, []).append(watch)
        self._needs.board.followed = frozenset(self._by_organization)
        self._needs.board.matching = frozenset(rule.organization_id for rule in about_events)
        for former in gone:
            await self._needs.ledger.close(former, now)
        await self._learn_about(set(self._by_organization))

    def _watch_of(self, rule: AlertRule, now: datetime, *, is_whole: bool) -> RuleWatch:
        former = self._watches.get(rule.rule_id)
        if former is not None and former.rule == rule and _sees_as_much(former, is_whole=is_whole):
            return former
        watch = RuleWatch(rule, self._options, now, is_whole=is_whole)
        if former is not None and _lives_on(former, watch):
            watch.watched = former.watched
            for watched in watch.watched.values():
                watched.is_fresh = True
        return watch

    async def _learn_about(self, organization_ids: set[str]) -> None:
        """The board knows of organizations that have rules since now what it must."""
        new = organization_ids - self._readers
        if not new:
            return
        await self._needs.memory.start_at_heads(new)
        for organization_id in new:
            names = [instance.name for instance in self._instances(organization_id)]
            await self._needs.memory.last_heard(organization_id, names)
        self._readers |= new

    async def _match_events(self) -> None:
        waiting, started = self._needs.board.waiting, time.monotonic()
        while waiting and time.monotonic() - started < MATCH_BUDGET_S:
            slice_ends = time.monotonic() + MATCH_SLICE_S
            while waiting and time.monotonic() < slice_ends:
                event = waiting.popleft()
                for watch in self._by_organization.get(event.organization_id, ()):
                    if watch.counter is not None:
                        watch.counter.take(event)
            await asyncio.sleep(0)

    async def _keep_house(self, now: datetime) -> None:
        await self._needs.talk.save(now)
        await self._needs.memory.catch_up(set(self._by_organization))
        await self._needs.ledger.release({rule_id: watch.rule for rule_id, watch in self._watches.items()}, now)
        for watch in self._watches.values():
            for subject, watched in list(watch.watched.items()):
                if watched.memory.phase is Phase.OPEN and is_outgrown(watched):
                    await self._needs.ledger.refresh(watch, subject, now)

    async def _look(self, now: datetime) -> AsyncIterator[Finding]:
        knows_states = self._knows_states(now)
        for organization_id, watches in list(self._by_organization.items()):
            organization = self._needs.directory.organization(organization_id)
            if organization is None or organization.disabled_at is not None:
                continue
            seen = Survey()
            if knows_states and any(watch.counter is None for watch in watches):
                instances = self._instances(organization_id)
                seen = survey(organization_id, instances, self._needs.board, now, self._options.settles)
            for watch in watches:
                if knows_states or watch.counter is not None:
                    for finding in watch.look(seen, self._needs.talk, now):
                        yield finding
            await asyncio.sleep(0)

    def _knows_states(self, now: datetime) -> bool:
        """Whether enough time has passed since the start to tell what is down from what is not there yet."""
        if not self._is_past_grace:
            since_start = now - self._needs.board.started_at
            is_settled = since_start >= self._options.settles and self._needs.is_settled()
            self._is_past_grace = is_settled or since_start >= self._options.grace
        return self._is_past_grace

    def _instances(self, organization_id: str) -> list[Instance]:
        directory = self._needs.directory
        here = {server.server_id for server in directory.servers()}
        return [one for one in directory.instances(directory.scope_of(organization_id)) if one.server_id in here]

    def _rules_changed(self) -> None:
        self._is_stale = True

    def _incident_changed(self, incident: Incident) -> None:
        """Somebody acknowledged or closed an incident."""
        watch = self._watches.get(incident.rule_id)
        watched = None if watch is None else watch.watched.get(incident.subject)
        if watched is None or watched.incident is None or watched.incident.incident_id != incident.incident_id:
            return
        change = machine.acknowledged if incident.resolved_at is None else machine.dismissed
        watched.memory, watched.incident, watched.is_fresh = change(watched.memory), incident, True


def _sees_as_much(former: RuleWatch, *, is_whole: bool) -> bool:
    """Whether the rule's maker may see as much of events as when this began to count them."""
    return former.counter is None or former.counter.is_whole is is_whole


def _lives_on(former: RuleWatch, successor: RuleWatch | None) -> bool:
    """Whether the incidents of a rule are those of what it has become."""
    return successor is not None and successor.rule.terms.condition is former.rule.terms.condition
