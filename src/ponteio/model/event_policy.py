"""What an organization chose about its events: which are stored, for how long, and which are pushed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

FOREVER_DAYS = 36_500
"""A hundred years: how "for ever" is written. There is no other word for it, and 0 is none."""
DEFAULT_KEEP_DAYS = 90
MAX_POLICIES = 100
MAX_PATTERN = 200


class EventPolicyError(ValueError):
    """These choices cannot be made. The text says why."""


@dataclass(frozen=True, slots=True)
class EventPolicy:
    """The choice for events that `pattern` (a name, `family.*` or `*`) fits: the most specific pattern decides.

    `keep_days` is None for the deployment's default. What is pushed and not stored is shown while it happens, and
    never again.
    """

    pattern: str
    store: bool = True
    keep_days: int | None = None
    push: bool = True

    @property
    def is_passing(self) -> bool:
        """Whether its events are shown while they happen, and kept nowhere."""
        return self.push and not self.store


_STORED = EventPolicy("*")


def _presets() -> Iterable[tuple[str, tuple[EventPolicy, ...]]]:
    live_only, messages = EventPolicy("presence.*", store=False), ("messages.upsert", "messages.update")
    yield "all", ()
    yield "without presence", (live_only,)
    yield (
        "minimum",
        (
            EventPolicy("*", store=False, push=False),
            EventPolicy("qrcode.updated", store=False),
            *(EventPolicy(name) for name in (*messages, "messages.edited", "messages.delete", "send.message")),
            *(EventPolicy(name) for name in ("send.message.update", "connection.update", "status.instance")),
            *(EventPolicy(name) for name in ("logout.instance", "remove.instance")),
        ),
    )


PRESETS: Mapping[str, tuple[EventPolicy, ...]] = MappingProxyType(dict(_presets()))
"""`all`: everything is stored and pushed. `without presence`: who is typing is shown, not stored. `minimum`: messages,
and where instances stand; pairing codes are shown and not stored; nothing else.
"""


class EventChoices:
    """The choices of one organization, ready to be asked about each of its events. `keep_days` is the deployment's
    default, `most_days` what the operator allows at most.
    """

    __slots__ = ("_by_pattern", "default_days", "has_unpushed", "most_days", "policies", "rules")

    def __init__(
        self,
        policies: Iterable[EventPolicy] = (),
        *,
        keep_days: int = DEFAULT_KEEP_DAYS,
        most_days: int = FOREVER_DAYS,
    ) -> None:
        self.policies = tuple(sorted(policies, key=lambda one: one.pattern))
        self.most_days = max(1, most_days)
        self.default_days = min(max(1, keep_days), self.most_days)
        self._by_pattern = {one.pattern: one for one in self.policies}
        self._by_pattern.setdefault("*", _STORED)
        self.has_unpushed = any(not one.push for one in self.policies)
        """Whether some of what is stored, or was, may not be pushed."""
        effective = {pattern: self._days(one) for pattern, one in sorted(self._by_pattern.items())}
        self.rules = orjson.dumps([self.general_days, effective]).decode()
        """The same text for choices that mean the same for how long events are kept."""

    def of(self, event: str) -> EventPolicy:
        """What was chosen for the event of this name."""
        found = self._by_pattern.get(event)
        end = len(event)
        while found is None and (end := event.rfind(".", 0, end)) >= 0:
            found = self._by_pattern.get(event[: end + 1] + "*")
        return found or self._by_pattern["*"]

    def pushes(self, event: str) -> bool:
        """Whether the event of this name is pushed."""
        return not self.has_unpushed or self.of(event).push

    def kept_days(self, event: str) -> int:
        """For how many days the event of this name is kept once it is stored."""
        return self._days(self.of(event))

    @property
    def periods(self) -> tuple[int, ...]:
        """The numbers of days for which something may be kept, the shortest first."""
        return tuple(sorted({self._days(one) for one in self._by_pattern.values()}))

    @property
    def general_days(self) -> int:
        """For how long what is stored is kept in general: what `*` says, or the longest where `*` stores nothing."""
        general = self._by_pattern["*"]
        stored = [self._days(one) for one in self._by_pattern.values() if one.store]
        return self._days(general) if general.store or not stored else max(stored)

    def _days(self, policy: EventPolicy) -> int:
        return min(self.default_days if policy.keep_days is None else policy.keep_days, self.most_days)


ALL_CHOSEN = EventChoices()
"""Nothing was chosen: everything is stored and pushed."""


def checked(policies: Iterable[EventPolicy]) -> tuple[EventPolicy, ...]:
    """The policies, by pattern. Raises `EventPolicyError` for too many, two with one pattern, what is no pattern, and
    days out of range.
    """
    found = tuple(sorted(policies, key=lambda one: one.pattern))
    if len(found) > MAX_POLICIES:
        raise EventPolicyError(f"there may be {MAX_POLICIES} patterns at most")
    for former, one in zip((None, *found), found, strict=False):
        if former is not None and former.pattern == one.pattern:
            raise EventPolicyError(f"{one.pattern!r} is there twice")
        _check(one)
    return found


def _check(policy: EventPolicy) -> None:
    pattern = policy.pattern
    name = pattern.removesuffix(".*")
    if not (pattern == "*" or (name and "*" not in name)) or len(pattern) > MAX_PATTERN:
        raise EventPolicyError(f"{pattern[:64]!r} is no pattern; write a name, 'family.*' or '*'")
    if not pattern.isascii() or not pattern.isprintable() or " " in pattern:
        raise EventPolicyError(f"{pattern[:64]!r} holds what no event's name does")
    if policy.keep_days is not None and not 1 <= policy.keep_days <= FOREVER_DAYS:
        raise EventPolicyError(f"keep_days is between 1 and {FOREVER_DAYS}, which is for ever")


def unknown_patterns(policies: Iterable[EventPolicy], names: Iterable[str]) -> list[str]:
    """The patterns that fit none of `names`."""
    families = {f"{name[:end]}.*" for name in names for end in range(len(name)) if name[end] == "."}
    known = {"*", *names, *families}
    return sorted(one.pattern for one in policies if one.pattern not in known)
