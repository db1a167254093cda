"""Between the shapes that travel and the words of the house: rules, hours, incidents."""

from __future__ import annotations

from typing import Any, get_args

from ponteio.api.alert_schemas import (
    Day,
    HoursForm,
    IncidentAnswer,
    PreviewAnswer,
    PreviewMoment,
    QuietForm,
    RuleAnswer,
    RuleRequest,
    SubjectAnswer,
)
from ponteio.model.alert import AlertRule, Hours, Incident, Maker, Preview, QuietHours, RuleTerms, Subject
from ponteio.model.identity import Principal
from ponteio.model.rights import CredentialKind

_DAYS: tuple[Day, ...] = get_args(Day)
_SAME = (
    *("condition", "name", "enabled", "for_s", "filter", "count", "usual_hours", "language", "include_content"),
    *("remind_every_s", "tell_resolved", "reopen_s"),
)


def terms_of(wanted: RuleRequest) -> RuleTerms:
    """What was asked for."""
    return RuleTerms(
        channels=tuple(wanted.channels),
        instances=None if wanted.instances is None else tuple(wanted.instances),
        hours=None if wanted.hours is None else hours_of(wanted.hours),
        quiet=None if wanted.quiet_hours is None else quiet_of(wanted.quiet_hours),
        **{name: getattr(wanted, name) for name in _SAME},
    )


def hours_of(form: HoursForm) -> Hours:
    """Hours of the week."""
    days = frozenset(_DAYS.index(day) for day in form.days)
    return Hours(days, _minute(form.from_), _minute(form.to), form.zone)


def quiet_of(form: QuietForm) -> QuietHours:
    """Quiet hours."""
    return QuietHours(hours_of(form), form.then == "hold")


def quiet_form(quiet: QuietHours | None) -> QuietForm | None:
    """Quiet hours as they travel."""
    if quiet is None:
        return None
    return QuietForm.model_validate({**_members(quiet.hours), "then": "hold" if quiet.is_held else "drop"})


def request_of(terms: RuleTerms) -> RuleRequest:
    """The request that would make this rule."""
    return RuleRequest.model_validate(_terms_members(terms))


def rule_answer(rule: AlertRule, sentences: dict[str, str]) -> RuleAnswer:
    """A rule as it is shown."""
    return RuleAnswer.model_validate(
        {
            **_terms_members(rule.terms),
            "id": rule.rule_id,
            "sentence": sentences,
            "maker": rule.maker.maker_id,
            "created_at": rule.created_at,
            "updated_at": rule.updated_at,
        }
    )


def incident_answer(incident: Incident) -> IncidentAnswer:
    """An incident as it is shown."""
    return IncidentAnswer(
        id=incident.incident_id,
        rule=incident.rule_id,
        rule_name=incident.rule_name,
        condition=incident.condition,
        state=incident.state,
        subject=subject_answer(incident.subject),
        reason=incident.reason,
        since=incident.since,
        opened_at=incident.opened_at,
        updated_at=incident.updated_at,
        instances=list(incident.instances),
        instance_count=incident.instance_count,
        event_count=incident.event_count,
        flaps=incident.flaps,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        resolved_at=incident.resolved_at,
        resolved_by=incident.resolved_by,
    )


def preview_answer(preview: Preview) -> PreviewAnswer:
    """A preview as it is shown."""
    return PreviewAnswer(
        count=len(preview.moments),
        moments=[PreviewMoment(at=at, subject=subject_answer(subject)) for at, subject in preview.moments],
        since=preview.since,
        until=preview.until,
        basis=list(preview.basis),
        complete=preview.is_complete,
    )


def subject_answer(subject: Subject) -> SubjectAnswer:
    """What an incident is about."""
    return SubjectAnswer(kind=subject.kind, name=subject.name)


def maker_of(caller: Principal) -> Maker:
    """Whoever answers for a rule that the caller saves."""
    is_key = caller.kind is CredentialKind.KEY
    return Maker(caller.credential_id if is_key else caller.user_id or caller.credential_id, is_key)


def _terms_members(terms: RuleTerms) -> dict[str, Any]:
    return {
        **{name: getattr(terms, name) for name in _SAME},
        "channels": list(terms.channels),
        "instances": None if terms.instances is None else list(terms.instances),
        "hours": None if terms.hours is None else HoursForm.model_validate(_members(terms.hours)),
        "quiet_hours": quiet_form(terms.quiet),
    }


def _members(hours: Hours) -> dict[str, Any]:
    return {
        "days": [_DAYS[day] for day in sorted(hours.days)],
        "from": _clock(hours.from_minute),
        "to": _clock(hours.to_minute),
        "zone": hours.zone,
    }


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
