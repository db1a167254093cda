from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ponteio.api.instance_events_views import events_answer, item_answer, names, plan_answer, presets_answer, run_answer
from ponteio.decode.event_comparison import EventDifference, Remark
from ponteio.decode.event_presets import EVENT_NAMES
from ponteio.model.identity import Instance
from ponteio.model.instance_events import (
    NEVER_SET,
    EventChoice,
    EventRun,
    EventWish,
    ItemState,
    RunItem,
    RunState,
    SentEvents,
)
from ponteio.model.outcome import UPSTREAM_TIMEOUT, RefusalError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE = Instance("ins_1", "main", "loja-01", "org_1", integration="EVOLUTION")
CHOICE = EventChoice(("CALL",), None, keep=True)


@dataclass(frozen=True)
class View:
    global_mode: bool = False
    wish: EventWish | None = None
    sent: SentEvents | None = None
    difference: EventDifference | None = None
    remarks: tuple[Remark, ...] = ()
    refusal: RefusalError | None = None


@dataclass(frozen=True)
class Plan:
    instance: Instance
    sent: SentEvents
    added: tuple[str, ...]
    lost: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()


def test_every_event_is_shown_by_both_its_names() -> None:
    shown = [one.model_dump() for one in names(["MESSAGES_UPSERT", "MESSAGING_HISTORY_SET"])]
    assert shown == [
        {"event": "messages.upsert", "config": "MESSAGES_UPSERT"},
        {"event": None, "config": "MESSAGING_HISTORY_SET"},
    ]
    assert len(presets_answer().events) == len(EVENT_NAMES)


def test_what_is_not_known_is_null_and_not_false() -> None:
    shown = events_answer(ONE, View())
    assert (shown.chosen, shown.evolution, shown.in_sync, shown.difference, shown.drift_since) == (None,) * 5
    assert shown.mode == "traditional"


def test_a_choice_is_in_force_only_since_it_was_made() -> None:
    wish = EventWish("org_1", "ins_1", "main", CHOICE, NOW, applied_at=NOW - timedelta(seconds=1), mends=2)
    refusal = RefusalError(UPSTREAM_TIMEOUT)
    shown = events_answer(ONE, View(True, wish, NEVER_SET, EventDifference(("CALL",)), (), refusal))
    assert shown.chosen is not None
    assert (shown.chosen.applied_at, shown.chosen.set_back) == (None, 2)
    assert (shown.in_sync, shown.mode) == (False, "global")
    assert shown.unavailable is not None
    assert shown.unavailable.code == "upstream_timeout"
    assert shown.evolution is not None
    assert not shown.evolution.is_set


def test_a_plan_changes_something_when_something_comes_or_goes() -> None:
    sent = SentEvents(True, ("CALL",))
    assert not plan_answer(Plan(ONE, sent, (), ())).changes
    assert plan_answer(Plan(ONE, sent, ("CALL",), ())).changes
    remark = Remark("never_emitted", "Never.", ("CONTACTS_SET",))
    (shown,) = plan_answer(Plan(ONE, sent, (), ("CALL",), (remark,))).remarks
    assert (shown.code, shown.events[0].event) == ("never_emitted", "contacts.set")


def test_a_run_counts_what_there_is_none_of_too() -> None:
    counts = {ItemState.FAILED: 2}
    shown = run_answer(EventRun("org_1", "run_1", CHOICE, RunState.RUNNING, NOW, None, counts))
    assert (shown.counts.total, shown.counts.failed, shown.counts.pending) == (2, 2, 0)
    item = item_answer(RunItem("ins_1", "loja-01", "main", ItemState.FAILED, "upstream_timeout", "Late.", NOW))
    assert (item.instance, item.code, item.detail) == ("loja-01", "upstream_timeout", "Late.")
