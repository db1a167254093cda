from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.rest_client import RestDesk, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE

from ponteio.model.alert import Condition, EntryKind, Incident, IncidentEntry, Subject, SubjectKind
from ponteio.notify.incidents import add, add_entry, new_incident_id

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[RestDesk]:
    async with rest_desk(tmp_path, started=False) as opened:
        yield opened


async def incident(desk: RestDesk, organization_id: str, number: int = 0, **changes: object) -> str:
    """The id of an incident that is stored."""
    now = NOW + timedelta(seconds=number)
    about = Subject(SubjectKind.INSTANCE, "loja-01")
    made = Incident(organization_id, new_incident_id(now), "alr_1", "Shops", Condition.DOWN, about, now, now, now)
    made = replace(made, instances=("loja-01",), instance_count=1, reason="state_close", **changes)  # type: ignore[arg-type]
    async with desk.house.database.write() as connection:
        await add(connection, made)
        await add_entry(connection, made, IncidentEntry(now, EntryKind.OPENED, detail={"reason": "state_close"}))
    return made.incident_id


async def test_incidents_are_listed_page_by_page(desk: RestDesk) -> None:
    acme = desk.acme_scope.organization_id
    ids = [await incident(desk, acme, number) for number in range(5)]
    await incident(desk, acme, 9, resolved_at=NOW)
    page = (await desk.acme.get("/api/incidents", params={"limit": 3})).json()
    assert [one["id"] for one in page["incidents"]] == [ids[4], ids[3], ids[2]]
    rest = (await desk.acme.get("/api/incidents", params={"limit": 3, "before": page["next_before"]})).json()
    assert [one["id"] for one in rest["incidents"]] == [ids[1], ids[0]]
    assert rest["next_before"] is None
    assert len((await desk.acme.get("/api/incidents", params={"state": "all"})).json()["incidents"]) == 6
    assert (await desk.rival.get("/api/incidents")).json() == {"incidents": [], "next_before": None}
    assert code(await desk.acme.get("/api/incidents", params={"state": "some"})) == "invalid_request"


async def test_an_incident_has_a_timeline_and_people_in_it(desk: RestDesk) -> None:
    made = await incident(desk, desk.acme_scope.organization_id)
    path = f"/api/incidents/{made}"
    seen = (await desk.acme.post(f"{path}/acknowledge")).json()
    assert (seen["state"], seen["acknowledged_by"]) == ("acknowledged", "test")
    closed = (await desk.acme.post(f"{path}/resolve")).json()
    assert (closed["state"], closed["resolved_by"]) == ("resolved", "test")
    shown = (await desk.acme.get(path)).json()
    assert shown["incident"] == closed
    assert [(one["kind"], one["actor"]) for one in shown["timeline"]] == [
        ("opened", None),
        ("acknowledged", "test"),
        ("resolved", "test"),
    ]
    entries = await desk.services.audit.list(desk.acme_scope.organization_id, limit=2)
    assert [one.action for one in entries] == ["incident.resolved", "incident.acknowledged"]


@ON_EACH_DATABASE
async def test_odd_ids_are_those_of_nothing(dialect: str, database_url: str, tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, database_url=database_url) as desk:
        for path in ("/api/incidents/%00", "/api/incidents/a%00b", "/api/alerts/%00"):
            assert code(await desk.acme.get(path)) == "not_found"
        assert (await desk.acme.get("/api/incidents", params={"before": "\0"})).json()["incidents"] == []


async def test_a_foreign_incident_answers_as_one_that_nobody_has(desk: RestDesk) -> None:
    made = await incident(desk, desk.acme_scope.organization_id)
    for method, tail in (("GET", ""), ("POST", "/acknowledge"), ("POST", "/resolve")):
        foreign = await desk.rival.call(method, f"/api/incidents/{made}{tail}")
        unknown = await desk.rival.call(method, f"/api/incidents/inc_0123456789abcdef01234567{tail}")
        assert (foreign.status_code, foreign.text) == (404, unknown.text)
