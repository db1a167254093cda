"""All that was heard of one message, and what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.rest_client import Caller, RestDesk, code, rest_desk
from tests.support.rest_house import ON_EACH_DATABASE

ID = "3EB0A1B2"
KEY = {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": True, "id": ID}
LIFE: list[tuple[str, Any]] = [
    ("send.message", {"key": KEY, "status": "PENDING", "message": {"conversation": "segredo"}}),
    ("messages.update", {"keyId": ID, "remoteJid": "x@lid", "fromMe": True, "status": "DELIVERY_ACK"}),
    ("messages.update", {"keyId": ID, "status": "READ"}),
    ("messages.edited", {"key": KEY, "type": "MESSAGE_EDIT", "editedMessage": {"conversation": "segredo 2"}}),
    ("messages.update", {"keyId": ID, "status": "SERVER_ACK", "message": {"conversation": "segredo 2"}}),
    ("messages.edited", {"key": KEY, "type": "REVOKE"}),
    ("messages.delete", {"id": "cmi3dbid", "key": KEY, "status": "DELETED"}),
]
STEPS = [
    ("message", "pending"),
    ("status", "delivered"),
    ("status", "read"),
    ("edit", None),
    ("edit", None),
    ("deletion", None),
    ("deletion", None),
]


@pytest.fixture
async def desk(tmp_path: Path, database_url: str) -> AsyncIterator[RestDesk]:
    async with rest_desk(tmp_path, instances=3, started=False, database_url=database_url) as opened:
        for number, (event, data) in enumerate(LIFE):
            await store(opened, event, data)
            other = {**data, "key": {**KEY, "id": f"OTHER{number}"}, "keyId": f"OTHER{number}"}
            await store(opened, event, other)
            await store(opened, event, data, "loja-02")
        await store(opened, "presence.update", {"id": "5511@s.whatsapp.net", "presences": {}})
        await store(opened, "messages.set", [{"key": {"id": "a"}}, {"key": {"id": "b"}}])
        await store(opened, "chats.update", {"id": ID})
        yield opened


async def store(desk: RestDesk, event: str, data: Any, instance: str = "loja-01") -> str:
    stored = await desk.house.store(desk.acme_scope, instance, event, orjson.dumps(data))
    return str(stored.cursor)


async def related(caller: Caller, seq: int) -> dict[str, Any]:
    page = (await caller.get("/api/events")).json()
    answer = await caller.get(f"/api/events/{page['events'][seq - 1]['cursor']}/related")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert [step["cursor"] for step in found["steps"]] == [event["cursor"] for event in found["events"]]
    return found


@ON_EACH_DATABASE
async def test_a_life_from_whichever_event_is_asked(desk: RestDesk) -> None:
    for number in range(len(LIFE)):
        found = await related(desk.acme, 1 + 3 * number)
        assert [(step["step"], step["status"]) for step in found["steps"]] == STEPS
        assert {event["instance"] for event in found["events"]} == {"loja-01"}
        message = found["message"]
        assert (message["id"], message["instance"], message["status"]) == (ID, "loja-01", "read")
        assert message["edited_at"] == found["events"][4]["occurred_at"]
        assert message["deleted_at"] == found["events"][5]["occurred_at"]
        assert found["complete"] is True


async def test_events_about_no_message_or_many_stand_alone(desk: RestDesk) -> None:
    for seq in (22, 23, 24):
        found = await related(desk.acme, seq)
        assert found["message"] is None
        assert [event["seq"] for event in found["events"]] == [seq]


async def test_whoever_may_not_see_content_is_told_what_became_of_it(desk: RestDesk) -> None:
    """I5."""
    _, secret = await desk.house.keys.create(desk.acme_scope.organization_id, "m", metadata_only=True)
    found = await related(Caller(desk, secret), 1)
    assert [(step["step"], step["status"]) for step in found["steps"]] == STEPS
    assert "segredo" not in str(found)


async def test_what_is_not_ones_own_is_not_there(desk: RestDesk) -> None:
    page = (await desk.acme.get("/api/events")).json()
    cursor = page["events"][0]["cursor"]
    assert code(await desk.rival.get(f"/api/events/{cursor}/related")) == "cursor_expired"
    epoch = cursor.partition("-")[0]
    assert code(await desk.acme.get(f"/api/events/{epoch}-99/related")) == "not_found"
    assert code(await desk.acme.get("/api/events/nonsense/related")) == "invalid_cursor"


async def test_a_narrowed_reader_is_shown_what_it_may_see(desk: RestDesk) -> None:
    organization_id = desk.acme_scope.organization_id
    from ponteio.model.filter import EventFilter

    _, secret = await desk.house.keys.create(
        organization_id, "n", allowed=EventFilter.of(["loja-01"], ["messages.update"])
    )
    narrowed = Caller(desk, secret)
    page = (await narrowed.get("/api/events")).json()
    found = (await narrowed.get(f"/api/events/{page['events'][0]['cursor']}/related")).json()
    assert {event["event"] for event in found["events"]} == {"messages.update"}
    assert found["message"]["deleted_at"] is None
    send = (await desk.acme.get("/api/events?limit=1")).json()["events"][0]["cursor"]
    assert code(await narrowed.get(f"/api/events/{send}/related")) == "not_found"
