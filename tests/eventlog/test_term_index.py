from __future__ import annotations

import inspect

from ponteio.eventlog.postgres_terms import PostgresTermIndex
from ponteio.eventlog.sqlite_terms import SqliteTermIndex
from ponteio.eventlog.term_index import TermIndex


def test_both_databases_offer_the_same() -> None:
    for name, method in inspect.getmembers(TermIndex, inspect.isfunction):
        if name.startswith("_"):
            continue
        for kind in (PostgresTermIndex, SqliteTermIndex):
            assert inspect.signature(getattr(kind, name)) == inspect.signature(method), name
