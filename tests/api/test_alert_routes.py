from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.rest_client import Caller, RestDesk, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE

WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
HOURS = {"days": WORKDAYS, "from": "08:00", "to": "18:00", "zone": "America/Sao_Paulo"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[RestDesk]:
    async with rest_desk(tmp_path, started=False) as opened:
        yield opened


async def channel(caller: Caller, name: str = "phones") -> str:
    made = await caller.post("/api/channels", json={"kind": "web_push", "name": name})
    assert made.status_code == 201, made.text
    return str(made.json()["channel"]["id"])


async def make(caller: Caller, **terms: Any) -> Any:
    made = await caller.post("/api/alerts", json={"condition": "down", **terms})
    assert made.status_code == 201, made.text
    return made.json()


async def test_a_rule_is_made_shown_changed_and_removed(desk: RestDesk) -> None:
    told = await channel(desk.acme)
    made = await make(desk.acme, channels=[told], name="Shops", hours=HOURS, instances=["loja-01"])
    assert made["hours"] == HOURS
    assert made["sentence"]["en"] == (
        "When instance loja-01 is down for 5 min in Mon-Fri 08:00-18:00 (America/Sao_Paulo) → phones."
    )
    assert made["sentence"]["pt-BR"] == (
        "Quando a instância loja-01 está fora do ar por 5 min em seg-sex 08:00-18:00 (America/Sao_Paulo) → phones."
    )
    assert (await desk.acme.get("/api/alerts")).json()["rules"] == [made]
    one = f"/api/alerts/{made['id']}"
    assert (await desk.acme.get(one)).json() == made
    quiet = {**HOURS, "from": "22:00", "to": "07:00", "then": "drop"}
    changed = (await desk.acme.call("PUT", one, json={"condition": "qr", "for_s": 120, "quiet_hours": quiet})).json()
    assert (changed["condition"], changed["channels"], changed["quiet_hours"]) == ("qr", [], quiet)
    assert changed["created_at"] == made["created_at"]
    assert (await desk.acme.delete(one)).status_code == 200
    assert code(await desk.acme.get(one)) == "not_found"
    entries = await desk.services.audit.list(desk.acme_scope.organization_id, limit=10)
    assert [one.action for one in entries][:3] == ["alert.removed", "alert.changed", "alert.made"]


async def test_a_rule_is_its_organizations(desk: RestDesk) -> None:
    made = await make(desk.acme)
    one = f"/api/alerts/{made['id']}"
    assert (await desk.rival.get("/api/alerts")).json() == {"rules": []}
    for method, path in (("GET", one), ("PUT", one), ("DELETE", one), ("POST", f"{one}/test")):
        body = {"json": {"condition": "down"}} if method == "PUT" else {}
        answer = await desk.rival.call(method, path, **body)
        unknown = await desk.rival.call(method, path.replace(made["id"], "alr_0123456789abcdef01234567"), **body)
        assert (answer.status_code, answer.text) == (404, unknown.text)
    foreign = await channel(desk.acme)
    for path in ("/api/alerts", "/api/alerts/preview"):
        answer = await desk.rival.post(path, json={"condition": "down", "channels": [foreign]})
        assert code(answer) == "not_found"
    assert code(await desk.rival.get(f"/api/channels/{foreign}/quiet-hours")) == "not_found"
    assert code(await desk.operator.get("/api/alerts")) == "organization_only"


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"condition": "limit", "instances": ["loja-01"]}, "invalid_rule"),
        ({"condition": "event"}, "invalid_rule"),
        ({"condition": "down", "filter": "event:call"}, "invalid_rule"),
        ({"condition": "event", "filter": "event:call", "for_s": 0}, "invalid_rule"),
        ({"condition": "event", "filter": "since:2h"}, "invalid_rule"),
        ({"condition": "event", "filter": "text:("}, "invalid_filter"),
        ({"condition": "down", "count": 2}, "invalid_rule"),
        ({"condition": "down", "include_content": True}, "invalid_rule"),
        ({"condition": "down", "usual_hours": True}, "invalid_rule"),
        ({"condition": "silent", "for_s": 59}, "invalid_rule"),
        ({"condition": "down", "remind_every_s": 60}, "invalid_rule"),
        ({"condition": "down", "hours": {**HOURS, "zone": "Mars/Olympus"}}, "invalid_rule"),
        ({"condition": "down", "hours": {**HOURS, "from": "24:00"}}, "invalid_request"),
        ({"condition": "sad"}, "invalid_request"),
        ({"condition": "down", "volume": 11}, "invalid_request"),
    ],
)
async def test_what_could_not_be_watched_is_refused(desk: RestDesk, terms: dict[str, Any], expected: str) -> None:
    for path in ("/api/alerts", "/api/alerts/preview"):
        assert code(await desk.acme.post(path, json=terms)) == expected, terms
    assert (await desk.acme.get("/api/alerts")).json() == {"rules": []}


async def test_a_filter_that_is_not_understood_says_where(desk: RestDesk) -> None:
    answer = (await desk.acme.post("/api/alerts", json={"condition": "event", "filter": "event:call odd:sense"})).json()
    assert (answer["position"], answer["length"]) == (11, 3)


async def test_an_organization_has_a_bounded_number_of_rules(desk: RestDesk) -> None:
    for _ in range(50):
        await make(desk.acme)
    assert code(await desk.acme.post("/api/alerts", json={"condition": "down"})) == "too_many_rules"
    await make(desk.rival)


async def test_suggestions_are_rules_that_can_be_made(desk: RestDesk) -> None:
    found = (await desk.acme.get("/api/alerts/suggestions")).json()["suggestions"]
    assert [one["rule"]["condition"] for one in found] == ["down", "qr", "silent"]
    for one in found:
        assert one["sentence"]["en"].startswith("When any instance")
        assert (await make(desk.acme, **one["rule"]))["sentence"] == one["sentence"]


async def test_a_test_says_that_it_is_one(desk: RestDesk) -> None:
    first, second = await channel(desk.acme), await channel(desk.acme, "others")
    made = await make(desk.acme, channels=[first, second])
    answer = await desk.acme.post(f"/api/alerts/{made['id']}/test")
    assert answer.json() == {"channels": 2}


async def test_a_channel_has_quiet_hours_of_its_own(desk: RestDesk) -> None:
    made = await channel(desk.acme)
    path = f"/api/channels/{made}/quiet-hours"
    assert (await desk.acme.get(path)).json() == {"quiet_hours": None}
    quiet = {"days": ["sat", "sun"], "from": "00:00", "to": "00:00", "zone": "Europe/Berlin", "then": "hold"}
    assert (await desk.acme.call("PUT", path, json={"quiet_hours": quiet})).json() == {"quiet_hours": quiet}
    assert (await desk.acme.get(path)).json() == {"quiet_hours": quiet}
    bad = {"quiet_hours": {**quiet, "zone": "nowhere"}}
    assert code(await desk.acme.call("PUT", path, json=bad)) == "invalid_rule"
    await desk.acme.call("PUT", path, json={"quiet_hours": None})
    assert (await desk.acme.get(path)).json() == {"quiet_hours": None}


@ON_EACH_DATABASE
async def test_a_preview_keeps_nothing(dialect: str, database_url: str, tmp_path: Path) -> None:
    async with rest_desk(tmp_path, started=False, database_url=database_url) as desk:
        for condition in ("down", "qr", "limit", "silent"):
            answer = await desk.acme.post("/api/alerts/preview", json={"condition": condition})
            assert answer.status_code == 200, answer.text
            assert answer.json()["complete"]
            assert answer.json()["basis"]
        event = {"condition": "event", "filter": 'event:messages.* text:"boleto"'}
        assert (await desk.acme.post("/api/alerts/preview", json=event)).json()["count"] == 0
        assert (await desk.acme.get("/api/alerts")).json() == {"rules": []}
