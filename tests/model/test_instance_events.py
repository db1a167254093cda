from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ponteio.model.instance_events import (
    ALL,
    NEVER_SET,
    EventChoice,
    EventRun,
    EventWish,
    ItemState,
    RunState,
    SentEvents,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def wish(choice: EventChoice, **more: object) -> EventWish:
    return EventWish("org_1", "ins_1", "main", choice, NOW, **more)  # type: ignore[arg-type]


def test_only_what_is_switched_on_gets_through() -> None:
    assert SentEvents(True, ("CALL",)).effective == {"CALL"}
    assert SentEvents(False, ("CALL",)).effective == frozenset()
    assert NEVER_SET.effective == frozenset()


def test_all_means_what_evolution_said_it_has_once_that_is_known() -> None:
    everything = EventChoice(("CALL", "CHATS_SET"), ALL)
    assert wish(everything).wanted == ("CALL", "CHATS_SET")
    assert wish(everything, accepted=("CALL",), applied_at=NOW).wanted == ("CALL",)
    # What an earlier choice found there says nothing.
    assert wish(everything, accepted=("CALL",), applied_at=NOW - timedelta(seconds=1)).wanted == ("CALL", "CHATS_SET")
    assert wish(EventChoice(("CALL",)), accepted=("CHATS_SET",), applied_at=NOW).wanted == ("CALL",)


def test_a_run_counts_its_instances() -> None:
    counts = {ItemState.APPLIED: 2, ItemState.FAILED: 1}
    assert EventRun("org_1", "run_1", EventChoice(("CALL",)), RunState.RUNNING, NOW, None, counts).total == 3
