"""The shapes of `/api/metrics`."""

from __future__ import annotations

from ponteio.api.metrics_schemas import DeploymentMetricsAnswer, MetricsAnswer, MetricsFigures, Window


def test_the_deployments_answer_has_no_member_for_anybodys_names() -> None:
    assert set(DeploymentMetricsAnswer.model_fields) - set(MetricsFigures.model_fields) == {"organizations"}
    assert set(MetricsAnswer.model_fields) - set(MetricsFigures.model_fields) == {"instances"}


def test_windows_are_spelled_as_people_do() -> None:
    assert [window.value for window in Window] == ["1h", "24h", "7d"]
