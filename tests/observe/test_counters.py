"""Counted outcomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ponteio.model.event import AddressedEvent, DecodedEvent, StoredEvent
from ponteio.model.link import LinkTarget
from ponteio.observe.counters import ELSEWHERE, MAX_ROUTES, Counters
from ponteio.observe.figures import Hop

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def heard(organization_id: str, emitted_at: datetime | None) -> AddressedEvent:
    decoded = DecodedEvent(
        target=LinkTarget("main"),
        instance="loja",
        event="messages.upsert",
        data=b"{}",
        extra=None,
        sender=None,
        date_time=None,
        occurred_at=NOW,
        received_at=NOW,
        fingerprint=b"x" * 32,
        emitted_at=emitted_at,
    )
    return AddressedEvent(organization_id, "ins_1", decoded)


def stored(organization_id: str, received_at: datetime, origin: str = "live") -> StoredEvent:
    return StoredEvent(
        organization_id=organization_id,
        epoch="00000000",
        seq=1,
        instance="loja",
        event="messages.upsert",
        sender=None,
        date_time=None,
        occurred_at=received_at,
        received_at=received_at,
        origin=origin,
        data=b"{}",
    )


def test_totals_and_refusals_are_counted_apart() -> None:
    counters = Counters()
    counters.add("frames_received", 3)
    counters.add("frames_received")
    counters.refuse("too_deep")
    counters.refuse("too_many_sockets", organization_id="acme")
    assert counters.total("frames_received") == 4
    assert counters.total("nothing") == 0
    assert counters.totals == {"frames_received": 4}
    assert counters.refused == {"too_deep": 1, "too_many_sockets": 1}
    assert counters.tallies.since_taken("acme").refused == {"too_many_sockets": 1}


def test_a_commit_is_counted_by_event_origin_organization_and_instance() -> None:
    counters = Counters(monotonic=lambda: 7.0)
    batch = [stored("acme", NOW - timedelta(seconds=2)), stored("beta", NOW + timedelta(seconds=1), "backfill")]
    counters.committed(batch, ["messages.upsert", "other"], NOW, 0.004)
    assert counters.events == {"messages.upsert": 1, "other": 1}
    assert counters.events_by_origin == {("messages.upsert", "live"): 1, ("other", "backfill"): 1}
    acme, beta = (counters.tallies.since_taken(name) for name in ("acme", "beta"))
    assert (acme.events, acme.names, acme.events_of) == (1, {"messages.upsert": 1}, {"loja": 1})
    assert acme.latency[Hop.RECEIVED_TO_COMMITTED].sum == 2.0
    assert beta.latency[Hop.RECEIVED_TO_COMMITTED].sum == 0.0
    assert (counters.commit_s.count, counters.batch_events.sum, counters.committed_on) == (1, 2, 7.0)


def test_the_way_from_evolution_is_never_negative_and_what_tells_nothing_is_left_out() -> None:
    counters = Counters()
    counters.heard([heard("acme", NOW - timedelta(seconds=3)), heard("acme", NOW + timedelta(seconds=1))])
    counters.heard([heard("acme", None), heard("acme", NOW)])
    acme = counters.tallies.since_taken("acme")
    assert acme.early == 1
    assert acme.latency[Hop.EVOLUTION_TO_RECEIVED].count == 3
    assert acme.latency[Hop.EVOLUTION_TO_RECEIVED].sum == 3.0
    assert counters.total("events_undated") == 1


def test_delivery_held_and_reconnects_belong_to_organizations() -> None:
    counters = Counters(monotonic=lambda: 10.0)
    counters.delivered("acme", 5, since=9.5)
    counters.held("acme", 4)
    counters.reconnected("main", ["acme", "beta"], None)
    counters.reconnected("main", ["acme"], "loja")
    acme = counters.tallies.since_taken("acme")
    assert acme.latency[Hop.COMMITTED_TO_DELIVERED].count == 5
    assert acme.latency[Hop.COMMITTED_TO_DELIVERED].sum == 2.5
    assert (acme.held, counters.total("live_held")) == (4, 4)
    assert (acme.reconnects, acme.reconnects_of) == (2, {"loja": 1})
    assert counters.tallies.since_taken("beta").reconnects == 1
    assert counters.under("reconnects.") == {"main": 2}


def test_kinds_of_requests_are_bounded() -> None:
    counters = Counters()
    for number in range(MAX_ROUTES + 100):
        counters.answered(("GET", f"/{number}", "2xx"), 0.01)
    counters.answered(("GET", "/1", "2xx"), 0.01)
    assert len(counters.requests) == MAX_ROUTES + 1
    assert counters.requests[ELSEWHERE].count == 100
    assert counters.requests["GET", "/1", "2xx"].count == 2
