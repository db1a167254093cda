"""What Prometheus sees of a real house after traffic: everything that is declared, and nobody's names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.support.busy_house import WORDS, BusyHouse, busy_house
from tests.support.house import holds
from tests.support.metric_values import ENDINGS, VALUES

from ponteio.api.request_meter import ELSEWHERE
from ponteio.decode.catalogue import OTHER
from ponteio.observe.figures import Hop
from ponteio.observe.metric_names import METRICS, PROCESS


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[BusyHouse]:
    async with busy_house(tmp_path) as opened:
        yield opened


async def test_a_busy_house_shows_every_metric_and_nobodys_names(here: BusyHouse) -> None:
    """I5: neither organizations, instances, addresses, event names of others, contents nor keys."""
    text = await here.text()
    found = families(text)
    declared = {name.removesuffix("_total") for name in (*METRICS, *PROCESS)}
    assert set(found) == declared
    for word in WORDS:
        assert word not in text, word
    for family in found.values():
        name = family.name if family.type != "counter" else f"{family.name}_total"
        for sample in family.samples:
            labels = {label: value for label, value in sample.labels.items() if label != "le"}
            assert set(labels) == set((METRICS.get(name) or PROCESS[name]).labels), name
            for label, value in labels.items():
                if name == "ponteio_notifications_total":
                    assert value in ENDINGS
                elif label in VALUES:
                    assert value in VALUES[label], f"{name} has {label}={value}"
                else:
                    assert name == "ponteio_build_info"


async def test_what_happened_is_what_is_shown(here: BusyHouse) -> None:
    text = await here.text()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families(text).values()
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return samples[(name, *sorted(labels.items()))]

    assert value("ponteio_events_total", event="messages.upsert", origin="live") >= 40
    assert value("ponteio_events_total", event=OTHER, origin="live") == 1
    assert value("ponteio_refused_total", outcome="unassigned") >= 1
    assert value("ponteio_link_reconnects_total", server="main") == 1
    assert value("ponteio_links", server="main", state="connected") == 1
    assert value("ponteio_sockets") == 2
    assert value("ponteio_held_total") >= 1
    assert value("ponteio_deliveries_total") >= 21
    assert value("ponteio_organizations") == 2
    assert value("ponteio_http_request_seconds_count", method="GET", route="/healthz", status="2xx") == 1
    assert value("ponteio_http_request_seconds_count", method="GET", route=ELSEWHERE, status="4xx") == 1
    assert value("ponteio_requests_refused_total", outcome="instance_not_found") == 1
    for hop in Hop:
        assert value("ponteio_event_latency_seconds_count", hop=hop.value) >= 21
        mean = value("ponteio_event_latency_seconds_sum", hop=hop.value) / value(
            "ponteio_event_latency_seconds_count", hop=hop.value
        )
        assert 0 <= mean < 30, hop
    assert value("process_open_fds") > 10


async def test_lasting_gaps_are_seen_within_a_minute(here: BusyHouse) -> None:
    """What only the database knows is looked up when the minute is turned."""
    assert here.house.gateway is not None
    await here.simulator.go_down()

    async def second_gap_lasts() -> bool:
        return [gap["to_at"] is None for gap in await here.house.gaps(here.operator)] == [False, True]

    await holds("the first gap is over, and another one is open", second_gap_lasts)
    await here.house.gateway._metrics._book.turn()
    shown = [line for line in (await here.text()).splitlines() if line.startswith("ponteio_gaps")]
    assert shown == ['ponteio_gaps{kind="link_down"} 2.0', 'ponteio_gaps_open{kind="link_down"} 1.0']
