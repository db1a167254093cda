from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ponteio.model.alert import (
    AlertRule,
    Condition,
    Incident,
    IncidentState,
    Maker,
    RuleTerms,
    Subject,
    SubjectKind,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_a_rule_covers_what_it_names_and_without_names_all() -> None:
    rule = AlertRule("org_1", "alr_1", RuleTerms(Condition.DOWN), Maker("usr_1", False), NOW, NOW)
    assert rule.covers("loja-01")
    named = replace(rule, terms=RuleTerms(Condition.DOWN, instances=("loja-01",)))
    assert named.covers("loja-01")
    assert not named.covers("loja-010")


def test_an_incident_is_open_then_seen_then_over() -> None:
    about = Subject(SubjectKind.INSTANCE, "loja-01")
    incident = Incident("org_1", "inc_1", "alr_1", "", Condition.DOWN, about, NOW, NOW, NOW)
    assert incident.state is IncidentState.OPEN
    seen = replace(incident, acknowledged_at=NOW)
    assert seen.state is IncidentState.ACKNOWLEDGED
    assert replace(seen, resolved_at=NOW).state is IncidentState.RESOLVED
    assert replace(incident, resolved_at=NOW).state is IncidentState.RESOLVED
