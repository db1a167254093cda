"""`/instance/*` beyond the recorded calls: the life of each integration, and the events it emits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.simulator import RestClient, running_simulator, until

from ponteio.simulator import Simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running_simulator(instances=0) as running:
        yield running


@pytest.fixture
async def rest(simulator: Simulator) -> AsyncIterator[RestClient]:
    async with RestClient(simulator) as client:
        yield client


def told(simulator: Simulator) -> list[str]:
    """What was emitted: event names, with the state of a connection update."""
    return [
        f"{each.event} {each.envelope['data']['state']}" if each.event == "connection.update" else each.event
        for each in simulator.emitted
    ]


async def create(rest: RestClient, name: str, integration: str = "WHATSAPP-BAILEYS", **fields: object) -> dict:  # type: ignore[type-arg]
    status, body = await rest.post("/instance/create", {"instanceName": name, "integration": integration, **fields})
    assert status == 201
    return body  # type: ignore[no-any-return]


async def test_a_baileys_instance_is_paired_by_scanning_its_qr_code(simulator: Simulator, rest: RestClient) -> None:
    await create(rest, "wa")
    assert (await rest.get("/instance/connectionState/wa"))[1]["instance"]["state"] == "close"
    _, qr = await rest.get("/instance/connect/wa")
    assert list(qr) == ["pairingCode", "code", "base64", "count"]
    assert (qr["pairingCode"], qr["count"]) == (None, 1)
    assert simulator.emitted[-1].envelope["data"]["qrcode"]["code"] == qr["code"]
    await simulator.scan("wa")
    assert (await rest.get("/instance/connect/wa"))[1] == {"instance": {"instanceName": "wa", "state": "open"}}
    assert told(simulator) == [
        "instance.create",
        "connection.update connecting",
        "qrcode.updated",
        "connection.update connecting",
        "connection.update open",
    ]
    row = (await rest.get("/instance/fetchInstances?instanceName=wa"))[1][0]
    assert (row["connectionStatus"], row["ownerJid"]) == ("open", simulator.emitted[-1].envelope["sender"])


async def test_a_number_gives_a_pairing_code(simulator: Simulator, rest: RestClient) -> None:
    await create(rest, "wa")
    _, qr = await rest.get("/instance/connect/wa?number=5511999990000")
    assert len(qr["pairingCode"]) == 8


async def test_a_qr_code_that_is_late_is_a_count_of_zero() -> None:
    async with (
        running_simulator(instances=0, qr_delay_s=9, connect_wait_s=0) as simulator,
        RestClient(simulator) as rest,
    ):
        await create(rest, "wa")
        assert await rest.get("/instance/connect/wa") == (200, {"count": 0})
        assert await rest.get("/instance/connect/wa") == (200, {"count": 0})
        assert told(simulator)[-1] == "connection.update connecting"


async def test_create_can_show_the_qr_code_at_once(rest: RestClient) -> None:
    body = await create(rest, "wa", qrcode=True)
    assert body["qrcode"]["base64"].startswith("data:image/png;base64,")


async def test_deleting_an_open_baileys_instance_logs_it_out_first(simulator: Simulator, rest: RestClient) -> None:
    await create(rest, "wa")
    await rest.get("/instance/connect/wa")
    await simulator.scan("wa")
    before = len(simulator.emitted)
    assert (await rest.delete("/instance/delete/wa"))[0] == 200
    assert told(simulator)[before:] == [
        "status.instance",
        "logout.instance",
        "connection.update close",
        "instance.delete",
        "remove.instance",
    ]
    assert (await rest.get("/instance/connectionState/wa"))[0] == 404


async def test_a_logout_is_kept_in_the_row_and_a_second_is_an_error(simulator: Simulator, rest: RestClient) -> None:
    await create(rest, "wa")
    await rest.get("/instance/connect/wa")
    await simulator.scan("wa")
    assert (await rest.delete("/instance/logout/wa"))[1]["response"] == {"message": "Instance logged out"}
    row = (await rest.get("/instance/fetchInstances"))[1][0]
    assert (row["connectionStatus"], row["disconnectionReasonCode"]) == ("close", 401)
    assert row["disconnectionObject"] == simulator.emitted[-3].envelope["data"]["disconnectionObject"]
    status, body = await rest.delete("/instance/logout/wa")
    assert (status, body["response"]["message"]) == (400, ['The "wa" instance is not connected'])
    await rest.get("/instance/connect/wa")
    assert told(simulator)[-1] == "qrcode.updated"


async def test_an_evolution_logout_tells_nobody_and_the_database_stays_open(
    simulator: Simulator, rest: RestClient
) -> None:
    await create(rest, "evo", "EVOLUTION")
    before = len(simulator.emitted)
    await rest.delete("/instance/logout/evo")
    assert len(simulator.emitted) == before
    assert (await rest.get("/instance/connectionState/evo"))[1]["instance"]["state"] == "close"
    assert (await rest.get("/instance/fetchInstances"))[1][0]["connectionStatus"] == "open"
    assert await rest.get("/instance/connect/evo") == (200, {})
    await simulator.restart(0)
    await until(lambda: simulator.instance("evo").memory)
    assert (await rest.get("/instance/connectionState/evo"))[1]["instance"]["state"] == "open"


async def test_restarting_what_is_closed_is_an_error_that_looks_like_success(rest: RestClient) -> None:
    await create(rest, "wa")
    assert await rest.post("/instance/restart/wa") == (200, {"error": True, "message": "[object Object]"})


async def test_restarting_an_open_baileys_instance_tells_connecting_and_open(
    simulator: Simulator, rest: RestClient
) -> None:
    await create(rest, "wa")
    await rest.get("/instance/connect/wa")
    await simulator.scan("wa")
    before = len(simulator.emitted)
    assert (await rest.post("/instance/restart/wa"))[1]["instance"]["state"] == "open"
    await until(lambda: len(simulator.emitted) == before + 2)
    assert told(simulator)[before:] == ["connection.update connecting", "connection.update open"]


async def test_before_an_instance_is_loaded_its_state_is_missing() -> None:
    async with running_simulator(instances=1, load_s=9, loaded=False) as simulator, RestClient(simulator) as rest:
        assert (await rest.get("/instance/connectionState/loja-01"))[1] == {"instance": {"instanceName": "loja-01"}}
        assert (await rest.get("/instance/connect/loja-01"))[1] == {"error": True, "message": "[object Object]"}


async def test_websocket_settings_at_creation_are_always_enabled_and_unchecked(
    simulator: Simulator, rest: RestClient
) -> None:
    await create(rest, "a", "EVOLUTION", websocket={"enabled": False, "events": ["NO_SUCH"]})
    row = simulator.instance("a").websocket
    assert row is not None
    assert (row.enabled, row.events) == (True, ["NO_SUCH"])


async def test_websocket_settings_without_a_list_take_the_new_instance_back(
    simulator: Simulator, rest: RestClient
) -> None:
    status, _ = await rest.post(
        "/instance/create", {"instanceName": "a", "integration": "EVOLUTION", "websocket": {"enabled": True}}
    )
    assert status == 400
    assert simulator.world.get("a") is None
    assert told(simulator) == ["remove.instance"]


async def test_names_are_probed_without_a_key_and_reused_with_a_new_token(
    simulator: Simulator, rest: RestClient
) -> None:
    first = await create(rest, "a", "EVOLUTION")
    assert (await rest.post("/instance/create", {"instanceName": "a"}, key=""))[0] == 403
    await rest.delete("/instance/delete/a")
    second = await create(rest, "a", "EVOLUTION")
    assert first["hash"] != second["hash"]
    assert first["instance"]["instanceId"] != second["instance"]["instanceId"]


async def test_creating_without_a_name_in_an_empty_world_is_a_violation(rest: RestClient) -> None:
    assert (await rest.post("/instance/create", {"integration": "EVOLUTION"}))[0] == 400


async def test_settings_of_the_body_are_kept(rest: RestClient) -> None:
    body = await create(rest, "a", "EVOLUTION", groupsIgnore=True)
    assert body["settings"]["groupsIgnore"] is True


async def test_a_shared_token_lists_every_instance_that_has_it(rest: RestClient) -> None:
    for name in ("a", "b"):
        await create(rest, name, "EVOLUTION", token="shared")
    assert len((await rest.get("/instance/fetchInstances", key="shared"))[1]) == 2
    assert (await rest.get("/instance/fetchInstances?number=0"))[0] == 404
