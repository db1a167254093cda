from __future__ import annotations

from ponteio.simulator import Simulator, SimulatorOptions
from ponteio.simulator.population import chosen_events
from ponteio.simulator.state import EVENT_NAMES


def test_the_invented_set_is_mixed_and_the_same_for_the_same_seed() -> None:
    one, two = (Simulator(SimulatorOptions(seed=5, instances=6)) for _ in range(2))
    rows = [[(each.name, each.integration, each.token, each.instance_id) for each in sim.world] for sim in (one, two)]
    assert rows[0] == rows[1]
    assert [row[0] for row in rows[0]] == [f"loja-0{number}" for number in range(1, 7)]
    assert {row[1] for row in rows[0]} == {"EVOLUTION", "WHATSAPP-BAILEYS", "WHATSAPP-BUSINESS"}
    assert len({row[2] for row in rows[0]}) == 6
    assert one.api_key == two.api_key
    assert one.api_key not in {row[2] for row in rows[0]}


def test_another_seed_gives_other_keys() -> None:
    one, two = (Simulator(SimulatorOptions(seed=seed)) for seed in (1, 2))
    assert one.api_key != two.api_key
    assert one.instance("loja-01").token != two.instance("loja-01").token


def test_numbers_are_distinct_and_baileys_phones_are_paired() -> None:
    simulator = Simulator(SimulatorOptions(instances=8))
    assert len({each.number for each in simulator.world}) == 8
    for each in simulator.world:
        assert each.is_paired is each.is_baileys
        assert each.db_state == "open"


def test_the_websocket_of_invented_instances_may_be_never_set() -> None:
    simulator = Simulator(SimulatorOptions(instance_events=False))
    assert all(each.websocket is None for each in simulator.world)


def test_evolution_stores_all_for_an_empty_list_and_none_for_disabled() -> None:
    assert chosen_events(True, []) == list(EVENT_NAMES)
    assert chosen_events(True, ["CALL"]) == ["CALL"]
    assert chosen_events(False, ["CALL"]) == []
    assert len(EVENT_NAMES) == 31
