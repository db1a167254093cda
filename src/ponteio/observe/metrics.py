"""The embassy of prometheus-client: figures in, the text that Prometheus reads out. It keeps nothing between two."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from prometheus_client import GCCollector, ProcessCollector
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ponteio.observe.histogram import Histogram
from ponteio.observe.metric_names import METRICS, Kind

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_Labels = TypeVar("_Labels", bound=tuple[str, ...])


class MetricsPage:
    """One scrape. Each metric of `METRICS` is put at most once; `text` is made of what was put, and of the process."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def put(self, name: str, values: Mapping[_Labels, float] | float) -> None:
        """The counter or gauge has these values, by the values of its labels in their order; a number where it has no
        labels. Raises `KeyError` for one that is not declared, `ValueError` for a histogram or when put twice.
        """
        declared = METRICS[name]
        if declared.kind is Kind.HISTOGRAM:
            raise ValueError(f"{name} is a histogram")
        kind = CounterMetricFamily if declared.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(name.removesuffix("_total"), declared.meaning, labels=declared.labels)
        by_labels: Mapping[Any, float] = values if isinstance(values, Mapping) else {(): values}
        for labels, value in by_labels.items():
            family.add_metric(list(labels), value)
        self._add(name, family)

    def put_histograms(self, name: str, values: Mapping[_Labels, Histogram]) -> None:
        """The histogram has these values, by the values of its labels in their order. Raises like `put`."""
        declared = METRICS[name]
        if declared.kind is not Kind.HISTOGRAM:
            raise ValueError(f"{name} is no histogram")
        family = HistogramMetricFamily(name, declared.meaning, labels=declared.labels)
        for labels, histogram in values.items():
            family.add_metric(list(labels), _buckets(histogram), histogram.sum)
        self._add(name, family)

    def text(self) -> bytes:
        """The page in Prometheus' text format, of the type `CONTENT_TYPE`."""
        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        registry.register(_Families(self._families.values()))
        return generate_latest(registry)

    def _add(self, name: str, family: Metric) -> None:
        if name in self._families:
            raise ValueError(f"{name} is put twice")
        self._families[name] = family


class _Families:
    """What the library calls a collector."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    found, total = [], 0
    for bound, count in zip((*histogram.bounds, math.inf), histogram.counts, strict=True):
        total += count
        found.append(("+Inf" if bound == math.inf else repr(bound), float(total)))
    return found
