"""Each wrong configuration can be told from a right one by a client; what it is about is tested by the diagnosis."""

from __future__ import annotations

import pytest
from tests.support.simulator import QUICK, RestClient, running_simulator, until

from ponteio.simulator import Simulator, SimulatorOptions
from ponteio.simulator.misconfigurations import MISCONFIGURATIONS, misconfigured
from ponteio.simulator.state import EVENT_NAMES


@pytest.mark.parametrize("name", sorted(MISCONFIGURATIONS))
async def test_every_one_can_be_set_up_and_stopped(name: str) -> None:
    options = misconfigured(SimulatorOptions(**QUICK), name)
    simulator = Simulator(options)
    await simulator.start()
    try:
        MISCONFIGURATIONS[name].apply(simulator)
        assert simulator.options == options
    finally:
        await simulator.stop()


def test_an_unknown_name_is_none() -> None:
    with pytest.raises(KeyError):
        misconfigured(SimulatorOptions(), "nonsense")


async def test_the_managers_list_has_26_names_and_no_events_has_none() -> None:
    async with running_simulator() as simulator:
        MISCONFIGURATIONS["managers_events"].apply(simulator)
        row = simulator.instance("loja-01").websocket
        assert row is not None
        assert (row.enabled, len(row.events), len(EVENT_NAMES)) == (True, 26, 31)
        MISCONFIGURATIONS["no_events"].apply(simulator)
        assert (row.enabled, row.events) == (False, [])


@pytest.mark.parametrize(("saves", "kept"), [(True, 2), (False, 1)])
async def test_without_saving_only_instances_of_the_evolution_channel_keep_messages(saves: bool, kept: int) -> None:
    async with running_simulator(instances=2, save_messages=saves) as simulator, RestClient(simulator) as rest:
        for name in ("loja-01", "loja-02"):
            await rest.post(f"/message/sendText/{name}", {"number": "5511999990000", "text": "oi"})
        counts = [len(simulator.instance(name).messages) for name in ("loja-01", "loja-02")]
        assert sum(count > 0 for count in counts) == kept
        assert counts[1] > 0


async def test_before_its_licence_rest_refuses_everything_and_names_the_reason() -> None:
    async with running_simulator() as simulator, RestClient(simulator) as rest:
        MISCONFIGURATIONS["licence"].apply(simulator)
        for path in ("/", "/instance/fetchInstances"):
            status, body = await rest.get(path)
            assert (status, body["code"]) == (503, "LICENSE_REQUIRED")


@pytest.mark.parametrize(("version", "status"), [("2.3.1", 200), ("2.3.7", 403), ("2.4.0-rc2", 403)])
async def test_old_versions_ask_for_no_key(version: str, status: int) -> None:
    async with (
        running_simulator(version=version, allowed_hosts="203.0.113.1") as simulator,
        RestClient(simulator) as rest,
    ):
        assert (await rest.get("/"))[1]["version"] == version
        found, _ = await rest.call("GET", "/socket.io/?EIO=4&transport=none", key="")
        assert found == 400
        async with rest._session.get(f"{simulator.url}/socket.io/?EIO=4&transport=polling") as answer:
            assert answer.status == status


async def test_after_a_restart_no_namespace_is_left() -> None:
    async with running_simulator(instances=2, global_events=False) as simulator:
        simulator.emit("loja-02", "chats.update", [])
        await until(lambda: "/loja-02" in simulator.summary()["namespaces"])
        MISCONFIGURATIONS["restarted"].apply(simulator)
        await until(lambda: simulator.is_up and "/loja-02" not in simulator.summary()["namespaces"])
