from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ponteio.model.alert import Condition, Incident, Subject, SubjectKind
from ponteio.notify.held_notices import Held, hold, take, waiting
from ponteio.notify.incidents import add
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
async def organization_id(database: Database) -> str:
    return (await Directory(database).create_organization("Acme")).organization_id


def incident(organization_id: str, number: int) -> Incident:
    about = Subject(SubjectKind.INSTANCE, "loja-01")
    return Incident(organization_id, f"inc_{number}", "alr_1", "", Condition.DOWN, about, NOW, NOW, NOW)


async def test_each_channel_is_told_of_each_incident_once(database: Database, organization_id: str) -> None:
    first, second = incident(organization_id, 1), incident(organization_id, 2)
    async with database.write() as connection:
        await add(connection, first)
        await hold(connection, database.dialect, first, ["chn_1", "chn_2"], NOW)
        await hold(connection, database.dialect, first, ["chn_1"], NOW)
        await hold(connection, database.dialect, second, ["chn_1"], NOW)
    held = await waiting(database)
    assert held == {
        (organization_id, "chn_1"): [Held("inc_1", "alr_1"), Held("inc_2", "alr_1")],
        (organization_id, "chn_2"): [Held("inc_1", "alr_1")],
    }
    async with database.write() as connection:
        taken = await take(connection, organization_id, "chn_1", held[organization_id, "chn_1"])
    assert taken == [first], "an incident that is forgotten by now is not summed up"
    assert list(await waiting(database)) == [(organization_id, "chn_2")]
