"""Envelopes and surfaces: who gets an event, in which form and order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.simulator import QUICK, raw_client, running_simulator, until

from ponteio.simulator import Simulator, SimulatorOptions

MOMENT = datetime(2026, 11, 23, 14, 46, 13, 999_000, tzinfo=UTC)


async def test_the_envelopes_members_come_in_evolutions_order() -> None:
    async with running_simulator(instances=2, server_url="http://evo:8080") as simulator:
        for name in ("loja-01", "loja-02"):
            simulator.emit(name, "messages.set", [], isLatest=True, progress=42)
        baileys, evolution = [list(each.envelope) for each in simulator.emitted][-2:]
    core = ["event", "instance", "data", "server_url", "date_time"]
    assert baileys == ["isLatest", "progress", *core, "sender", "apikey"]
    assert evolution == ["isLatest", "progress", *core, "apikey"]


async def test_extras_cannot_override_the_core_members() -> None:
    async with running_simulator(instances=1) as simulator:
        simulator.emit("loja-01", "call", {}, instance="other", event="other")
        assert simulator.emitted[-1].envelope["instance"] == "loja-01"
        assert simulator.emitted[-1].envelope["event"] == "call"


async def test_date_time_is_the_local_wall_clock_with_a_false_z() -> None:
    simulator = Simulator(SimulatorOptions(**{**QUICK, "instances": 1}), clock=lambda: MOMENT)
    await simulator.start()
    simulator.emit("loja-01", "call", {})
    assert simulator.emitted[-1].envelope["date_time"] == "2026-11-23T11:46:13.999Z"
    await simulator.stop()


@pytest.mark.parametrize(
    ("options", "server_url", "exposed"),
    [({}, "http://127.0.0.1", True), ({"server_url": "", "expose_apikey": False}, None, False)],
)
async def test_the_server_url_may_be_left_out_and_the_apikey_be_null(
    options: dict[str, Any], server_url: str | None, exposed: bool
) -> None:
    async with running_simulator(instances=1, **options) as simulator:
        simulator.emit("loja-01", "call", {})
        envelope = simulator.emitted[-1].envelope
        assert ("server_url" in envelope) is (server_url is not None)
        assert envelope["apikey"] == (simulator.instance("loja-01").token if exposed else None)


async def test_an_instance_without_a_token_says_so_instead() -> None:
    async with running_simulator(instances=1) as simulator:
        simulator.instance("loja-01").token = None
        simulator.emit("loja-01", "call", {})
        assert simulator.emitted[-1].envelope["apikey"] == "Apikey not found"


async def test_sender_is_absent_until_the_session_opens_after_each_process_start() -> None:
    async with running_simulator(instances=1) as simulator:
        simulator.emit("loja-01", "call", {})
        assert simulator.emitted[-1].envelope["sender"] == "5511900000001@s.whatsapp.net"
        before = len(simulator.emitted)
        await simulator.restart(0)
        await until(lambda: len(simulator.emitted) == before + 2)
        connecting, opened = (each.envelope for each in list(simulator.emitted)[-2:])
        assert (connecting["data"]["state"], opened["data"]["state"]) == ("connecting", "open")
        assert "sender" not in connecting
        assert opened["sender"] == "5511900000001@s.whatsapp.net"


async def test_global_mode_ignores_every_filter() -> None:
    async with running_simulator(instances=2, instance_events=False) as simulator, raw_client(simulator) as client:
        await client.join()
        simulator.emit("loja-01", "groups.update", [])
        simulator.emit("loja-02", "whatever.else", None)
        await until(lambda: len(client.events()) == 2)
        assert simulator.stats()["loja-02"] == {"whatever.else": {"root": 1}}


async def test_without_global_mode_root_joins_and_stays_silent() -> None:
    async with running_simulator(instances=2, global_events=False) as simulator, raw_client(simulator) as client:
        assert (await client.join()).startswith("40{")
        simulator.emit("loja-02", "call", {"n": 1})
        await until(lambda: simulator.emitted[-1].made_namespace)
        await client.join("/loja-02")
        simulator.emit("loja-02", "call", {"n": 2})
        simulator.emit("loja-02", "groups.update", [])
        await until(lambda: client.events("/loja-02"))
        assert client.events() == []
        assert simulator.stats()["loja-02"] == {"call": {"namespace": 2}, "groups.update": {"nowhere": 1}}


async def test_a_namespace_orders_close_events_differently_from_root() -> None:
    async with running_simulator(instances=2, namespace_jitter_s=0.02) as simulator, raw_client(simulator) as client:
        simulator.emit("loja-02", "call", {"n": -1})
        await until(lambda: simulator.emitted[-1].made_namespace)
        await client.join("/")
        await client.join("/loja-02")
        for number in range(40):
            simulator.emit("loja-02", "call", {"n": number})
        await until(lambda: len(client.events("/loja-02")) == 40)
        root, copy = ([envelope["data"]["n"] for _, envelope in client.events(where)] for where in ("/", "/loja-02"))
        assert root == list(range(40))
        assert copy != root
        assert sorted(copy) == root


async def test_the_record_tells_how_many_could_hear() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        simulator.emit("loja-02", "call", {})
        await until(lambda: simulator.emitted[-1].namespace_recipients is not None)
        record = simulator.emitted[-1]
        assert (record.root_recipients, record.namespace_recipients, record.made_namespace) == (1, 0, True)
        assert str(simulator.instance("loja-02").token) not in repr(record)


async def test_doubled_events_are_byte_identical() -> None:
    async with running_simulator(instances=2) as simulator, raw_client(simulator) as client:
        await client.join()
        simulator.emission.duplicate = True
        simulator.emit("loja-02", "call", {})
        await until(lambda: len(client.events()) == 2)
        first, second = [frame for frame in client.frames if str(frame).startswith("42")]
        assert first == second


async def test_the_record_is_bounded() -> None:
    async with running_simulator(instances=2, emitted_limit=3) as simulator:
        await simulator.flood("loja-02", 10)
        assert len(simulator.emitted) == 3
        assert simulator.stats()["loja-02"]["messages.upsert"]["root"] == 10
