"""The dashboard, the alert rules and the page about metrics name what a busy gateway really shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.busy_house import busy_house
from tests.support.metric_values import ENDINGS, VALUES

from ponteio.observe.metric_names import METRICS, PROCESS, Declared, Kind

ROOT = Path(__file__).resolve().parent.parent
DASHBOARD = ROOT / "deploy" / "grafana" / "ponteio.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DECLARED = {**METRICS, **PROCESS}

_METRIC = re.compile(r"\b((?:ponteio|process|python)_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!=|=|!~)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_WORDS = {"sum", "max", "min", "by", "rate", "increase", "histogram_quantile", "topk", "or", "vector"}
MADE_BY_PROMETHEUS = {"up": {"job"}}


def base_name(name: str) -> str:
    """The metric that a series belongs to."""
    for ending in ("_bucket", "_count", "_sum"):
        declared = DECLARED.get(name.removesuffix(ending))
        if name.endswith(ending) and declared is not None and declared.kind is Kind.HISTOGRAM:
            return declared.name
    return name


def labels_of(name: str) -> set[str]:
    if name in MADE_BY_PROMETHEUS:
        return MADE_BY_PROMETHEUS[name]
    return {*DECLARED[base_name(name)].labels, *({"le"} if name.endswith("_bucket") else ())}


def faults_of(expression: str) -> Iterator[str]:
    """What of a PromQL expression is not there."""
    text = expression.replace("$__rate_interval", "5m")
    reachable: set[str] = set()
    for name, matchers in _METRIC.findall(text):
        if name in MADE_BY_PROMETHEUS or base_name(name) in DECLARED:
            reachable |= labels_of(name)
            yield from _selector_faults(name, matchers)
        else:
            yield f"{name} is not shown"
    for grouping in _GROUPING.findall(text):
        yield from (f"nothing has the label {one}" for one in re.split(r",\s*", grouping) if one not in reachable)
    rest = _GROUPING.sub(" ", re.sub(r"\[[^\]]*\]", " ", _METRIC.sub(" ", text)))
    yield from (f"{word} is not understood" for word in re.findall(r"[a-z_]+", rest) if word not in _WORDS)
    if text.count("(") != text.count(")"):
        yield "brackets do not match"


def _selector_faults(name: str, matchers: str) -> Iterator[str]:
    declared = DECLARED.get(name)
    if declared is not None and declared.kind is Kind.HISTOGRAM:
        yield f"{name} is a histogram"
    for label, _, _ in _MATCHER.findall(matchers):
        if label not in labels_of(name):
            yield f"{name} has no label {label}"
    if re.sub(r"[\s,]", "", _MATCHER.sub("", matchers)):
        yield f"{{{matchers}}} cannot be read"


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def dashboard_queries() -> list[tuple[str, str, str]]:
    """Panel, expression, legend."""
    return [(it["title"], one["expr"], one["legendFormat"]) for it in panels() for one in it.get("targets", ())]


def alert_rules() -> list[dict[str, Any]]:
    yaml = pytest.importorskip("yaml")
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def matched_values(expression: str) -> Iterator[tuple[str, str, str]]:
    """Metric, label and value of each comparison, alternatives apart."""
    for name, matchers in _METRIC.findall(expression):
        for label, _, value in _MATCHER.findall(matchers):
            for one in value.split("|"):
                yield base_name(name), label, one


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum(rate(ponteio_unheard_total[5m]))", "not shown"),
        ('ponteio_links{instance="loja"}', "no label instance"),
        ("sum by (organization) (ponteio_links)", "label organization"),
        ("rate(ponteio_commit_seconds[5m])", "is a histogram"),
        ("avg_over_time(ponteio_sockets[5m])", "not understood"),
        ("sum(ponteio_sockets", "brackets"),
    ],
)
def test_wrong_expressions_are_noticed(expression: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(expression))


def test_every_query_of_the_dashboard_and_the_alerts_is_of_metrics_that_exist() -> None:
    queries = dashboard_queries()
    assert len(queries) > 40
    for title, expression, legend in queries:
        assert list(faults_of(expression)) == [], f"{title}: {expression}"
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            assert label in {one for name, _ in _METRIC.findall(expression) for one in labels_of(name)}, title
    rules = alert_rules()
    assert len(rules) >= 10
    for rule in rules:
        assert list(faults_of(rule["expr"])) == [], rule["alert"]
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert label in re.findall(r"\w+", " ".join(_GROUPING.findall(rule["expr"]))), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    used = {base_name(name) for _, expression, _ in dashboard_queries() for name, _ in _METRIC.findall(expression)}
    elsewhere = {
        *("ponteio_build_info", "ponteio_organizations", "ponteio_events_early_total", "ponteio_events_undated_total"),
        *("ponteio_frames_received_total", "ponteio_gaps"),
    }
    assert set(METRICS) - used == elsewhere


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


async def test_what_they_name_is_in_a_real_scrape(tmp_path: Path) -> None:
    """Names, labels, and values that are compared with: of a gateway after traffic."""
    async with busy_house(tmp_path) as here:
        text = await here.text()
    shown = {family.name: family for family in text_string_to_metric_families(text)}
    labels = {name: {label for one in it.samples for label in one.labels} for name, it in shown.items()}
    expressions = [expression for _, expression, _ in dashboard_queries()] + [rule["expr"] for rule in alert_rules()]
    for expression in expressions:
        for name, _ in _METRIC.findall(expression):
            if name not in MADE_BY_PROMETHEUS:
                family = base_name(name).removesuffix("_total")
                assert family in shown, name
                if shown[family].samples:
                    assert labels_of(name) - {"le"} <= labels[family], name


def test_values_that_are_compared_with_exist() -> None:
    expressions = [expression for _, expression, _ in dashboard_queries()] + [rule["expr"] for rule in alert_rules()]
    for expression in expressions:
        for name, label, value in matched_values(expression):
            if name not in MADE_BY_PROMETHEUS:
                known = ENDINGS if name == "ponteio_notifications_total" else VALUES[label]
                assert value in known, f"{name} never has {label}={value}"


def test_the_page_about_metrics_shows_the_tables_of_the_code() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| `p")
    ]
    assert [row for row in rows if len(row) == 4] == [_row(metric) for metric in DECLARED.values()]
    used = {label for metric in METRICS.values() for label in metric.labels}
    told = re.search(r"\| Label \| Values \|\n(.*?)\n\n", page, re.DOTALL)
    assert told is not None
    first_cells = (line.split("|")[1] for line in told[1].splitlines()[1:])
    assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == used


def _row(metric: Declared) -> list[str]:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return [f"`{metric.name}`", metric.kind.value, labels, metric.meaning]
