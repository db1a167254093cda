"""The rooms beside this one fit the Protocols that the routes know them by."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from tests.support.rest_client import rest_desk

from ponteio.api.services import ApiServices, Control, Diagnosis, Links, LiveStats
from ponteio.api.services import Fleet as FleetRoom
from ponteio.fleet import Fleet
from ponteio.live.edge import LiveEdge
from ponteio.upstream.diagnosis import Diagnosis as DiagnosisRoom
from ponteio.upstream.evolution_websocket import EvolutionWebSocket
from ponteio.upstream.instance_control import InstanceControl


def _calls(kind: type) -> dict[str, list[str]]:
    return {
        name: list(inspect.signature(member).parameters)
        for name, member in vars(kind).items()
        if not name.startswith("_") and inspect.isfunction(member)
    }


@pytest.mark.parametrize(
    ("protocol", "room"),
    [
        (Links, EvolutionWebSocket),
        (Control, InstanceControl),
        (Diagnosis, DiagnosisRoom),
        (LiveStats, LiveEdge),
        (FleetRoom, Fleet),
    ],
)
def test_a_room_has_every_call_that_the_routes_make(protocol: type, room: type) -> None:
    offered = _calls(room)
    for name, parameters in _calls(protocol).items():
        assert offered[name] == parameters, name


async def test_services_are_fixed_once_they_are_handed_over(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for each in fields(ApiServices):
            with pytest.raises(FrozenInstanceError):
                setattr(desk.services, each.name, None)
