"""Figures by organization, and the total of all since the start."""

from __future__ import annotations

from ponteio.observe.tallies import Tallies


def test_what_is_taken_is_taken_once_and_stays_in_the_total() -> None:
    tallies = Tallies()
    tallies.of("acme").events += 2
    tallies.of("beta").events += 3
    tallies.of("acme").events += 1
    assert {name: it.events for name, it in tallies.take().items()} == {"acme": 3, "beta": 3}
    assert tallies.take() == {}
    tallies.of("acme").events += 5
    assert tallies.total().events == 11
    assert tallies.since_taken("acme").events == 5
    assert tallies.since_taken("beta").events == 0
    assert tallies.since_taken(None).events == 5
    assert set(tallies.take()) == {"acme"}
    assert tallies.total().events == 11
