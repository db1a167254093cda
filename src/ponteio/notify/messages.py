"""What people are told of an incident. Made of metadata alone: which, what, why, since when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ponteio.model.alert import AlertRule, Condition, Incident, IncidentState, Language, RuleTerms, SubjectKind
from ponteio.model.event import utc_text
from ponteio.notify.channel import Message, Urgency
from ponteio.notify.incident_machine import Move
from ponteio.notify.sentence import sentence
from ponteio.notify.wording import (
    UTC_NAME,
    condition_text,
    moment_text,
    names_text,
    reason_text,
    rough_span_text,
    said,
    span_text,
)

MAX_SUMMED_UP = 10
"""Incidents that a summary tells one by one."""
_KINDS = {
    Move.OPENED: ("alert.firing", Urgency.HIGH),
    Move.REOPENED: ("alert.firing", Urgency.HIGH),
    Move.REMINDED: ("alert.reminder", Urgency.NORMAL),
    Move.RESOLVED: ("alert.resolved", Urgency.NORMAL),
}
_BEFORE = {
    Move.REOPENED: ("Again: ", "De novo: "),
    Move.REMINDED: ("Still: ", "Ainda: "),
    Move.RESOLVED: ("Resolved: ", "Resolvido: "),
}


class Wording:
    """Makes messages. `base_url` is where people find our pages, or empty; `server_name` calls a server by its id."""

    def __init__(self, base_url: str, server_name: Callable[[str], str]) -> None:
        self._base_url = base_url.rstrip("/")
        self._server_name = server_name

    def told(self, incident: Incident, terms: RuleTerms, move: Move, now: datetime, content: str = "") -> Message:
        """What is told of an incident that made this move."""
        kind, urgency = _KINDS[move]
        before = said(terms.language, *_BEFORE.get(move, ("", "")))
        return Message(
            organization_id=incident.organization_id,
            title=before + self.headline(incident, terms.language),
            body=self._body(incident, terms, move, now),
            tag=incident.incident_id,
            url=f"{self._base_url}/incidents/{incident.incident_id}",
            urgency=urgency,
            incident_id=incident.incident_id,
            content=content if terms.include_content and move is not Move.RESOLVED else "",
            kind=kind,
            data=machine_words(incident),
        )

    def test(self, rule: AlertRule, names: Mapping[str, str], now: datetime) -> Message:
        """What shows that a rule's channels work."""
        language = rule.terms.language
        name = rule.terms.name or said(language, "an alert rule", "uma regra de alerta")
        return Message(
            organization_id=rule.organization_id,
            title=said(language, f"[Test] {name}", f"[Teste] {name}"),
            body=said(language, "Nothing has happened. The rule: ", "Nada aconteceu. A regra: ")
            + sentence(rule.terms, language, names),
            tag=f"test-{rule.rule_id}",
            url=f"{self._base_url}/alerts",
            kind="alert.test",
            data={"test": True, "rule": rule.rule_id, "at": utc_text(now)},
        )

    def summary(self, organization_id: str, incidents: Sequence[Incident], language: Language) -> Message:
        """What happened in quiet hours. At least one incident."""
        still = [one for one in incidents if one.resolved_at is None]
        number = len(incidents)
        title = said(
            language,
            f"While it was quiet: {number} incident{'' if number == 1 else 's'}, {len(still)} still open",
            f"No horário de silêncio: {number} incidente{'' if number == 1 else 's'}, {len(still)} em aberto",
        )
        ordered = [*still, *(one for one in incidents if one.resolved_at is not None)]
        lines = [self._line(one, language) for one in ordered[:MAX_SUMMED_UP]]
        if number > MAX_SUMMED_UP:
            more = number - MAX_SUMMED_UP
            lines.append(said(language, f"and {more} more", f"e mais {more}"))
        return Message(
            organization_id=organization_id,
            title=title,
            body="\n".join(lines),
            tag="summary",
            url=f"{self._base_url}/incidents",
            urgency=Urgency.HIGH if still else Urgency.NORMAL,
            kind="alert.summary",
            data={"incidents": [machine_words(one) for one in ordered[:MAX_SUMMED_UP]], "count": number},
        )

    def headline(self, incident: Incident, language: Language) -> str:
        """What is the matter, in one line."""
        subject, count = incident.subject, incident.instance_count
        if subject.kind is SubjectKind.SERVER:
            name = self._server_name(subject.name)
            return said(
                language,
                f"Server {name} does not answer: {count} instance{' is' if count == 1 else 's are'} not heard",
                f"O servidor {name} não responde: {count} instância{'' if count == 1 else 's'} sem comunicação",
            )
        if subject.kind is SubjectKind.LIMIT:
            return said(language, f"Limit reached: {subject.name}", f"Limite atingido: {subject.name}")
        if subject.kind is SubjectKind.EVENTS:
            name, number = incident.rule_name, incident.event_count
            of = f" ({name})" if name else ""
            return said(
                language,
                f"{number} event{' matches' if number == 1 else 's match'} a rule{of}",
                f"{number} evento{' corresponde' if number == 1 else 's correspondem'} a uma regra{of}",
            )
        return f"{subject.name} {condition_text(language, incident.condition)}"

    def _body(self, incident: Incident, terms: RuleTerms, move: Move, now: datetime) -> str:
        language = terms.language
        since = moment_text(language, incident.since, _zone(terms))
        if move is Move.RESOLVED:
            lasted = rough_span_text(language, (incident.resolved_at or now) - incident.since)
            parts = [said(language, f"It lasted {lasted}, since {since}", f"Durou {lasted}, desde {since}")]
        else:
            why = reason_text(language, incident.reason)
            parts = [f"{said(language, 'Since', 'Desde')} {since}: {why}"]
        if incident.subject.kind in (SubjectKind.SERVER, SubjectKind.EVENTS) and incident.instances:
            names = names_text(language, incident.instances, incident.instance_count)
            parts.append(f"{said(language, 'Instances', 'Instâncias')}: {names}")
        if incident.condition is Condition.EVENT and move is not Move.RESOLVED:
            within = span_text(language, terms.for_s)
            parts.append(said(language, f"Counted within {within}", f"Contados em {within}"))
        if incident.flaps:
            times = incident.flaps
            parts.append(said(language, f"It came back {times} times", f"Voltou {times} vezes"))
        return ". ".join(parts) + "."

    def _line(self, incident: Incident, language: Language) -> str:
        since = moment_text(language, incident.since, UTC_NAME)
        if incident.resolved_at is None:
            state = said(language, f"open since {since}", f"em aberto desde {since}")
        else:
            lasted = rough_span_text(language, incident.resolved_at - incident.since)
            state = said(language, f"over, it lasted {lasted}", f"encerrado, durou {lasted}")
        return f"{self.headline(incident, language)}: {state}"


def machine_words(incident: Incident) -> dict[str, object]:
    """An incident for programs."""
    ended = incident.state is IncidentState.RESOLVED
    return {
        "incident": incident.incident_id,
        "rule": incident.rule_id,
        "condition": incident.condition.value,
        "state": incident.state.value,
        "subject": {"kind": incident.subject.kind.value, "name": incident.subject.name},
        "reason": incident.reason,
        "since": utc_text(incident.since),
        "opened_at": utc_text(incident.opened_at),
        "resolved_at": utc_text(incident.resolved_at) if ended and incident.resolved_at else None,
        "instances": list(incident.instances),
        "instance_count": incident.instance_count,
        "event_count": incident.event_count,
        "flaps": incident.flaps,
    }


def _zone(terms: RuleTerms) -> str:
    if terms.hours is not None:
        return terms.hours.zone
    return UTC_NAME if terms.quiet is None else terms.quiet.hours.zone
