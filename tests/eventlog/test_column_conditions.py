from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from tests.support.filter_drawing import FILTERS, NOON

from ponteio.eventlog.column_conditions import ALWAYS, Condition, Parameters, condition_of
from ponteio.model.filter_language import parse_filter
from ponteio.model.filter_tree import EVERY, DataIs, Filter, Not


def condition(text: str) -> Condition:
    return condition_of(parse_filter(text, NOON).root)


@pytest.mark.parametrize(
    ("text", "sql", "parameters"),
    [
        ("", "1 = 1", ()),
        ("event:a", "(event IN (?))", ("a",)),
        ("event:b,a,c.*", "(event IN (?, ?) OR substr(event, 1, ?) = ?)", ("a", "b", 2, "c.")),
        ("inst:a,b*", "(instance IN (?) OR substr(instance, 1, ?) = ?)", ("a", 1, "b")),
        ("-origin:live", "NOT (origin IN (?))", ("live",)),
        ("since:1h", "received_at >= ?", (NOON - timedelta(hours=1),)),
        ("until:1h event:a", "(received_at < ? AND (event IN (?)))", (NOON - timedelta(hours=1), "a")),
        ("event:a OR event:b", "((event IN (?)) OR (event IN (?)))", ("a", "b")),
    ],
)
def test_what_is_said_of_columns_is_said_to_the_database(text: str, sql: str, parameters: Parameters) -> None:
    assert condition(text) == Condition(sql, parameters)


@pytest.mark.parametrize("text", ["text:x", "-text:x", "text:x OR event:a", "-(text:x event:a)"])
def test_what_is_said_of_data_is_left_open(text: str) -> None:
    found = condition(text)
    assert not found.is_exact
    assert found.sql.replace("1 = 1", "").strip("( )") in ("", "AND")


def test_what_is_known_beside_data_is_kept() -> None:
    found = condition("event:a text:x")
    assert found == Condition("((event IN (?)) AND 1 = 1)", ("a",), is_exact=False)


def test_texts_are_parameters_and_never_sql() -> None:
    found = condition('inst:"\'; DROP TABLE events; --","x\'"* event:"a\'b"')
    assert "'" not in found.sql
    assert "DROP" not in found.sql


@given(FILTERS)
def test_conditions_are_exact_unless_data_is_asked_for(wanted: Filter) -> None:
    found = condition_of(wanted.root)
    assert found.sql.count("?") == len(found.parameters)
    if any(isinstance(leaf, DataIs) for leaf in wanted.leaves) and isinstance(wanted.root, Not):
        assert not found.is_exact


def test_moments_are_spelled_for_each_database() -> None:
    since = condition("since:1h event:a")
    assert since.spelled("postgresql") == since
    assert since.spelled("sqlite").parameters == ("2026-11-23T11:00:00.000000Z", "a")


def test_two_conditions_are_joined() -> None:
    assert condition_of(EVERY.root) == ALWAYS
    assert condition("event:a").also(condition("text:x")) == Condition(
        "((event IN (?)) AND 1 = 1)", ("a",), is_exact=False
    )
