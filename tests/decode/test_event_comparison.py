from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.catalogue import BAILEYS, EVOLUTION, META
from ponteio.decode.event_comparison import cannot_arrive, compare, explain, in_order
from ponteio.decode.event_presets import EVENT_NAMES, PRESETS, UNKNOWN_TO_MANAGER, choice_of
from ponteio.model.instance_events import NEVER_SET, EventChoice, SentEvents

NAMES = st.sets(st.sampled_from([*EVENT_NAMES, "MESSAGING_HISTORY_SET"]))
ALL = choice_of("all", None)


def codes(choice: EventChoice, sent: SentEvents) -> dict[str, tuple[str, ...]]:
    return {it.code: it.events for it in explain(choice.events, compare(choice, choice.events, sent), sent)}


@given(st.sets(st.sampled_from(EVENT_NAMES), min_size=1), NAMES, st.booleans())
def test_what_differs_is_told_once_and_completely(wanted: set[str], has: set[str], enabled: bool) -> None:
    choice = EventChoice(in_order(wanted))
    sent = SentEvents(enabled, tuple(has) if enabled else ())
    difference = compare(choice, choice.events, sent)
    assert set(difference.missing) == wanted - sent.effective
    assert set(difference.extra) == sent.effective - wanted
    told = [name for remark in explain(choice.events, difference, sent) for name in remark.events]
    assert sorted(told) == sorted((*difference.missing, *difference.extra))
    assert bool(difference) == (wanted != sent.effective)


def test_saving_in_the_manager_is_recognised() -> None:
    saved = tuple(name for name in EVENT_NAMES if name not in UNKNOWN_TO_MANAGER)
    assert set(codes(ALL, SentEvents(True, saved))) == {"saved_in_manager"}
    assert set(codes(ALL, SentEvents(True, saved))["saved_in_manager"]) == UNKNOWN_TO_MANAGER
    fewer = tuple(name for name in saved if name != "CALL")
    assert codes(ALL, SentEvents(True, fewer))["taken_out"] == ("CALL",)
    # One of the five is still there: it was not the Manager.
    assert set(codes(ALL, SentEvents(True, (*saved, "STATUS_INSTANCE")))) == {"taken_out"}
    minimum = choice_of("minimum", None)
    told = codes(minimum, SentEvents(True, tuple(name for name in minimum.events if name not in UNKNOWN_TO_MANAGER)))
    assert told == {"saved_in_manager": ("INSTANCE_CREATE", "INSTANCE_DELETE", "STATUS_INSTANCE")}


def test_every_other_cause_has_its_code() -> None:
    choice = EventChoice(("MESSAGES_UPSERT", "CALL"))
    assert codes(choice, NEVER_SET) == {"never_set": ("MESSAGES_UPSERT", "CALL")}
    assert codes(choice, SentEvents(False, ())) == {"switched_off": ("MESSAGES_UPSERT", "CALL")}
    assert codes(choice, SentEvents(True, ("MESSAGES_UPSERT",))) == {"taken_out": ("CALL",)}
    both = SentEvents(True, ("MESSAGES_UPSERT", "CALL", "PRESENCE_UPDATE", "MESSAGING_HISTORY_SET"))
    assert codes(choice, both) == {"added": ("PRESENCE_UPDATE",), "newer_names": ("MESSAGING_HISTORY_SET",)}
    assert codes(choice, SentEvents(True, choice.events)) == {}
    # Whoever chose all wants the names of newer releases too.
    assert codes(ALL, SentEvents(True, (*EVENT_NAMES, "MESSAGING_HISTORY_SET"))) == {}


def test_what_cannot_arrive_is_said() -> None:
    def told(
        names: tuple[str, ...], integration: str | None, *, global_mode: bool = False
    ) -> dict[str, tuple[str, ...]]:
        return {it.code: it.events for it in cannot_arrive(names, integration, global_mode=global_mode)}

    assert told(EVENT_NAMES, BAILEYS) == {
        "never_emitted": ("APPLICATION_STARTUP", "CONTACTS_SET"),
        "needs_global_mode": ("GROUP_UPDATE",),
    }
    assert "needs_global_mode" not in told(EVENT_NAMES, BAILEYS, global_mode=True)
    assert "global_mode" in told(("CALL",), BAILEYS, global_mode=True)
    assert told(("MESSAGES_UPSERT",), None) == {}
    assert "CONNECTION_UPDATE" in told(PRESETS["minimum"].events, EVOLUTION)["not_of_channel"]
    assert "MESSAGES_UPDATE" in told(PRESETS["minimum"].events, EVOLUTION)["not_of_channel"]
    assert "MESSAGES_UPDATE" not in told(PRESETS["minimum"].events, META)["not_of_channel"]
