"""Alert rules and what they find: the words between whoever makes them, whoever watches, and whoever is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Condition(StrEnum):
    """What a rule waits for; `docs/notifications.md` says exactly when each holds."""

    DOWN = "down"
    """An instance is not open, or we cannot hear it."""
    QR = "qr"
    """An instance waits for somebody to scan its QR code."""
    SILENT = "silent"
    """An instance that is open, and that we hear, sends nothing."""
    LIMIT = "limit"
    """The organization reaches one of its limits."""
    EVENT = "event"
    """Stored events match a filter."""


class Language(StrEnum):
    """Languages of what is told."""

    EN = "en"
    PT_BR = "pt-BR"


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the week by the clocks of one place. `days` count from 0, Monday. `from_minute` and `to_minute` are
    minutes of the day; where `to_minute` is not later, the hours end on the next day, and belong to the day on which
    they began. `zone` is an IANA name.
    """

    days: frozenset[int]
    from_minute: int
    to_minute: int
    zone: str


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours in which nothing is told. What happens in them is summed up at their end where `is_held`, else dropped."""

    hours: Hours
    is_held: bool = True


@dataclass(frozen=True, slots=True)
class RuleTerms:
    """What somebody chose for a rule. `instances` is None for any; `for_s` is how long the condition must last, for
    `event` the span in which `count` events match; the rule finds something only in its `hours`. `usual_hours` narrows
    `silent` to hours of the week in which the instance usually talks. `remind_every_s` repeats until somebody
    acknowledged. Trouble that is back within `reopen_s` continues its incident.
    """

    condition: Condition
    channels: tuple[str, ...] = ()
    name: str = ""
    enabled: bool = True
    instances: tuple[str, ...] | None = None
    for_s: int = 300
    filter: str | None = None
    count: int = 1
    usual_hours: bool = False
    hours: Hours | None = None
    quiet: QuietHours | None = None
    language: Language = Language.EN
    include_content: bool = False
    remind_every_s: int | None = None
    tell_resolved: bool = True
    reopen_s: int = 600


@dataclass(frozen=True, slots=True)
class Maker:
    """Who answers for a rule: the account (`is_key` False) or API key that saved it last."""

    maker_id: str
    is_key: bool


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule of an organization."""

    organization_id: str
    rule_id: str
    terms: RuleTerms
    maker: Maker
    created_at: datetime
    updated_at: datetime

    def covers(self, instance: str) -> bool:
        """Whether the rule is about the instance of this name."""
        return self.terms.instances is None or instance in self.terms.instances


class SubjectKind(StrEnum):
    """What an incident is about."""

    INSTANCE = "instance"
    SERVER = "server"
    """An Evolution server that does not answer, with all instances of the organization there."""
    LIMIT = "limit"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that can be in trouble: an instance by its name, a server by its id, a limit by its code; of events
    there is one for each rule, without a name.
    """

    kind: SubjectKind
    name: str = ""


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Incident:
    """Trouble that a rule found. `since` is when it began, `opened_at` when it had lasted long enough; `instances` are
    those concerned, at most a hundred of `instance_count`. `flaps` counts how often it went and came back.
    `resolved_by` is None where it ended by itself. `is_dismissed` while trouble that somebody closed by hand lasts.
    """

    organization_id: str
    incident_id: str
    rule_id: str
    rule_name: str
    condition: Condition
    subject: Subject
    since: datetime
    opened_at: datetime
    updated_at: datetime
    reason: str | None = None
    instances: tuple[str, ...] = ()
    instance_count: int = 0
    event_count: int = 0
    flaps: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    is_dismissed: bool = False

    @property
    def state(self) -> IncidentState:
        if self.resolved_at is not None:
            return IncidentState.RESOLVED
        return IncidentState.OPEN if self.acknowledged_at is None else IncidentState.ACKNOWLEDGED


class EntryKind(StrEnum):
    """What can happen to an incident."""

    OPENED = "opened"
    FLAPPED = "flapped"
    """The trouble went and came back before the incident had ended."""
    REOPENED = "reopened"
    ACKNOWLEDGED = "acknowledged"
    REMINDED = "reminded"
    RESOLVED = "resolved"
    JOINED = "joined"
    """It turned out to be a part of a server's incident, and ended with a word to nobody."""
    TOLD = "told"
    HELD = "held"
    """Nobody was told: quiet hours; it is summed up when they end."""
    DROPPED = "dropped"
    """Nobody was told: quiet hours."""


@dataclass(frozen=True, slots=True)
class IncidentEntry:
    """One line of an incident's timeline. `actor` is None for what the house did by itself."""

    at: datetime
    kind: EntryKind
    actor: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """When a rule would have fired between `since` and `until`: `moments`, the oldest first. `basis` says by which
    stable words what this was computed from, and what could not be seen; `is_complete` is False when time ran out.
    """

    since: datetime
    until: datetime
    moments: tuple[tuple[datetime, Subject], ...]
    basis: tuple[str, ...]
    is_complete: bool = True
