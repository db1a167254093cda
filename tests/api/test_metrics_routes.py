"""`/api/metrics` over real rooms: an organization sees its own, a narrowed key its part, the operator the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.rest_client import Caller, RestDesk, code, rest_desk

from ponteio.eventlog.metric_rollups import DEPLOYMENT
from ponteio.model.filter import EventFilter
from ponteio.model.link import Gap, GapKind, LinkTarget
from ponteio.observe.clock import utc_now
from ponteio.observe.figures import Figures, Hop


def figures(events: int, instance: str) -> Figures:
    made = Figures()
    made.events, made.reconnects, made.held, made.sockets = events, 1, 2, 3
    made.events_of[instance], made.reconnects_of[instance] = events, 1
    made.names["messages.upsert"] = events
    made.refused["too_many_sockets"] = 1
    made.latency[Hop.RECEIVED_TO_COMMITTED].observe(0.004, events)
    return made


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[RestDesk]:
    """Yesterday, ten minutes ago and just now acme had 5, 10 and 20 events, the rival 7 ten minutes ago."""
    async with rest_desk(tmp_path, instances=3, started=False) as opened:
        now, rollups = utc_now(), opened.services.rollups
        acme, rival = opened.acme_scope.organization_id, opened.rival_scope.organization_id
        rollups.note(now - timedelta(hours=20), {acme: figures(5, "loja-02")})
        recent = {acme: figures(10, "loja-01"), rival: figures(7, "loja-03"), DEPLOYMENT: figures(17, "")}
        recent[DEPLOYMENT].events_of.clear()
        rollups.note(now - timedelta(minutes=10), recent)
        await rollups.flush()
        opened.house.counters.tallies.of(acme).add(figures(20, "loja-01"))
        yield opened


async def narrowed(desk: RestDesk, allowed: EventFilter) -> Caller:
    organization_id = desk.acme_scope.organization_id
    _, secret = await desk.house.keys.create(organization_id, "narrowed", allowed=allowed)
    desk.api_keys.append(secret)
    return Caller(desk, secret)


async def body(caller: Caller, path: str = "/api/metrics", **params: str) -> dict[str, Any]:
    answer = await caller.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_organization_sees_its_own_of_the_last_hour(desk: RestDesk) -> None:
    found = await body(desk.acme)
    assert (found["window"], found["step_s"], len(found["series"])) == ("1h", 60, 61)
    assert (found["events"], found["reconnects"], found["held"], found["early"]) == (30, 2, 4, 0)
    assert found["latency"]["received_to_committed"]["count"] == 30
    assert 3 <= found["latency"]["received_to_committed"]["p95_ms"] <= 5
    assert found["latency"]["committed_to_delivered"]["p50_ms"] is None
    assert found["most_common"] == [{"event": "messages.upsert", "count": 30}]
    assert found["refused"] == {"too_many_sockets": 2}
    assert found["sockets"] == {"now": 0, "most": 3}
    assert [(it["name"], it["events"]) for it in found["instances"]] == [("loja-01", 30), ("loja-02", 0)]
    assert sum(point["events"] for point in found["series"]) == 30
    assert found["links"] == {"total": 2, "by_state": {"off": 2}}
    assert (await body(desk.rival))["events"] == 7


async def test_longer_windows_reach_farther_in_longer_steps(desk: RestDesk) -> None:
    for window, step_s in (("24h", 900), ("7d", 3600)):
        found = await body(desk.acme, window=window)
        assert (found["step_s"], found["events"]) == (step_s, 35)
        assert max(point["events"] for point in found["series"]) in (20, 30)
        assert found["series"][0]["at"] == found["since"]
    answer = await desk.acme.get("/api/metrics", params={"window": "1y"})
    assert (answer.status_code, code(answer)) == (422, "invalid_request")


async def test_who_is_narrowed_to_instances_sees_nothing_of_the_others(desk: RestDesk) -> None:
    """I4: figures of the organization as a whole are of its other instances too."""
    for instance, event in (("loja-01", "call"), ("loja-02", "call"), ("loja-02", "messages.upsert")):
        await desk.house.store(desk.acme_scope, instance, event, b"{}")
    caller = await narrowed(desk, EventFilter.of(["loja-02", "loja-03"]))
    found = await body(caller, window="24h")
    assert found["instances"] == [{"name": "loja-02", "link": "off", "events": 2, "reconnects": 1}]
    assert found["links"]["total"] == 1
    assert (found["events"], len(found["most_common"])) == (2, 2)
    for name in ("reconnects", "latency", "series", "held", "refused", "sockets", "early"):
        assert found[name] is None, name


async def test_who_is_narrowed_to_events_is_not_told_how_many_others_there_are(desk: RestDesk) -> None:
    for event in ("call", "messages.upsert", "messages.upsert"):
        await desk.house.store(desk.acme_scope, "loja-01", event, b"{}")
    found = await body(await narrowed(desk, EventFilter.of(None, ["call"])))
    assert [(it["name"], it["events"]) for it in found["instances"]] == [("loja-01", 1), ("loja-02", 0)]
    assert found["most_common"] == [{"event": "call", "count": 1}]
    assert found["latency"] is None


async def test_gaps_are_those_that_touch_the_callers_instances(desk: RestDesk) -> None:
    now = utc_now()
    for instance, kind in (("loja-01", GapKind.LINK_DOWN), ("loja-03", GapKind.OVERSIZE), (None, GapKind.LINK_DOWN)):
        begins = now - timedelta(minutes=5)
        await desk.house.gaps.record(Gap(LinkTarget("main", instance), kind, begins, begins + timedelta(minutes=1)))
    down = (await body(desk.acme))["gaps"]["link_down"]
    assert (down["count"], down["lasting"], down["seconds"]) == (2, 0, 120.0)
    assert (await body(desk.acme))["gaps"]["oversize"]["count"] == 0
    assert (await body(desk.rival))["gaps"]["oversize"]["count"] == 1
    assert (await body(desk.operator, "/api/metrics/deployment"))["gaps"]["link_down"]["count"] == 2


async def test_the_operator_sees_the_deployment_and_no_names(desk: RestDesk) -> None:
    answer = await desk.operator.get("/api/metrics/deployment")
    found = answer.json()
    assert (found["events"], found["organizations"], found["links"]["total"]) == (37, 2, 3)
    for word in ("loja", "acme", "rival", desk.acme_scope.organization_id):
        assert word not in answer.text
    refused = await desk.operator.get("/api/metrics")
    assert (refused.status_code, code(refused)) == (403, "organization_only")
    refused = await desk.acme.get("/api/metrics/deployment")
    assert (refused.status_code, code(refused)) == (403, "operator_only")


async def test_prometheus_needs_an_operator(desk: RestDesk) -> None:
    assert (await desk.operator.get("/metrics")).headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (await desk.acme.get("/metrics")).status_code == 403
    assert (await desk.nobody.get("/metrics")).status_code == 401
