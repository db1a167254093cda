"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from ponteio.storage.moments import sortable_utc

_UNSTORABLE = re.compile("[\x00\x01\ud800-\udfff]")
_ESCAPED = re.compile("\x01([0-9a-f]{4})")


def storable(text: str) -> str:
    """`text` in a form that every database takes; `restored` undoes it.

    PostgreSQL refuses NUL and both refuse lone surrogates: these become U+0001 and four hexadecimal digits. The form
    keeps equality and prefixes.
    """
    return _UNSTORABLE.sub(_escape, text) if _UNSTORABLE.search(text) else text


def restored(text: str) -> str:
    """The text that `storable` was given."""
    return _ESCAPED.sub(_unescape, text) if "\x01" in text else text


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, read back in UTC: `timestamptz` on PostgreSQL, sortable text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        text = sortable_utc(value)
        return text if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class ForeignText(TypeDecorator[str]):
    """Text that somebody else chose: any Python string survives, NUL and lone surrogates included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else restored(value)


def _escape(match: re.Match[str]) -> str:
    return f"\x01{ord(match[0]):04x}"


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))
