"""Namespaces: root always, others from their instance's first event, and none of them heals by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import socketio
from tests.support.simulator import RawClient, raw_client, running_simulator, until

from ponteio.simulator import Simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    # No Baileys instance: those would make their own namespaces at the start.
    async with running_simulator(instances=0) as running:
        for name in ("alpha", "beta"):
            add_instance(running, name)
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[RawClient]:
    async with raw_client(simulator) as connected:
        yield connected


def add_instance(simulator: Simulator, name: str) -> None:
    instance = simulator.maker.make(name, "EVOLUTION", number=f"55{len(simulator.world)}", events=[])
    simulator.world.add(instance)
    simulator.sessions.load(instance)


async def test_a_namespace_is_invalid_until_its_first_event_which_reaches_nobody(
    simulator: Simulator, client: RawClient
) -> None:
    assert await client.join("/alpha") == '44/alpha,{"message":"Invalid namespace"}'
    simulator.emit("alpha", "call", {"n": 1})
    await until(lambda: simulator.emitted[-1].made_namespace)
    assert (await client.join("/alpha")).startswith('40/alpha,{"sid":"')
    simulator.emit("alpha", "call", {"n": 2})
    await until(lambda: client.events("/alpha"))
    assert [envelope["data"]["n"] for _, envelope in client.events("/alpha")] == [2]


async def test_an_unknown_instance_is_refused_in_the_same_words(simulator: Simulator, client: RawClient) -> None:
    assert await client.join("/nope") == '44/nope,{"message":"Invalid namespace"}'


async def test_a_refused_namespace_disturbs_no_other_on_the_transport(simulator: Simulator, client: RawClient) -> None:
    await client.join("/")
    await client.join("/nope")
    simulator.emit("alpha", "call", {})
    await until(lambda: client.events("/"))
    assert not client.is_closed


async def test_an_event_that_does_not_pass_the_filter_makes_no_namespace(
    simulator: Simulator, client: RawClient
) -> None:
    row = simulator.instance("alpha").websocket
    assert row is not None
    row.events = ["MESSAGES_UPSERT"]
    simulator.emit("alpha", "call", {})
    simulator.emit("beta", "call", {})
    await until(lambda: simulator.emitted[-1].made_namespace)
    assert (await client.join("/alpha")).startswith("44")


async def test_groups_update_never_reaches_a_namespace(simulator: Simulator, client: RawClient) -> None:
    simulator.emit("alpha", "call", {})
    await until(lambda: simulator.emitted[-1].made_namespace)
    await client.join("/")
    await client.join("/alpha")
    simulator.emit("alpha", "groups.update", [{}])
    simulator.emit("alpha", "call", {})
    await until(lambda: client.events("/alpha"))
    assert [name for name, _ in client.events("/alpha")] == ["call"]
    assert [name for name, _ in client.events("/")] == ["groups.update", "call"]


async def test_a_restart_loses_namespaces_and_keeps_the_port(simulator: Simulator) -> None:
    simulator.emit("alpha", "call", {})
    await until(lambda: simulator.emitted[-1].made_namespace)
    port = simulator.port
    await simulator.restart(0)
    assert simulator.port == port
    async with raw_client(simulator) as client:
        assert (await client.join("/")).startswith("40{")
        assert (await client.join("/alpha")).startswith("44")


@pytest.mark.parametrize("name", ["Loja Centro", "ação", "a/b", "a?b", "a#b", "a%20b", "dot.name", "loja 🛒"])
async def test_odd_names_work_raw_and_only_raw(simulator: Simulator, client: RawClient, name: str) -> None:
    add_instance(simulator, name)
    simulator.emit(name, "call", {})
    await until(lambda: simulator.emitted[-1].made_namespace)
    assert (await client.join(f"/{name}")).startswith(f"40/{name},{{")
    simulator.emit(name, "call", {})
    await until(lambda: client.events(f"/{name}"))
    assert (await client.join("/Loja%20Centro")).startswith("44")


async def test_names_are_case_sensitive(simulator: Simulator, client: RawClient) -> None:
    simulator.emit("alpha", "call", {})
    await until(lambda: simulator.emitted[-1].made_namespace)
    assert (await client.join("/Alpha")).startswith("44")


async def test_a_name_with_a_comma_is_unreachable_and_costs_the_transport(
    simulator: Simulator, client: RawClient
) -> None:
    add_instance(simulator, "a,b")
    simulator.emit("a,b", "call", {})
    await until(lambda: simulator.emitted[-1].made_namespace)
    await client.send("40/a,b,")
    await until(lambda: client.is_closed)
    assert not any(str(frame).startswith(("40", "44")) for frame in client.frames)


async def test_root_and_namespace_carry_the_same_bytes(simulator: Simulator, client: RawClient) -> None:
    simulator.emit("alpha", "call", {})
    await until(lambda: simulator.emitted[-1].made_namespace)
    await client.join("/")
    await client.join("/alpha")
    simulator.emit("alpha", "messages.upsert", {"text": "olá"})
    await until(lambda: client.events("/alpha"))
    root, copy = [str(frame) for frame in client.frames if str(frame).startswith("42")]
    assert copy == root.replace("42[", "42/alpha,[", 1)


async def test_a_client_that_joins_nothing_is_closed_without_a_code() -> None:
    async with running_simulator(instances=0, connect_timeout_s=0.1) as simulator, raw_client(simulator) as client:
        await until(lambda: client.is_closed)
        assert client.close_code == 1005


async def test_a_client_that_joined_outlives_the_deadline() -> None:
    async with running_simulator(instances=0, connect_timeout_s=0.05, ping_interval_s=0.1) as simulator:
        add_instance(simulator, "alpha")
        async with raw_client(simulator) as client:
            await client.join("/")
            await client.frame(lambda frame: frame == "2")
            simulator.emit("alpha", "call", {})
            await until(client.events)


@pytest.mark.parametrize("frame", ["garbage", '42["x"', "49", "40/alpha,[1", '44{"message":"?"}'])
async def test_a_malformed_frame_ends_the_transport(simulator: Simulator, client: RawClient, frame: str) -> None:
    await client.join("/")
    await client.send(frame)
    await until(lambda: client.is_closed)
    assert client.close_code == 1005


async def test_client_events_are_recorded_and_never_acknowledged(simulator: Simulator, client: RawClient) -> None:
    await client.join("/")
    await client.send('421["sendNode",{"instanceId":"alpha","stanza":{}}]')
    await until(lambda: simulator.client_events)
    assert simulator.client_events == [("/", "sendNode")]
    assert not any(str(frame).startswith("43") for frame in client.frames)


async def test_the_stock_client_gets_binary_events_on_polling_and_websocket_alike(simulator: Simulator) -> None:
    got: dict[str, list[object]] = {"polling": [], "websocket": []}
    clients = []
    for transport, events in got.items():
        sio = socketio.AsyncClient(reconnection=False)
        sio.on("messages.upsert", lambda envelope, events=events: events.append(envelope["data"]))
        await sio.connect(simulator.url, transports=[transport])
        clients.append(sio)
    data = {"mediaKey": b"\x00\xff", "waveform": b"abc", "empty": {}}
    for _ in range(3):
        simulator.emit("alpha", "messages.upsert", data)
    await until(lambda: all(len(events) == 3 for events in got.values()))
    assert got["polling"] == got["websocket"] == [data] * 3
    for sio in clients:
        await sio.disconnect()


async def test_a_client_that_begins_with_polling_upgrades(simulator: Simulator) -> None:
    sio = socketio.AsyncClient(reconnection=False)
    got: list[object] = []
    sio.on("call", got.append)
    await sio.connect(simulator.url)
    await until(lambda: sio.transport() == "websocket")
    simulator.emit("alpha", "call", {"b": b"1"})
    await until(lambda: got)
    await sio.disconnect()
