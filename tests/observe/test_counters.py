"""Counted outcomes."""

from __future__ import annotations

from ponteio.observe.counters import Counters


def test_totals_refusals_and_events_are_counted_apart() -> None:
    counters = Counters()
    counters.add("frames_received", 3)
    counters.add("frames_received")
    counters.refuse("too_deep")
    counters.event("messages.upsert")
    counters.event("messages.upsert")
    assert counters.total("frames_received") == 4
    assert counters.total("nothing") == 0
    assert (counters.totals, counters.refused) == ({"frames_received": 4}, {"too_deep": 1})
    assert counters.events == {"messages.upsert": 2}
