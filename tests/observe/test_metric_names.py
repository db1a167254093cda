"""Names of metrics keep Prometheus' conventions."""

from __future__ import annotations

import re

from ponteio.observe.metric_names import METRICS, Kind

ALLOWED_LABELS = {
    *("server", "state", "kind", "event", "origin", "fate", "hop", "outcome", "of", "method", "route", "status"),
    *("version", "python", "database"),
}
"""None of these can name an organization, an instance, a person, a chat or an event's place."""


def test_names_units_and_labels() -> None:
    for name, declared in METRICS.items():
        assert name == declared.name
        assert re.fullmatch(r"ponteio_[a-z0-9_]+", name)
        assert name.endswith("_total") == (declared.kind is Kind.COUNTER), name
        assert "_ms" not in name
        assert declared.meaning.endswith(".")
        assert set(declared.labels) <= ALLOWED_LABELS, name
