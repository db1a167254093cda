"""What a diagnosis finds, step by step, and how it is told to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ponteio.model.diagnosis_actions import ACTIONS
from ponteio.model.diagnosis_event_evidence import EVENT_EVIDENCE
from ponteio.model.diagnosis_evidence import WAY_EVIDENCE
from ponteio.model.diagnosis_house import HOUSE_ACTIONS, HOUSE_EVIDENCE

Value = str | int
Text = tuple[str, str]
"""English, Portuguese."""

STEPS = (
    *("settings", "address", "tcp", "tls", "server", "version", "key", "instance", "websocket", "polling", "upgrade"),
    *("open_door", "frames", "stability", "link", "namespace", "global_mode", "events", "saving", "keys_exposed"),
    *("clock", "round_trip"),
)
"""The walk from the gateway to the events of one instance, in order."""
HOUSE_STEPS = (
    *("own_settings", "data_dir", "disk", "database", "secret_key", "gateway", "organizations", "unassigned"),
    *("quarantine", "servers"),
)
"""The gateway's own side, which only whoever runs it may ask about."""

EVIDENCE: Mapping[str, Text] = {**WAY_EVIDENCE, **EVENT_EVIDENCE, **HOUSE_EVIDENCE}
ADVICE: Mapping[str, Text] = {**ACTIONS, **HOUSE_ACTIONS}


class Verdict(StrEnum):
    """`skipped` is for what could not be tried; its evidence says why."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class Language(StrEnum):
    """The languages that a diagnosis is told in."""

    EN = "en"
    PT = "pt"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a diagnosis is asked for. Without an `instance` only the server is looked at. `own_names` are the instances
    that whoever asks may know of. `round_trip` makes a message that is seen.
    """

    instance: str | None = None
    own_names: Sequence[str] = ()
    round_trip: bool = False


_SEVERITY = (Verdict.SKIPPED, Verdict.OK, Verdict.WARN, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in words. `reason` is the stable id of the first piece of evidence, behind its step's dot."""

    step: str
    verdict: Verdict
    reason: str
    evidence: str
    action: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found. `evidence`, `actions` and `private` are ids of texts, which `values` go into; no value is a
    secret. What `private` says holds addresses: it is told to whoever runs the deployment, and to nobody else.
    """

    step: str
    verdict: Verdict
    evidence: tuple[str, ...]
    actions: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        return self.evidence[0].partition(".")[2]

    def told(self, language: Language, *, sees_addresses: bool = False) -> Told:
        """The finding in this language."""
        shown = (*self.evidence, *(self.private if sees_addresses else ()))
        evidence = " ".join(_said(EVIDENCE[each], language, self.values) for each in shown)
        action = " ".join(_said(ADVICE[each], language, self.values) for each in self.actions)
        return Told(self.step, self.verdict, self.reason, evidence, action or None)


def joined(findings: Iterable[Finding]) -> Finding:
    """One finding of several of the same step: the worst verdict, and its evidence first."""
    worst, *others = sorted(findings, key=lambda each: -_SEVERITY.index(each.verdict))
    together = [worst, *others]
    values: dict[str, Value] = {}
    for each in reversed(together):
        values |= each.values
    return Finding(
        worst.step,
        worst.verdict,
        tuple(text for each in together for text in each.evidence),
        tuple(dict.fromkeys(text for each in together for text in each.actions)),
        tuple(text for each in together for text in each.private),
        values,
    )


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; ok where nothing could be tried."""
    worst = max((_SEVERITY.index(each) for each in verdicts), default=0)
    return _SEVERITY[max(worst, 1)]


def language_of(wanted: str) -> Language:
    """The language that `wanted` (`pt`, `pt-BR`, or a whole `Accept-Language`) likes best; English if none of ours."""
    choices = []
    for place, part in enumerate(wanted.split(",")):
        tag, _, parameters = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary in tuple(Language):
            choices.append((-_weight(parameters), place, Language(primary)))
    liked = [language for weight, _, language in sorted(choices) if weight < 0]
    return liked[0] if liked else Language.EN


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return min(max(float(value), 0.0), 1.0) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0


def _said(text: Text, language: Language, values: Mapping[str, Value]) -> str:
    return text[0 if language is Language.EN else 1].format_map(values)
