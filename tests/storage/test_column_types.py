from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError

from ponteio.storage.column_types import ForeignText, UtcDateTime, restored, storable
from ponteio.storage.database import Database

_any_text = st.text(st.characters(exclude_categories=()))
_things = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("text", ForeignText),
    Column("at", UtcDateTime),
)
_ODD = ["", "\x00", "a\x00b", "\x01", "\x010000", "\ud800", "\udfff\x00", "ação, \"x\" 'y' a/b 😀\n", "x" * 100_000]


@given(_any_text)
def test_any_text_comes_back(text: str) -> None:
    assert restored(storable(text)) == text


@given(_any_text)
def test_what_is_stored_has_nothing_that_a_database_refuses(text: str) -> None:
    assert "\x00" not in storable(text)
    storable(text).encode()


@given(_any_text, _any_text)
def test_equality_and_prefixes_survive(one: str, other: str) -> None:
    assert (storable(one) == storable(other)) == (one == other)
    assert storable(one + other).startswith(storable(one))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x01")))
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assert storable(text) == text


async def test_texts_and_moments_survive_the_database(own_database: Database) -> None:
    moment = datetime(2026, 11, 23, 11, 46, 12, 999_999, tzinfo=timezone(timedelta(hours=-3)))
    rows = [{"id": number, "text": text, "at": moment} for number, text in enumerate([*_ODD])]
    async with own_database.write() as connection:
        await connection.run_sync(_things.create)
        await connection.execute(insert(_things), [*rows, {"id": 99, "text": None, "at": None}])
        found = (await connection.execute(select(_things).order_by(_things.c.id))).all()
        again = await connection.execute(select(_things.c.id).where(_things.c.text == "a\x00b"))
        assert again.scalars().all() == [2]
        await connection.run_sync(_things.drop)
    assert [row.text for row in found] == [*_ODD, None]
    assert {row.at for row in found[:-1]} == {moment}
    assert all(row.at.tzinfo is UTC for row in found[:-1])
    assert found[-1].at is None


async def test_a_moment_without_a_zone_is_never_stored(own_database: Database) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001

    async def store() -> None:
        async with own_database.write() as connection:
            await connection.run_sync(_things.create)
            await connection.execute(insert(_things).values(id=1, at=naive))

    with pytest.raises(StatementError, match="time zone"):
        await store()
