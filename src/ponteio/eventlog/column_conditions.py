"""What a filter says about columns, as SQL: rows that cannot pass are not even read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ponteio.model.filter_tree import AllOf, AnyOf, EventIs, InstanceIs, Node, Not, OriginIs, Since, Until
from ponteio.storage.column_types import storable
from ponteio.storage.database import Dialect
from ponteio.storage.moments import sortable_utc

Parameters: TypeAlias = tuple[str | int | datetime, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL with `?` that is true of every row that passes. `is_exact`: and of no other."""

    sql: str
    parameters: Parameters = ()
    is_exact: bool = True

    def spelled(self, dialect: Dialect) -> Condition:
        """The same with its moments as this database takes them."""
        if dialect != "sqlite":
            return self
        values = (sortable_utc(value) if isinstance(value, datetime) else value for value in self.parameters)
        return Condition(self.sql, tuple(values), self.is_exact)

    def also(self, other: Condition) -> Condition:
        """Both."""
        return _joined([self, other], every=True)


ALWAYS = Condition("1 = 1")
_PERHAPS = Condition("1 = 1", is_exact=False)


def condition_of(node: Node) -> Condition:
    """The condition on columns. What is asked of the data is left to the match."""
    if isinstance(node, AllOf | AnyOf):
        return _joined([condition_of(part) for part in node.parts], every=isinstance(node, AllOf))
    if isinstance(node, Not):
        inner = condition_of(node.part)
        return Condition(f"NOT {inner.sql}", inner.parameters) if inner.is_exact else _PERHAPS
    if isinstance(node, InstanceIs):
        return _any_of([_among("instance", node.names), *_beginning("instance", node.prefixes)])
    if isinstance(node, EventIs):
        names = [pattern for pattern in node.patterns if not pattern.endswith(".*")]
        families = [pattern[:-1] for pattern in node.patterns if pattern.endswith(".*")]
        return _any_of([_among("event", names), *_beginning("event", families)])
    if isinstance(node, OriginIs):
        return _any_of([_among("origin", node.origins)])
    if isinstance(node, Since):
        return Condition("received_at >= ?", (node.moment,))
    if isinstance(node, Until):
        return Condition("received_at < ?", (node.moment,))
    return _PERHAPS


def _joined(conditions: Sequence[Condition], *, every: bool) -> Condition:
    if not conditions:
        return ALWAYS
    if not every and not all(condition.is_exact for condition in conditions):
        return _PERHAPS
    between = " AND " if every else " OR "
    return Condition(
        f"({between.join(condition.sql for condition in conditions)})",
        tuple(value for condition in conditions for value in condition.parameters),
        all(condition.is_exact for condition in conditions),
    )


def _any_of(conditions: Sequence[Condition | None]) -> Condition:
    return _joined([condition for condition in conditions if condition is not None], every=False)


def _among(column: str, values: Collection[str]) -> Condition | None:
    if not values:
        return None
    return Condition(f"{column} IN ({', '.join('?' * len(values))})", tuple(sorted(map(storable, values))))


def _beginning(column: str, prefixes: Collection[str]) -> list[Condition | None]:
    """Not LIKE: it ignores case on SQLite and has characters to escape."""
    stored = sorted(map(storable, prefixes))
    return [Condition(f"substr({column}, 1, ?) = ?", (len(prefix), prefix)) for prefix in stored]
