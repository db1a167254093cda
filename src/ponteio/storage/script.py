"""A transaction written as a generator: it says what to do, and each engine does it in its fastest way.

    def script() -> Script[int]:
        rows = yield Query("UPDATE counters SET n = n + ? RETURNING n", (1,))
        return rows[0][0]

For the transactions of the event log, whose cost matters. On SQLite the whole of one is a single hop to the thread of
its connection; on PostgreSQL new rows travel by COPY. Everything else uses `Database.read` and `Database.write`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Table
from sqlalchemy.engine.interfaces import Dialect

T = TypeVar("T")
Rows: TypeAlias = list[tuple[Any, ...]]

# Databases bound the number of parameters of a statement.
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with `?` for its parameters; answered with its rows."""

    statement: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """The rows of a table for which `condition` holds (SQL with `?`, and what may follow it); answered with a value for
    each column, in the table's order and as the column's type reads it.
    """

    table: Table
    condition: str
    parameters: tuple[Any, ...]

    def query(self) -> Query:
        names = ", ".join(column.name for column in self.table.columns)
        return Query(f"SELECT {names} FROM {self.table.name} WHERE {self.condition}", self.parameters)  # noqa: S608

    def read(self, rows: Rows, dialect: Dialect) -> Rows:
        """What the driver answered, as Python values."""
        convert = [_reader(column.type, dialect) for column in self.table.columns]
        return [tuple(_converted(convert, row)) for row in rows]


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows with a value for each column of the table, in the table's order; answered with no rows."""

    table: Table
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class InsertNew:
    """Rows with a value for each of `columns`; those whose key is there already are left out. Answered with the first
    column of the rows that were new.
    """

    table: Table
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]

    def statements(self, dialect: Dialect) -> Iterator[Query]:
        """The statements that do it, a bounded number of rows each, in the order given."""
        names = ", ".join(self.columns)
        row_marks = f"({', '.join('?' * len(self.columns))})"
        convert = [_processor(self.table.c[name].type, dialect) for name in self.columns]
        for start in range(0, len(self.rows), ROWS_AT_ONCE):
            some = self.rows[start : start + ROWS_AT_ONCE]
            yield Query(
                f"INSERT INTO {self.table.name} ({names}) VALUES {', '.join([row_marks] * len(some))} "  # noqa: S608
                f"ON CONFLICT DO NOTHING RETURNING {self.columns[0]}",
                tuple(value for row in some for value in _converted(convert, row)),
            )


Step: TypeAlias = Query | Load | Insert | InsertNew
Script: TypeAlias = Generator[Step, Rows, T]


def storable_rows(insert: Insert, dialect: Dialect) -> list[list[Any]]:
    """The rows as the driver wants them, by the types of the table's columns."""
    convert = [_processor(column.type, dialect) for column in insert.table.columns]
    return [_converted(convert, row) for row in insert.rows]


def _processor(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    processor: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return processor


def _reader(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    reader: Callable[[Any], Any] | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return reader


def _converted(convert: list[Callable[[Any], Any] | None], row: tuple[Any, ...]) -> list[Any]:
    return [
        value if change is None or value is None else change(value) for change, value in zip(convert, row, strict=True)
    ]
