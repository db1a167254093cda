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
    assert tallies.deployment().events == 5
    assert set(tallies.take()) == {"acme"}
    assert tallies.total().events == 11


def test_the_deployment_counts_once_what_many_share_and_names_no_instance() -> None:
    tallies = Tallies()
    for name in ("acme", "beta"):
        figures = tallies.of(name)
        figures.events, figures.reconnects, figures.sockets = 2, 1, 3
        figures.events_of["loja"], figures.reconnects_of["loja"], figures.refused["rate_limited"] = 2, 1, 1
    tallies.shared.reconnects, tallies.shared.sockets = 1, 5
    tallies.shared.refused["too_deep"] = 4
    whole = tallies.deployment()
    assert (whole.events, whole.reconnects, whole.sockets, whole.refused) == (4, 1, 5, {"too_deep": 4})
    assert "loja" not in whole.spelled()
    tallies.take()
    assert tallies.deployment().spelled() == "{}"
