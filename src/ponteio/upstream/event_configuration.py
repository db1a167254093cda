"""What the instances of one server are set to send, against what was chosen: looked at, planned, applied, kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from ponteio.decode.event_comparison import EventDifference, Remark, cannot_arrive, compare, explain
from ponteio.decode.event_presets import EVENT_NAMES
from ponteio.model import outcome
from ponteio.model.identity import Instance
from ponteio.model.instance_events import EventChoice, EventWish, SentEvents
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.storage.errors import StorageError
from ponteio.tenancy.audit import Action, Actor, AuditLog
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.instance_events import MENDS_MAX, InstanceEvents, applied, may_mend, mended, seen
from ponteio.upstream.evolution_answers import EvolutionRefusalError, WebsocketSettings, sent_events
from ponteio.upstream.evolution_api import EvolutionApi
from ponteio.upstream.pace import Pace

log = structlog.get_logger(__name__)

SETS_PER_SECOND = 2.0
"""Instances of one server that are set in a second, whoever asked."""
_HOUSE = Actor(kind="gateway")
_STOPPED = (
    f"It was set back {MENDS_MAX} times within a day, and something else changed it again: it is left alone now. "
    "Apply it once that has stopped."
)


@dataclass(frozen=True, slots=True)
class EventsView:
    """An instance's events. `sent` is what Evolution has, or had when it was last seen if `refusal` says why it could
    not be asked; None: nobody knows. `difference` is None where nothing was chosen or nothing is known.
    """

    instance: Instance
    global_mode: bool
    wish: EventWish | None
    sent: SentEvents | None
    difference: EventDifference | None
    remarks: tuple[Remark, ...]
    refusal: RefusalError | None = None


@dataclass(frozen=True, slots=True)
class EventPlan:
    """What applying `choice` to an instance would do: `added` would be sent from then on, `lost` no longer."""

    instance: Instance
    choice: EventChoice
    sent: SentEvents
    added: tuple[str, ...]
    lost: tuple[str, ...]
    remarks: tuple[Remark, ...]

    @property
    def changes(self) -> bool:
        return bool(self.added or self.lost)


@dataclass(frozen=True, slots=True)
class DriftNews:
    """What was noticed of an instance: `drifted`, `mended`, `mending_failed` or `mending_stopped`."""

    kind: str
    instance: Instance
    detail: str
    at: datetime


class EventConfiguration:
    """Of one server. Every call may raise the `RefusalError`s of `EvolutionApi`, INSTANCE_NOT_FOUND when Evolution no
    longer has the instance, and UPSTREAM_WEBSOCKET_DISABLED when Evolution runs without WebSocket. `on_news` hears of
    drift and of what is done about it.
    """

    def __init__(
        self,
        *,
        server_id: str,
        api: EvolutionApi,
        directory: Directory,
        wishes: InstanceEvents,
        audit: AuditLog,
        global_mode: bool,
        on_news: Callable[[DriftNews], None] = lambda _news: None,
        pace: Pace | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.global_mode = global_mode
        self._server_id = server_id
        self._api = api
        self._directory = directory
        self._wishes = wishes
        self._audit = audit
        self._on_news = on_news
        self._pace = pace or Pace(SETS_PER_SECOND)
        self._clock = clock
        self._to_mend: dict[str, Instance] = {}
        self._mender: asyncio.Task[None] | None = None
        self._stopped: set[str] = set()

    async def close(self) -> None:
        """Nothing is being set back any more."""
        if self._mender is not None:
            self._mender.cancel()
            await asyncio.wait([self._mender])

    async def look(self, instance: Instance) -> EventsView:
        """The instance's events, asked of Evolution now; where that cannot be asked, as they were last seen."""
        wish = await self._wishes.get(instance)
        refusal = None
        try:
            sent: SentEvents | None = await self._ask(instance)
        except RefusalError as refused:
            if refused.outcome is outcome.INSTANCE_NOT_FOUND:
                raise
            sent, refusal = wish.found if wish else None, refused
        else:
            wish = None if wish is None or sent is None else await self._noted(wish, sent)
        return self._view(instance, wish, sent, refusal)

    async def wished(self, instance: Instance) -> tuple[str, ...]:
        """The events that were chosen for the instance, as Evolution wants them said: none for all, or if none were."""
        wish = await self._wishes.get(instance)
        return () if wish is None or wish.choice.wants_all else wish.choice.events

    async def plan(self, instance: Instance, choice: EventChoice) -> EventPlan:
        """What applying the choice would do, asked of Evolution now. Changes nothing."""
        return self._plan(instance, choice, await self._ask(instance))

    async def plan_many(self, instances: Sequence[Instance], choice: EventChoice) -> list[EventPlan]:
        """`plan` for many with one call to Evolution; what it does not list is left out."""
        listed = {sighting.name: sighting.websocket for sighting in await self._api.fetch_instances()}
        known = [instance for instance in instances if instance.name in listed]
        return [self._plan(instance, choice, sent_events(listed[instance.name])) for instance in known]

    async def apply(self, instance: Instance) -> EventPlan:
        """Evolution has what was chosen for the instance; what that changed. Nothing is set where it has it already.
        Raises NO_EVENTS_CHOSEN, and UPSTREAM_REFUSED when Evolution takes the list and then has another.
        """
        wish = await self._wishes.get(instance)
        if wish is None:
            raise RefusalError(outcome.NO_EVENTS_CHOSEN)
        await self._pace.turn()
        before = await self._ask(instance)
        plan = self._plan(instance, wish.choice, before, wish.wanted)
        after = await self._set(instance, wish.choice) if plan.changes else before
        await self._wishes.note([applied(wish, after, self._clock())])
        return plan

    async def heed(self, asked_at: datetime, listed: Mapping[str, WebsocketSettings | None]) -> None:
        """What Evolution's list said, asked for at `asked_at`, is compared with every wish: drift is written down and
        told, and set back where that was chosen. What was applied since then is left alone.
        """
        wishes = await self._wishes.of_server(self._server_id)
        looked_at: list[tuple[Instance, EventWish, EventWish]] = []
        for name, settings in listed.items() if wishes else ():
            instance = self._directory.find(self._server_id, name)
            wish = None if instance is None else wishes.get(instance.instance_id)
            if instance is None or wish is None or wish.organization_id != instance.organization_id:
                continue
            if max(wish.changed_at, wish.applied_at or wish.changed_at) < asked_at:
                looked_at.append((instance, wish, self._seen(wish, sent_events(settings))))
        await self._wishes.note(after for _, before, after in looked_at if after != before)
        for instance, before, after in looked_at:
            if after.drift_since is not None:
                self._drifting(instance, before, after)

    def _drifting(self, instance: Instance, before: EventWish, after: EventWish) -> None:
        if before.drift_since is None and after.found is not None:
            told = explain(after.wanted, compare(after.choice, after.wanted, after.found), after.found)
            self._tell("drifted", instance, " ".join(remark.text for remark in told))
        if after.choice.keep:
            self._mend_soon(instance)

    def _view(
        self, instance: Instance, wish: EventWish | None, sent: SentEvents | None, refusal: RefusalError | None
    ) -> EventsView:
        difference, remarks = None, []
        if wish is not None and sent is not None:
            difference = compare(wish.choice, wish.wanted, sent)
            remarks = explain(wish.wanted, difference, sent)
            if difference and not wish.is_in_force:
                remarks.insert(0, Remark("not_applied", "This was chosen and not applied yet."))
            if difference and wish.choice.keep and not may_mend(wish, self._clock()):
                remarks.append(Remark("mending_stopped", _STOPPED))
        chosen = wish.choice.events if wish else sorted(sent.effective) if sent else EVENT_NAMES
        remarks += cannot_arrive(chosen, instance.integration, global_mode=self.global_mode)
        return EventsView(instance, self.global_mode, wish, sent, difference, tuple(remarks), refusal)

    def _plan(
        self, instance: Instance, choice: EventChoice, sent: SentEvents, wanted: Sequence[str] | None = None
    ) -> EventPlan:
        difference = compare(choice, choice.events if wanted is None else wanted, sent)
        remarks = cannot_arrive(choice.events, instance.integration, global_mode=self.global_mode)
        return EventPlan(instance, choice, sent, difference.missing, difference.extra, tuple(remarks))

    async def _ask(self, instance: Instance) -> SentEvents:
        sent = await _existing(self._api.find_events(instance.name))
        if sent is None:
            raise RefusalError(outcome.UPSTREAM_WEBSOCKET_DISABLED)
        return sent

    async def _set(self, instance: Instance, choice: EventChoice) -> SentEvents:
        asked = () if choice.wants_all else choice.events
        after = await _existing(self._api.set_events(instance.name, asked))
        if after is None:
            raise RefusalError(outcome.UPSTREAM_WEBSOCKET_DISABLED)
        if not after.enabled or (not choice.wants_all and compare(choice, choice.events, after)):
            raise RefusalError(outcome.UPSTREAM_REFUSED, "Evolution API took the list and has another one.")
        log.info("events set", server=self._server_id, organization=instance.organization_id, count=len(after.events))
        return after

    def _seen(self, wish: EventWish, sent: SentEvents) -> EventWish:
        return seen(wish, sent, differs=bool(compare(wish.choice, wish.wanted, sent)), now=self._clock())

    async def _noted(self, wish: EventWish, sent: SentEvents) -> EventWish:
        after = self._seen(wish, sent)
        if after != wish:
            await self._wishes.note([after])
        return after

    def _mend_soon(self, instance: Instance) -> None:
        self._to_mend[instance.instance_id] = instance
        if self._mender is None or self._mender.done():
            self._mender = asyncio.get_running_loop().create_task(self._mend_all(), name="event mender")

    async def _mend_all(self) -> None:
        while self._to_mend:
            _, instance = self._to_mend.popitem()
            try:
                await self._mend(instance)
            except RefusalError as refusal:
                self._tell("mending_failed", instance, refusal.detail)
            except StorageError as error:
                log.warning("events could not be set back", server=self._server_id, error=type(error).__name__)

    async def _mend(self, instance: Instance) -> None:
        """Set back, if that is still wished and was not done too often. Counted before it is tried: a gateway that dies
        in the middle must not begin anew.
        """
        wish, now = await self._wishes.get(instance), self._clock()
        if wish is None or wish.drift_since is None or not wish.choice.keep:
            return
        if not may_mend(wish, now):
            if instance.instance_id not in self._stopped:
                self._stopped.add(instance.instance_id)
                self._tell("mending_stopped", instance, _STOPPED)
            return
        self._stopped.discard(instance.instance_id)
        await self._wishes.note([mended(wish, now)])
        plan = await self.apply(instance)
        if plan.changes:
            detail: dict[str, object] = {"added": list(plan.added), "lost": list(plan.lost)}
            await self._audit.record(
                Action.EVENTS_MENDED, _HOUSE, organization_id=wish.organization_id, target=instance.name, detail=detail
            )
            self._tell("mended", instance, f"Set back: {', '.join((*plan.added, *plan.lost))}.")

    def _tell(self, kind: str, instance: Instance, detail: str) -> None:
        fields = {"server": self._server_id, "instance": instance.name, "organization": instance.organization_id}
        log.warning("events of an instance", **fields, kind=kind, detail=detail)
        self._on_news(DriftNews(kind, instance, detail, self._clock()))


async def _existing(answer: Awaitable[SentEvents | None]) -> SentEvents | None:
    try:
        return await answer
    except EvolutionRefusalError as refusal:
        if not refusal.is_absence:
            raise
        raise RefusalError(outcome.INSTANCE_NOT_FOUND, "Evolution API no longer has this instance.") from None
