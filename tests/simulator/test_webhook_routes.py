"""The open doors: what they let in, and that nothing they are told is an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.simulator import RestClient, running_simulator

from ponteio.simulator import Simulator

EVOLUTION, META, BAILEYS = "5511900000002", "5511900000003", "5511900000001"
BODY: dict[str, Any] = {
    "numberId": EVOLUTION,
    "key": {"remoteJid": "5511999990000@s.whatsapp.net", "fromMe": False},
    "pushName": "Maria",
    "message": {"conversation": "oi"},
    "messageType": "conversation",
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running_simulator(instances=3) as running:
        yield running


@pytest.fixture
async def rest(simulator: Simulator) -> AsyncIterator[RestClient]:
    async with RestClient(simulator) as client:
        yield client


def meta(**value: Any) -> dict[str, Any]:
    full = {"metadata": {"phone_number_id": META}, **value}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"value": full}]}]}


def text(number: int, **profile: str) -> dict[str, Any]:
    message = {"from": "5511", "id": f"wamid.{number}", "timestamp": "1795440000", "text": {"body": "oi"}}
    return meta(messages=[message, message], contacts=[{"profile": {"name": "M", **profile}}])


async def test_a_message_without_an_id_gets_one(simulator: Simulator, rest: RestClient) -> None:
    before = len(simulator.emitted)
    assert await rest.post("/webhook/evolution", BODY, key="") == (200, {"status": "success"})
    new = list(simulator.emitted)[before:]
    assert [each.event for each in new] == ["messages.upsert", "contacts.upsert", "chats.upsert"]
    assert len(new[0].envelope["data"]["key"]["id"]) == 36
    row = (await rest.get("/instance/fetchInstances?instanceName=loja-02"))[1][0]
    assert row["_count"] == {"Message": 1, "Contact": 1, "Chat": 1}


async def test_a_lone_surrogate_and_a_huge_number_pass_through(simulator: Simulator, rest: RestClient) -> None:
    odd = {"conversation": "\ud83d", "n": 2**80}
    assert (await rest.post("/webhook/evolution", {**BODY, "message": odd}))[0] == 200
    upsert = next(each for each in reversed(simulator.emitted) if each.event == "messages.upsert")
    assert upsert.envelope["data"]["message"] == odd


async def test_another_integrations_number_is_a_success_without_effect(simulator: Simulator, rest: RestClient) -> None:
    before = len(simulator.emitted)
    for number in (BAILEYS, META):
        assert await rest.post("/webhook/evolution", {**BODY, "numberId": number}) == (200, {"status": "success"})
    assert len(simulator.emitted) == before


async def test_an_instance_that_is_not_loaded_is_an_error_of_the_server() -> None:
    async with running_simulator(instances=2, load_s=9, loaded=False) as simulator, RestClient(simulator) as rest:
        assert (await rest.post("/webhook/evolution", BODY))[0] == 500


async def test_only_the_first_of_metas_messages_is_looked_at(simulator: Simulator, rest: RestClient) -> None:
    before = len(simulator.emitted)
    await rest.post("/webhook/meta", text(1), key="")
    new = list(simulator.emitted)[before:]
    assert [each.event for each in new] == ["messages.upsert", "contacts.upsert"]
    assert "remoteJid" not in new[1].envelope["data"]


async def test_a_status_of_an_unknown_message_ends_the_list(simulator: Simulator, rest: RestClient) -> None:
    await rest.post("/webhook/meta", text(1))
    before = len(simulator.emitted)
    statuses = [{"id": f"wamid.{number}", "status": "read"} for number in (1, 9, 1)]
    await rest.post("/webhook/meta", meta(statuses=statuses))
    new = list(simulator.emitted)[before:]
    assert [(each.event, each.envelope["data"]["status"]) for each in new] == [("messages.update", "READ")]


async def test_metas_challenge_is_echoed_for_the_right_token(rest: RestClient) -> None:
    path = "/webhook/meta?hub.challenge=1158201444&hub.verify_token="
    assert await rest.get(f"{path}evolution", key="") == (200, 1158201444)
    assert await rest.get(f"{path}wrong", key="") == (200, "Error, wrong validation token")
    assert await rest.get("/webhook/meta?hub.challenge=abc&hub.verify_token=evolution") == (200, "abc")


async def test_metas_posts_for_others_are_ignored(simulator: Simulator, rest: RestClient) -> None:
    before = len(simulator.emitted)
    foreign = text(1)
    foreign["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "0"
    assert (await rest.post("/webhook/meta", foreign))[0] == 200
    assert (await rest.post("/webhook/meta", {}))[0] == 200
    assert len(simulator.emitted) == before
