"""WhatsApp sessions: what is told of their life, and what never is."""

from __future__ import annotations

import pytest
from tests.support.simulator import all_loaded, running_simulator, until

from ponteio.simulator import Simulator
from ponteio.simulator.sessions import InstanceNotReadyError


def states(simulator: Simulator) -> list[str]:
    return [each.envelope["data"]["state"] for each in simulator.emitted if each.event == "connection.update"]


async def test_paired_phones_open_by_themselves_at_a_start_and_make_their_namespaces() -> None:
    async with running_simulator(instances=1) as simulator:
        assert states(simulator) == ["connecting", "open"]
        await until(lambda: "/loja-01" in simulator.summary()["namespaces"])


async def test_an_outage_of_the_phone_is_seen_as_connecting_only() -> None:
    async with running_simulator(instances=1) as simulator:
        await simulator.interrupt("loja-01")
        assert states(simulator) == ["connecting", "open", "connecting", "open"]


async def test_during_an_outage_memory_says_close_and_the_database_open() -> None:
    async with running_simulator(instances=1) as simulator:
        instance = simulator.instance("loja-01")
        simulator.sessions.tasks.start("outage", simulator.interrupt("loja-01", for_s=5))
        await until(lambda: instance.memory is not None and instance.memory.state == "close")
        assert instance.db_state == "open"


async def test_nobody_scanning_ends_in_refused() -> None:
    async with running_simulator(instances=0, qr_interval_s=0, qr_limit=3, qr_delay_s=0) as simulator:
        instance = simulator.maker.make("wa", "WHATSAPP-BAILEYS")
        simulator.world.add(instance)
        simulator.sessions.load(instance)
        simulator.bulk_connect()
        await until(lambda: "refused" in states(simulator))
        events = [each for each in simulator.emitted if each.event == "qrcode.updated"]
        assert len(events) == 4
        assert len({each.envelope["data"]["qrcode"]["code"] for each in events[:3]}) == 3
        assert events[3].envelope["data"]["statusCode"] == 500
        assert instance.memory is not None
        assert (instance.memory.state, instance.db_state) == ("close", "close")


async def test_there_is_nothing_to_scan_on_an_open_instance() -> None:
    async with running_simulator(instances=1) as simulator:
        with pytest.raises(InstanceNotReadyError, match="no QR code"):
            await simulator.scan("loja-01")


async def test_an_instance_that_is_not_loaded_cannot_lose_its_phone() -> None:
    async with running_simulator(instances=1, load_s=9, loaded=False) as simulator:
        with pytest.raises(InstanceNotReadyError, match="not loaded"):
            await simulator.interrupt("loja-01")


async def test_bulk_connect_opens_every_phone_at_once() -> None:
    async with running_simulator(instances=8) as simulator:
        before = len(states(simulator))
        simulator.bulk_connect()
        await until(lambda: len(states(simulator)) == before + 8)
        await all_loaded(simulator)
        assert states(simulator)[before:].count("open") == 4


async def test_a_process_that_dies_while_a_phone_connects_leaves_the_next_life_alone() -> None:
    async with running_simulator(instances=1, reconnect_s=0.02) as simulator:
        simulator.bulk_connect()
        await until(lambda: states(simulator)[-1] == "connecting")
        await simulator.restart(0)
        await all_loaded(simulator)
        assert states(simulator) == ["connecting", "open", "connecting", "connecting", "open"]


async def test_a_connection_that_was_being_made_is_made_again_after_a_restart() -> None:
    async with running_simulator(instances=0) as simulator:
        instance = simulator.maker.make("wa", "WHATSAPP-BAILEYS")
        simulator.world.add(instance)
        simulator.sessions.load(instance)
        simulator.bulk_connect()
        await until(lambda: instance.db_state == "connecting")
        before = len(simulator.emitted)
        await simulator.restart(0)
        await until(lambda: len(simulator.emitted) == before + 2)
        assert [each.event for each in list(simulator.emitted)[before:]] == ["connection.update", "qrcode.updated"]
