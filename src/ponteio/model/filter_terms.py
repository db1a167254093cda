"""The terms of the language of filters: what each name takes for a value, and what it means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from ponteio.model.event_facts import Path, json_key
from ponteio.model.filter_tree import (
    ChatIs,
    DataIs,
    FromMe,
    IdIs,
    InstanceIs,
    Node,
    OriginIs,
    Since,
    TextHas,
    Until,
    event_is,
)
from ponteio.model.folded_text import words
from ponteio.model.jid import Jid

MAX_PATH = 20

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_STEP = re.compile(
    r'\.(?P<name>[^\s.\[\]"*]+)|\."(?P<quoted>(?:\\.|[^"\\])*)"|(?P<any>\[\]|\.\*)|\[(?P<index>[0-9]{1,9})\]', re.DOTALL
)
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written at `position`. `is_open` means that a star follows it."""

    text: str
    position: int
    length: int
    is_open: bool = False
    is_quoted: bool = False


class ValueProblemError(ValueError):
    """The term means nothing, because of this value, or because of its name when there is none."""

    def __init__(self, message: str, value: Value | None = None) -> None:
        super().__init__(message)
        self.value = value


def term_of(name: str, values: Sequence[Value], now: datetime) -> Node:
    """What the term means. Raises `ValueProblemError`."""
    if name == "data" or name.startswith(("data.", "data[")):
        path = _path(name)
        return DataIs(path, frozenset(_scalar(value) for value in values))
    make = _TERMS.get(name.casefold())
    if make is None:
        raise ValueProblemError(f"there is no term of this name; there are {', '.join(_NAMES)} and data.…")
    return make(values, now)


def _events(values: Sequence[Value], _now: datetime) -> Node:
    for value in values:
        if "*" in value.text or (value.is_open and value.text and not value.text.endswith(".")):
            raise ValueProblemError("write an event's name, 'family.*' or '*'", value)
        _not_empty(value)
    return event_is(value.text + "*" * value.is_open for value in values)


def _instances(values: Sequence[Value], _now: datetime) -> Node:
    for value in values:
        _not_empty(value)
        if not value.is_quoted and "*" in value.text:
            raise ValueProblemError("a star stands at the end only", value)
    names = frozenset(value.text for value in values if not value.is_open)
    return InstanceIs(names, frozenset(value.text for value in values if value.is_open))


def _origins(values: Sequence[Value], _now: datetime) -> Node:
    for value in values:
        if _closed(value) not in ("live", "backfill"):
            raise ValueProblemError("the origin is live or backfill", value)
    return OriginIs(frozenset(value.text for value in values))


def _from_me(values: Sequence[Value], _now: datetime) -> Node:
    value = _single(values)
    if _closed(value) not in ("true", "false"):
        raise ValueProblemError("write true or false", value)
    return FromMe(value.text == "true")


def _chats(values: Sequence[Value], _now: datetime) -> Node:
    return ChatIs(frozenset(map(_jid, values)))


def _jid(value: Value) -> Jid:
    jid = Jid.parse(_closed(value))
    if jid is None:
        raise ValueProblemError("write a phone number or an address such as 5511988887777@s.whatsapp.net", value)
    return jid


def _ids(values: Sequence[Value], _now: datetime) -> Node:
    return IdIs(frozenset(_not_empty(value).text for value in values if not _refuse_star(value)))


def _texts(values: Sequence[Value], _now: datetime) -> Node:
    return TextHas(frozenset(map(_phrase, values)))


def _phrase(value: Value) -> tuple[str, ...]:
    phrase = tuple(words(_closed(value)))
    if not phrase:
        raise ValueProblemError("there is no word in it", value)
    return phrase


def _since(values: Sequence[Value], now: datetime) -> Node:
    return Since(_moment(_single(values), now))


def _until(values: Sequence[Value], now: datetime) -> Node:
    return Until(_moment(_single(values), now))


def _moment(value: Value, now: datetime) -> datetime:
    text = _closed(value)
    try:
        if age := _AGE.fullmatch(text):
            return (now - timedelta(**{_UNITS[age[2]]: int(age[1])})).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueProblemError(
            "write an age such as 30m, 2h or 7d, or a moment such as 2026-11-23T12:00Z", value
        ) from None


def _scalar(value: Value) -> str:
    """The key (`event_facts.json_key`) of the value: JSON where it is bare and reads as JSON, text otherwise."""
    text = _closed(value)
    parsed: object = text
    if not value.is_quoted:
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError:
            parsed = text
        if isinstance(parsed, list | dict) or (isinstance(parsed, float) and not math.isfinite(parsed)):
            parsed = text
    return str(json_key(parsed))


def _path(name: str) -> Path:
    steps: list[str | int | None] = []
    place = len("data")
    while place < len(name):
        step = _STEP.match(name, place)
        if step is None:
            raise ValueProblemError('this is no path; write data.key.id, data[0].id, data[].id or data."a b".c')
        steps.append(_step(step))
        place = step.end()
    if len(steps) > MAX_PATH:
        raise ValueProblemError(f"a path has at most {MAX_PATH} steps")
    return tuple(steps)


def _step(step: re.Match[str]) -> str | int | None:
    if step["any"]:
        return None
    if step["index"]:
        return int(step["index"])
    if step["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", step["quoted"], flags=re.DOTALL)
    return int(step["name"]) if _INDEX.fullmatch(step["name"]) else step["name"]


def _closed(value: Value) -> str:
    _refuse_star(value)
    return value.text


def _refuse_star(value: Value) -> bool:
    if value.is_open:
        raise ValueProblemError("this term takes no star", value)
    return False


def _not_empty(value: Value) -> Value:
    if not value.text and not value.is_open:
        raise ValueProblemError("the value is empty", value)
    return value


def _single(values: Sequence[Value]) -> Value:
    if len(values) > 1:
        raise ValueProblemError("this term takes one value", values[1])
    return values[0]


_TERMS: Mapping[str, Callable[[Sequence[Value], datetime], Node]] = {
    "event": _events,
    "inst": _instances,
    "instance": _instances,
    "origin": _origins,
    "fromme": _from_me,
    "chat": _chats,
    "id": _ids,
    "text": _texts,
    "since": _since,
    "until": _until,
}
_NAMES = ("event", "inst", "origin", "fromMe", "chat", "id", "text", "since", "until")
