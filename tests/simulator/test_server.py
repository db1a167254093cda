"""The simulator as a whole: start, stop, restart, freeze, drop."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from tests.support.simulator import QUICK, all_loaded, raw_client, running_simulator, until

from ponteio.simulator import Simulator, SimulatorOptions, run_simulator
from ponteio.simulator.server import SimulatorDownError, UnknownInstanceError


async def test_a_restart_drops_everybody_keeps_the_port_and_the_instances() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        await simulator.flood("loja-02", 3)
        port, token = simulator.port, simulator.instance("loja-02").token
        await simulator.restart(0)
        await until(lambda: client.is_closed)
        assert client.close_code == 1006
        assert simulator.port == port
        assert simulator.instance("loja-02").token == token
        assert len(simulator.instance("loja-02").messages) == 3


async def test_nothing_is_replayed_after_a_restart() -> None:
    async with running_simulator(instances=2) as simulator:
        async with raw_client(simulator) as client:
            await client.join()
            simulator.emit("loja-02", "call", {"n": 1})
        await simulator.restart(0)
        await all_loaded(simulator)
        async with raw_client(simulator) as client:
            await client.join()
            simulator.emit("loja-02", "call", {"n": 2})
            await until(client.events)
            assert [envelope["data"] for _, envelope in client.events()] == [{"n": 2}]


async def test_a_polling_reader_is_cut_too() -> None:
    async with running_simulator(instances=0) as simulator, aiohttp.ClientSession() as session:
        address = f"{simulator.url}/socket.io/?EIO=4&transport=polling"
        async with session.get(address) as answer:
            sid = (await answer.text()).split('"')[3]
        pending = asyncio.create_task(_get(session, f"{address}&sid={sid}"))
        await asyncio.sleep(0.02)
        await simulator.go_down()
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await pending


async def test_frozen_sockets_hear_nothing_not_even_pings_and_go_on_after_the_thaw() -> None:
    async with (
        running_simulator(instances=2, ping_interval_s=0.02, ping_timeout_s=5) as simulator,
        raw_client(simulator) as client,
    ):
        await client.join()
        await client.frame(lambda frame: frame == "2")
        simulator.freeze()
        # What was on its way when the freeze began may still come.
        await asyncio.sleep(0.02)
        heard = len(client.frames)
        simulator.emit("loja-02", "call", {})
        await asyncio.sleep(0.1)
        assert len(client.frames) == heard
        simulator.thaw()
        await until(client.events)
        await client.frame(lambda frame: frame == "2", after=heard)
        assert not client.is_closed


async def test_a_drop_cuts_without_a_close_frame_and_the_server_goes_on() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        assert simulator.drop() == 1
        await until(lambda: client.is_closed)
        assert client.close_code == 1006
        async with raw_client(simulator) as again:
            assert (await again.join()).startswith("40{")
        assert simulator.drop() == 0


async def test_refusing_keys_leaves_open_sockets_alone() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        simulator.refuse_key()
        simulator.emit("loja-02", "call", {})
        await until(client.events)


async def test_bare_frames_go_out_as_they_are() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        assert simulator.emit_raw(['2["messages.upsert","no envelope"]']) == 1
        assert simulator.emit_raw(['51-["e",{"_placeholder":true,"num":0}]', b"\x01"]) == 1
        assert simulator.emit_raw(["2[]"], "/nobody") == 0
        await until(lambda: len(client.events()) == 2)
        assert client.events() == [("messages.upsert", "no envelope"), ("e", b"\x01")]


async def test_stopping_twice_or_in_the_middle_of_a_restart_is_safe() -> None:
    simulator = Simulator(SimulatorOptions(**QUICK))
    await simulator.start()
    port = simulator.port
    simulator.restart_soon(5)
    await asyncio.sleep(0)
    await simulator.stop()
    await simulator.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert not simulator.is_up


async def test_coming_up_twice_is_once() -> None:
    async with running_simulator(instances=0) as simulator:
        await simulator.come_up()
        assert simulator.is_up


async def test_a_chosen_port_is_taken_and_given_back() -> None:
    async with running_simulator(instances=0) as simulator:
        port = simulator.port
    second = Simulator(SimulatorOptions(**QUICK))
    await second.start(port=port)
    assert second.url == f"http://127.0.0.1:{port}"
    await second.stop()


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
async def test_the_address_is_one_that_can_be_reached(host: str, address: str) -> None:
    simulator = Simulator(SimulatorOptions(**QUICK, instances=0))
    try:
        await simulator.start(host=host)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert simulator.url.startswith(address)
    async with aiohttp.ClientSession() as session, session.get(simulator.url) as answer:
        assert answer.status == 200
    await simulator.stop()


def test_what_is_unknown_or_not_started_says_so() -> None:
    simulator = Simulator(SimulatorOptions(instances=0))
    with pytest.raises(UnknownInstanceError, match="nobody"):
        simulator.instance("nobody")
    with pytest.raises(SimulatorDownError, match="not been started"):
        _ = simulator.url
    assert simulator.drop() == 0


async def test_it_runs_until_it_is_told_to_stop() -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    seen: list[Simulator] = []

    def note(simulator: Simulator) -> None:
        seen.append(simulator)
        ready.set()

    running = asyncio.create_task(run_simulator(SimulatorOptions(**QUICK), stop=stop, on_ready=note))
    await asyncio.wait_for(ready.wait(), 5)
    assert seen[0].is_up
    stop.set()
    await running
    assert not seen[0].is_up


async def _get(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        return await answer.text()
