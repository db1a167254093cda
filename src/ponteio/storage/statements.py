"""Statements that both databases spell alike and SQLAlchemy does not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from ponteio.storage.database import Dialect

PORTION = 5_000
"""Databases bound the number of parameters of a statement."""


def portions(values: Iterable[str]) -> Iterator[list[str]]:
    """The values, each once and in order, as many at a time as one statement takes."""
    distinct = sorted(set(values))
    for start in range(0, len(distinct), PORTION):
        yield distinct[start : start + PORTION]


def insert_new(table: Table, dialect: Dialect) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves out rows whose key is there already."""
    return _insert(table, dialect).on_conflict_do_nothing()


def put_row(
    table: Table, dialect: Dialect, row: Mapping[str, Any], keep: Collection[str] = ()
) -> postgresql.Insert | sqlite.Insert:
    """After it the table has this row in place of whatever had its primary key, except that a row which was there
    keeps its values in the columns `keep`. At least one column must remain to be replaced.
    """
    key = [column.name for column in table.primary_key]
    rest = {name: value for name, value in row.items() if name not in key and name not in keep}
    return _insert(table, dialect).values(dict(row)).on_conflict_do_update(index_elements=key, set_=rest)


def put_rows(table: Table, dialect: Dialect, keep: Collection[str] = ()) -> postgresql.Insert | sqlite.Insert:
    """As `put_row`, for many rows with a value for every column: execute it with their list."""
    statement = _insert(table, dialect)
    key = [column.name for column in table.primary_key]
    fixed = {*key, *keep}
    rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in fixed}
    return statement.on_conflict_do_update(index_elements=key, set_=rest)


def _insert(table: Table, dialect: Dialect) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
