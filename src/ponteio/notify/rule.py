"""What a rule may say: checked once, when it is saved, and kept as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from ponteio.model.alert import Condition, Hours, Language, QuietHours, RuleTerms
from ponteio.model.filter_language import FilterSyntaxError, parse_filter
from ponteio.model.filter_tree import Filter, Since, Until
from ponteio.model.outcome import FORBIDDEN, INVALID_FILTER, INVALID_RULE, RefusalError
from ponteio.model.rights import Right
from ponteio.notify.quiet_hours import MINUTES, zone_of

MAX_RULES = 50
"""Rules of one organization."""
MAX_CHANNELS = 20
MAX_INSTANCES = 500
MAX_NAME = 100
MAX_FILTER = 2_000
MAX_COUNT = 10_000
MAX_SPAN_S = 7 * 24 * 3600
MIN_REMINDER_S = 300
_SURROGATE = re.compile("[\ud800-\udfff]")


def checked(terms: RuleTerms, now: datetime, *, may_read_content: bool) -> RuleTerms:
    """The terms as they are kept: texts trimmed, channels and instances each once. `may_read_content` says whether
    whoever saves the rule has that right.

    Raises `RefusalError` INVALID_RULE, INVALID_FILTER, or FORBIDDEN for a rule that reads content for whom may not.
    """
    for is_bad, why in _faults(terms):
        if is_bad:
            raise RefusalError(INVALID_RULE, why)
    for hours in (terms.hours, None if terms.quiet is None else terms.quiet.hours):
        if hours is not None:
            check_hours(hours)
    reads_content = terms.include_content
    if terms.filter is not None:
        reads_content = _checked_filter(terms, now).reads_content or reads_content
    if reads_content and not may_read_content:
        needed = Right.CONTENT_READ.value
        raise RefusalError(FORBIDDEN, f"A rule that reads content needs the right {needed}.", {"needs": needed})
    return terms


def check_hours(hours: Hours) -> None:
    """Raises `RefusalError` INVALID_RULE for hours that no clock shows."""
    minutes = (hours.from_minute, hours.to_minute)
    if not hours.days or not hours.days <= frozenset(range(7)) or not all(0 <= it < MINUTES for it in minutes):
        raise RefusalError(INVALID_RULE, "Hours need days of the week, and times between 00:00 and 23:59.")
    zone_of(hours.zone)


def filter_of(terms: RuleTerms, now: datetime) -> Filter:
    """The filter of an `event` rule. Raises `FilterSyntaxError`."""
    return parse_filter(terms.filter or "", now)


def _checked_filter(terms: RuleTerms, now: datetime) -> Filter:
    try:
        found = filter_of(terms, now)
    except FilterSyntaxError as error:
        place = {"position": error.position, "length": error.length}
        raise RefusalError(INVALID_FILTER, str(error), place) from None
    if any(isinstance(leaf, Since | Until) for leaf in found.leaves):
        raise RefusalError(INVALID_RULE, "A rule looks at what arrives: leave `since:` and `until:` out of its filter.")
    return found


def _faults(terms: RuleTerms) -> list[tuple[bool, str]]:
    is_event, is_limit = terms.condition is Condition.EVENT, terms.condition is Condition.LIMIT
    instances = terms.instances
    texts = (terms.name, *terms.channels, *(instances or ()), terms.filter or "")
    return [
        (any(map(_SURROGATE.search, texts)), "A text holds a lone surrogate, which nothing can show."),
        (len(terms.name) > MAX_NAME, f"`name` has at most {MAX_NAME} characters."),
        (not 0 <= terms.for_s <= MAX_SPAN_S, f"`for_s` is between 0 and {MAX_SPAN_S}."),
        (len(terms.channels) > MAX_CHANNELS, f"A rule tells at most {MAX_CHANNELS} channels."),
        (len(set(terms.channels)) < len(terms.channels), "`channels` names one twice."),
        (instances is not None and not 1 <= len(instances) <= MAX_INSTANCES, f"1 to {MAX_INSTANCES} `instances`."),
        (is_limit and instances is not None, "Limits are the organization's: leave `instances` out."),
        (is_event is (terms.filter is None), "`filter` is for `event`, which needs one."),
        (not is_event and terms.include_content, "`include_content` is for `event`."),
        (len(terms.filter or "") > MAX_FILTER, f"`filter` has at most {MAX_FILTER} characters."),
        (not 1 <= terms.count <= MAX_COUNT, f"`count` is between 1 and {MAX_COUNT}."),
        (not is_event and terms.count != 1, "`count` is for `event`."),
        (is_event and terms.for_s == 0, "For `event`, `for_s` is the span in which events are counted: above 0."),
        (terms.condition is Condition.SILENT and terms.for_s < 60, "Silence is looked for from 60 seconds on."),
        (terms.usual_hours and terms.condition is not Condition.SILENT, "`usual_hours` is for `silent`."),
        (not 0 <= terms.reopen_s <= MAX_SPAN_S, f"`reopen_s` is between 0 and {MAX_SPAN_S}."),
        (
            terms.remind_every_s is not None and not MIN_REMINDER_S <= terms.remind_every_s <= MAX_SPAN_S,
            f"`remind_every_s` is between {MIN_REMINDER_S} and {MAX_SPAN_S}.",
        ),
    ]


def to_json(terms: RuleTerms) -> str:
    """The terms as they are stored."""
    members: dict[str, Any] = {name: getattr(terms, name) for name in _PLAIN}
    members["hours"] = None if terms.hours is None else hours_members(terms.hours)
    members["quiet"] = None if terms.quiet is None else quiet_members(terms.quiet)
    return orjson.dumps(members).decode()


def from_json(text: str) -> RuleTerms:
    """The terms that were stored as `text`. Members that it lacks have their defaults."""
    members = orjson.loads(text)
    found = {name: read(members[name]) for name, read in _READ.items() if members.get(name) is not None}
    return RuleTerms(**found)


def hours_members(hours: Hours) -> dict[str, Any]:
    """Hours as JSON."""
    return {"days": sorted(hours.days), "from": hours.from_minute, "to": hours.to_minute, "zone": hours.zone}


def hours_of(members: Mapping[str, Any]) -> Hours:
    """The hours that `hours_members` gave."""
    return Hours(frozenset(members["days"]), members["from"], members["to"], members["zone"])


def quiet_members(quiet: QuietHours) -> dict[str, Any]:
    """Quiet hours as JSON."""
    return {**hours_members(quiet.hours), "is_held": quiet.is_held}


def quiet_of(members: Mapping[str, Any]) -> QuietHours:
    """The quiet hours that `quiet_members` gave."""
    return QuietHours(hours_of(members), members["is_held"])


_PLAIN = (
    *("condition", "channels", "name", "enabled", "instances", "for_s", "filter", "count", "usual_hours", "language"),
    *("include_content", "remind_every_s", "tell_resolved", "reopen_s"),
)
_READ: dict[str, Callable[[Any], Any]] = {
    **{name: (lambda value: value) for name in _PLAIN},
    "condition": Condition,
    "language": Language,
    "channels": tuple,
    "instances": tuple,
    "hours": hours_of,
    "quiet": quiet_of,
}
