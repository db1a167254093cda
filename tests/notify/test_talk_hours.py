from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from ponteio.notify.talk_hours import KEPT_DAYS, TalkHours, usual_since
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import talk_hours
from ponteio.tenancy.directory import Directory

NOW = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
"""A Tuesday."""


@pytest.fixture
async def organization_id(database: Database) -> str:
    return (await Directory(database).create_organization("Acme")).organization_id


def talked(*weeks: int, hours: tuple[int, ...] = (8, 9, 10)) -> dict[int, int]:
    """Days on which something was said, so many weeks before `NOW`, in these hours."""
    day_no = int(NOW.timestamp()) // 86_400
    return {day_no - 7 * week: sum(1 << hour for hour in hours) for week in weeks}


def test_an_hour_is_usual_when_it_was_talked_in_on_two_of_four_such_weekdays() -> None:
    assert usual_since(talked(1), NOW) is None
    assert usual_since(talked(1, 4), NOW) == NOW.replace(hour=8, minute=0)
    assert usual_since(talked(1, 5), NOW) is None, "five weeks ago counts no more"
    assert usual_since(talked(1, 2), NOW + timedelta(days=1)) is None, "another weekday"
    assert usual_since(talked(1, 2), NOW + timedelta(hours=1)) is None


def test_what_is_always_usual_has_been_so_for_a_week_at_most() -> None:
    day_no = int(NOW.timestamp()) // 86_400
    always = {day_no - back: (1 << 24) - 1 for back in range(40)}
    assert usual_since(always, NOW) == NOW.replace(minute=0) - timedelta(hours=24 * 7 - 1)


async def test_what_was_noted_survives_and_what_two_processes_note_adds_up(
    database: Database, organization_id: str
) -> None:
    one, other = TalkHours(database), TalkHours(database)
    for week in (1, 2):
        one.note(organization_id, "loja-01", NOW - timedelta(weeks=week))
        other.note(organization_id, "loja-01", NOW - timedelta(weeks=week, hours=1))
        other.note(organization_id, "loja-01", NOW - timedelta(weeks=week, hours=1))
    await one.save(NOW)
    await other.save(NOW)
    await other.save(NOW)
    fresh = TalkHours(database)
    await fresh.load(NOW)
    assert fresh.usual_since(organization_id, "loja-01", NOW) == NOW.replace(hour=9, minute=0)
    assert fresh.usual_since(organization_id, "loja-02", NOW) is None


async def test_old_days_are_forgotten(database: Database, organization_id: str) -> None:
    talk = TalkHours(database)
    talk.note(organization_id, "loja-01", NOW)
    talk.note(organization_id, "loja-01", NOW - timedelta(days=KEPT_DAYS))
    await talk.save(NOW)
    await talk.prune(NOW)
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(talk_hours))).scalar_one() == 1
