"""The page that Prometheus reads."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ponteio.observe.histogram import BATCH, Histogram
from ponteio.observe.metrics import CONTENT_TYPE, MetricsPage


def test_what_was_put_is_read_by_prometheus_own_parser() -> None:
    page, histogram = MetricsPage(), Histogram(BATCH)
    histogram.observe(3, 2)
    histogram.observe(100)
    page.put("ponteio_sockets", 7)
    page.put("ponteio_links", {("main", "connected"): 2, ('a"b\\c\nd', "off"): 1})
    page.put("ponteio_events_total", {("messages.upsert", "live"): 5})
    page.put_histograms("ponteio_commit_events", {(): histogram})
    found = {family.name: family for family in text_string_to_metric_families(page.text().decode())}
    assert [(one.labels, one.value) for one in found["ponteio_sockets"].samples] == [({}, 7)]
    assert {(one.labels["server"], one.value) for one in found["ponteio_links"].samples} == {
        ("main", 2),
        ('a"b\\c\nd', 1),
    }
    assert found["ponteio_events"].type == "counter"
    buckets = {one.labels["le"]: one.value for one in found["ponteio_commit_events"].samples if "le" in one.labels}
    assert buckets == {"1.0": 0, "2.0": 0, "4.0": 2, "8.0": 2, "16.0": 2, "32.0": 2, "64.0": 2, "+Inf": 3}
    values = {one.name: one.value for one in found["ponteio_commit_events"].samples if "le" not in one.labels}
    assert values == {"ponteio_commit_events_count": 3, "ponteio_commit_events_sum": 106}
    assert "process_cpu_seconds" in found
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")


def test_each_metric_is_declared_put_once_and_of_its_kind() -> None:
    page = MetricsPage()
    page.put("ponteio_sockets", 1)
    with pytest.raises(ValueError, match="twice"):
        page.put("ponteio_sockets", 1)
    with pytest.raises(KeyError):
        page.put("ponteio_unheard_of", 1)
    with pytest.raises(ValueError, match="is a histogram"):
        page.put("ponteio_commit_events", 1)
    with pytest.raises(ValueError, match="is no histogram"):
        page.put_histograms("ponteio_sockets", {(): Histogram()})
