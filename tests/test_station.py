"""One server's station: what it is built from, and what it knows of its key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.fleet_world import fleet_world
from tests.support.simulator import running_simulator

from ponteio.model.diagnosis import Asked, Verdict
from ponteio.model.instance_events import EventChoice
from ponteio.model.outcome import UPSTREAM_FAILED, RefusalError
from ponteio.station import Station, desired_events


async def test_a_station_serves_what_differs_in_its_label_alone(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        server = await world.server(simulator)
        station = Station(server, simulator.api_key, world.needs)
        assert station.serves(replace(server, label="x", key_mark="x", key_last4="abcd"), simulator.api_key)
        assert not station.serves(server, "another key of Evolution")
        for other in (
            replace(server, url="http://elsewhere.test"),
            replace(server, global_events=True),
            replace(server, allow_private=False),
        ):
            assert not station.serves(other, simulator.api_key)
        assert simulator.api_key not in repr(station)


async def test_its_key_is_never_forgotten_as_a_secret(tmp_path: Path) -> None:
    """I5: the key of every server is taken out of events."""
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        Station(await world.server(simulator), simulator.api_key, world.needs)
        for number in range(11_000):
            world.secrets.add(f"another token {number}")
        assert world.secrets.found_in(simulator.api_key.encode()) != ()


async def test_it_says_whether_its_key_is_one_that_everybody_knows(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        server = await world.server(simulator)
        assert Station(server, "429683C4C977415CAAFCCE10F7D57E11", world.needs).key_is_public
        assert not Station(server, simulator.api_key, world.needs).key_is_public


async def test_an_address_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        broken = replace(await world.server(simulator), url="http://[broken")
        with pytest.raises(ValueError, match=r"\w") as caught:
            Station(broken, simulator.api_key, world.needs)
        assert "broken" not in str(caught.value)


async def test_a_test_asks_a_server_that_the_rest_of_the_house_spares(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        station = Station(await world.server(simulator), simulator.api_key, world.needs)
        await simulator.go_down()
        for _ in range(6):
            with pytest.raises(RefusalError) as refused:
                await station.control.create(name="loja-99", integration="WHATSAPP-BAILEYS")
        assert "in a row" in refused.value.detail
        await simulator.restart(down_s=0)
        with pytest.raises(RefusalError):
            await station.control.create(name="loja-99", integration="WHATSAPP-BAILEYS")
        steps = {step.step: step.verdict for step in await station.diagnosis.run(Asked())}
        assert (steps["server"], steps["key"]) == (Verdict.OK, Verdict.OK)
        await station.close()


async def test_a_server_that_fails_proves_and_disproves_nothing(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        station = Station(await world.server(simulator), simulator.api_key, world.needs)
        simulator.chaos.rest_error = True
        with pytest.raises(RefusalError) as refused:
            await station.proved("loja-01", simulator.instance("loja-01").token or "")
        assert refused.value.outcome is UPSTREAM_FAILED


async def test_a_diagnosis_asks_for_what_was_wished(tmp_path: Path) -> None:
    async with fleet_world(tmp_path, starts=False) as world, running_simulator(instances=1) as simulator:
        server = await world.server(simulator)
        scope = await world.organization("acme")
        await world.give(scope, server, "loja-01")
        instance = world.directory.find(server.server_id, "loja-01")
        assert instance is not None
        desired = desired_events(world.needs.wishes)
        assert await desired(instance) is None
        await world.needs.wishes.put([instance], EventChoice(("CALL", "MESSAGES_UPSERT")))
        assert await desired(instance) == frozenset({"CALL", "MESSAGES_UPSERT"})
