"""Figures of a span: they add up, survive the database, and name few instances."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ponteio.observe.figures import OTHERS, TOP_INSTANCES, Figures, Hop

counts = st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 1_000), max_size=8)


@st.composite
def figures(draw: st.DrawFn) -> Figures:
    made = Figures()
    for name in ("events", "early", "reconnects", "held", "sockets"):
        setattr(made, name, draw(st.integers(0, 1_000)))
    for name in ("refused", "names", "events_of", "reconnects_of"):
        getattr(made, name).update(draw(counts))
    for hop in Hop:
        for seconds in draw(st.lists(st.sampled_from([0.0005, 0.25, 3.0, 2_000.0]), max_size=5)):
            made.latency[hop].observe(seconds)
    return made


def told(it: Figures) -> dict[str, object]:
    return {
        name: {hop: histogram.counts for hop, histogram in it.latency.items()} if name == "latency" else value
        for name, value in ((name, getattr(it, name)) for name in Figures.__slots__)
    }


def spelled_again(it: Figures) -> Figures:
    again = Figures()
    again.add_spelled(it.spelled())
    return again


@given(figures())
def test_what_is_written_is_read_again(it: Figures) -> None:
    assert told(spelled_again(it)) == told(it)
    assert it.spelled().isascii()


@given(figures(), figures())
def test_sums_are_the_same_before_and_after_the_database(one: Figures, other: Figures) -> None:
    through = Figures()
    through.add_spelled(one.spelled())
    through.add_spelled(other.spelled())
    assert told(through) == told(Figures.total([one, other]))
    assert told(Figures.total([one, other])) == told(Figures.total([other, one]))


def test_sockets_are_the_most_at_once_and_all_else_is_a_sum() -> None:
    one, other = Figures(), Figures()
    one.sockets, one.events, one.refused["too_deep"] = 5, 2, 1
    other.sockets, other.events, other.refused["too_deep"] = 3, 4, 1
    total = Figures.total([one, other])
    assert (total.sockets, total.events, total.refused) == (5, 6, Counter(too_deep=2))


def test_nothing_is_spelled_shortly() -> None:
    assert Figures().spelled() == "{}"


def test_instances_beyond_the_top_share_one_entry() -> None:
    it = Figures()
    it.events_of.update({f"instance {number:03}": 1_000 - number for number in range(TOP_INSTANCES + 10)})
    kept = spelled_again(it).events_of
    assert len(kept) == TOP_INSTANCES + 1
    assert kept[OTHERS] == sum(1_000 - number for number in range(TOP_INSTANCES, TOP_INSTANCES + 10))
    assert kept.total() == it.events_of.total()
    again = Figures()  # an hour of such minutes
    for number in range(60):
        part = Figures()
        part.events_of.update({f"instance {number:03}": 5, OTHERS: 1})
        again.add_spelled(part.spelled())
    assert spelled_again(again).events_of[OTHERS] == 60 + 5 * (60 - TOP_INSTANCES + 1)
    assert spelled_again(again).events_of.total() == 360


def test_what_another_version_wrote_is_passed_over() -> None:
    it = Figures()
    it.add_spelled(json.dumps({"events": 2, "unheard": 7, "latency": {"by_pigeon": {"counts": {"0": 1}, "sum": 1}}}))
    assert it.events == 2
    assert all(not histogram.count for histogram in it.latency.values())
