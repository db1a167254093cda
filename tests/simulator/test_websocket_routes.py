from __future__ import annotations

import pytest
from tests.support.simulator import RestClient, running_simulator

OK = {"websocket": {"enabled": True, "events": ["CALL"]}}


async def test_a_switched_off_websocket_answers_with_nothing_and_does_nothing() -> None:
    async with (
        running_simulator(instances=1, instance_events=False, websocket_enabled=False) as simulator,
        RestClient(simulator) as rest,
    ):
        assert await rest.post("/websocket/set/loja-01", OK) == (201, None)
        assert await rest.get("/websocket/find/loja-01") == (200, None)
        assert simulator.instance("loja-01").websocket is None


async def test_setting_changes_the_filter_at_once_and_keeps_the_row() -> None:
    async with running_simulator(instances=2) as simulator, RestClient(simulator) as rest:
        before = (await rest.get("/websocket/find/loja-02"))[1]
        after = (await rest.post("/websocket/set/loja-02", OK))[1]
        assert after["id"] == before["id"]
        assert after["events"] == ["CALL"]
        assert simulator.instance("loja-02").wants("call")
        assert not simulator.instance("loja-02").wants("messages.upsert")


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"websocket": "x"}, ["websocket is not of a type(s) object"]),
        (
            {"websocket": {"events": "x"}},
            ['websocket requires property "enabled"', "websocket.events is not of a type(s) array"],
        ),
    ],
)
async def test_every_violation_is_listed(body: object, messages: list[str]) -> None:
    async with running_simulator(instances=1) as simulator, RestClient(simulator) as rest:
        status, answer = await rest.post("/websocket/set/loja-01", body)
        assert (status, answer["response"]["message"]) == (400, [messages])
