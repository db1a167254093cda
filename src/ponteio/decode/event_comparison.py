"""What an instance is set to send, against what was chosen: the difference, and what most likely made it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ponteio.decode.event_presets import EVENT_NAMES, KINDS, UNKNOWN_TO_MANAGER
from ponteio.model.instance_events import EventChoice, SentEvents

_ORDER = {name: place for place, name in enumerate(EVENT_NAMES)}


@dataclass(frozen=True, slots=True)
class EventDifference:
    """`missing` was chosen and is not let through; `extra` is let through and was not chosen."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing worth knowing, about the events it names. `code` is stable; `text` is for people."""

    code: str
    text: str
    events: tuple[str, ...] = ()


def compare(choice: EventChoice, wanted: Collection[str], sent: SentEvents) -> EventDifference:
    """How `wanted` and what Evolution lets through differ. Nothing is extra for who chose all."""
    has, wants = sent.effective, frozenset(wanted)
    return EventDifference(
        missing=in_order(wants - has),
        extra=() if choice.wants_all else in_order(has - wants),
    )


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """The names in the catalogue's order; those that it does not know come last, by name."""
    return tuple(sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)))


def explain(wanted: Collection[str], difference: EventDifference, sent: SentEvents) -> list[Remark]:
    """What most likely made the difference."""
    if not difference:
        return []
    if not sent.is_set:
        return [Remark("never_set", "Nobody has set this instance's events on Evolution API yet.", difference.missing)]
    if not sent.enabled:
        text = "Its WebSocket was switched off on Evolution API (enabled: false), which also empties the list there."
        return [Remark("switched_off", text, difference.missing)]
    return [*_missing(wanted, difference.missing), *_extra(difference.extra)]


def _missing(wanted: Collection[str], missing: tuple[str, ...]) -> list[Remark]:
    lost = frozenset(missing)
    by_manager = UNKNOWN_TO_MANAGER.intersection(wanted)
    if not by_manager or not by_manager <= lost:
        by_manager = frozenset()
    found = []
    if by_manager:
        names = in_order(by_manager)
        text = f"The official Manager saves only 26 of the 31 names; saving there dropped: {', '.join(names)}."
        found.append(Remark("saved_in_manager", text, names))
    if rest := in_order(lost - by_manager):
        found.append(Remark("taken_out", "Something else took these out on Evolution API.", rest))
    return found


def _extra(extra: tuple[str, ...]) -> list[Remark]:
    known = tuple(name for name in extra if name in KINDS)
    unknown = tuple(name for name in extra if name not in KINDS)
    found = []
    if known:
        found.append(Remark("added", "Something else added these on Evolution API.", known))
    if unknown:
        text = "This Evolution API is newer and has names that are not known here; they arrive all the same."
        found.append(Remark("newer_names", text, unknown))
    return found


def cannot_arrive(names: Iterable[str], integration: str | None, *, global_mode: bool) -> list[Remark]:
    """Which of these never arrive, whatever is set; and that nothing is needed in global mode."""
    chosen = in_order(names)
    kinds = [KINDS[name] for name in chosen if name in KINDS]
    found = []
    if global_mode:
        text = (
            "In global mode every event arrives, whatever is set for the instance: this makes a difference only in "
            "traditional mode, and for other clients of its namespace."
        )
        found.append(Remark("global_mode", text))
    if never := tuple(kind.config_name for kind in kinds if not kind.emitted):
        text = "Evolution API takes these names and never emits them."
        found.append(Remark("never_emitted", text, never))
    unheard = tuple(kind.config_name for kind in kinds if kind.emitted and not kind.reaches_namespace)
    if unheard and not global_mode:
        text = "Evolution API filters groups.update by a name that its list refuses: it arrives in global mode only."
        found.append(Remark("needs_global_mode", text, unheard))
    if integration is not None:
        foreign = tuple(kind.config_name for kind in kinds if kind.emitted and integration not in kind.integrations)
        if foreign:
            text = f"Instances of the channel {integration} never send these."
            found.append(Remark("not_of_channel", text, foreign))
    return found
