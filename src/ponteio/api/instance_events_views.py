"""From what instances send to what a caller is shown: pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from ponteio.api.instance_events_schemas import (
    ChosenEvents,
    DifferenceAnswer,
    EventName,
    InstanceEventsAnswer,
    PlanAnswer,
    PresetAnswer,
    PresetsAnswer,
    RemarkAnswer,
    RunAnswer,
    RunCounts,
    RunItemAnswer,
    SentEventsAnswer,
)
from ponteio.api.schemas import Unavailable
from ponteio.api.services import EventsView, PlanView
from ponteio.decode.event_comparison import Remark
from ponteio.decode.event_presets import EVENT_NAMES, PRESETS, wire_name
from ponteio.model.identity import Instance
from ponteio.model.instance_events import EventRun, EventWish, ItemState, RunItem, SentEvents


def names(config_names: Iterable[str]) -> list[EventName]:
    """Each event by both its names."""
    return [EventName(event=wire_name(name), config=name) for name in config_names]


def presets_answer() -> PresetsAnswer:
    """All presets, and all events."""
    shown = [PresetAnswer(name=it.name, purpose=it.purpose, events=names(it.events)) for it in PRESETS.values()]
    return PresetsAnswer(presets=shown, events=names(EVENT_NAMES))


def events_answer(instance: Instance, view: EventsView) -> InstanceEventsAnswer:
    """The instance's events as shown to whoever may see the instance."""
    difference, refusal, wish = view.difference, view.refusal, view.wish
    return InstanceEventsAnswer(
        instance=instance.name,
        server=instance.server_id,
        integration=instance.integration,
        mode="global" if view.global_mode else "traditional",
        chosen=None if wish is None else _chosen(wish),
        evolution=None if view.sent is None else _sent(view.sent),
        unavailable=None if refusal is None else Unavailable(code=refusal.outcome.code, detail=refusal.detail),
        in_sync=None if difference is None else not difference,
        difference=None
        if difference is None
        else DifferenceAnswer(missing=names(difference.missing), extra=names(difference.extra)),
        drift_since=None if wish is None else wish.drift_since,
        remarks=_remarks(view.remarks),
    )


def plan_answer(plan: PlanView) -> PlanAnswer:
    """What applying would do, or did."""
    return PlanAnswer(
        instance=plan.instance.name,
        server=plan.instance.server_id,
        changes=bool(plan.added or plan.lost),
        before=_sent(plan.sent),
        added=names(plan.added),
        lost=names(plan.lost),
        remarks=_remarks(plan.remarks),
    )


def run_answer(run: EventRun) -> RunAnswer:
    """A run, with how far it is."""
    counts = {state.value: run.counts.get(state, 0) for state in ItemState}
    return RunAnswer(
        id=run.run_id,
        preset=run.choice.preset,
        events=names(run.choice.events),
        keep=run.choice.keep,
        state=run.state,
        created_at=run.created_at,
        finished_at=run.finished_at,
        counts=RunCounts(total=run.total, **counts),
    )


def item_answer(item: RunItem) -> RunItemAnswer:
    """What became of one instance."""
    return RunItemAnswer(
        instance=item.name,
        server=item.server_id,
        state=item.state,
        code=item.code,
        detail=item.detail,
        finished_at=item.finished_at,
    )


def _chosen(wish: EventWish) -> ChosenEvents:
    return ChosenEvents(
        preset=wish.choice.preset,
        events=names(wish.choice.events),
        keep=wish.choice.keep,
        changed_at=wish.changed_at,
        applied_at=wish.applied_at if wish.is_in_force else None,
        set_back=wish.mends,
    )


def _sent(sent: SentEvents) -> SentEventsAnswer:
    return SentEventsAnswer(is_set=sent.is_set, enabled=sent.enabled, events=names(sent.events))


def _remarks(remarks: Iterable[Remark]) -> list[RemarkAnswer]:
    return [RemarkAnswer(code=it.code, text=it.text, events=names(it.events)) for it in remarks]
