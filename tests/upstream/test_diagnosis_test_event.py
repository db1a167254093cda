"""The test event: only where it can reach nobody else, and measured to the log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.diagnosis_rig import Given, always, answering, diagnose, diagnosed_house, said
from tests.support.rest_house import RestHouse

from ponteio.model.diagnosis import Asked
from ponteio.model.link import LinkState
from ponteio.upstream import diagnosis_test_event as test_event
from ponteio.upstream.diagnosis_rest import InstanceRow
from ponteio.upstream.diagnosis_walk import TestEvent

EVOLUTION = "loja-02"


@pytest.fixture(autouse=True)
def _patience_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_event, "LIMIT_S", 0.5)
    monkeypatch.setattr("ponteio.upstream.diagnosis_events.LISTEN_S", 0.05)


async def round_trip(house: RestHouse, name: str = EVOLUTION, **changes: Any) -> str:
    seen = await diagnose(house, asked=Asked(name, [], round_trip=True), **changes)
    return seen.verdicts()["round_trip"]


@pytest.mark.parametrize("global_events", [False, True])
async def test_it_comes_back(global_events: bool, tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False, global_events=global_events) as house:
        house.simulator.emit(EVOLUTION, "chats.update", [])
        assert await round_trip(house, has_gateway=False, status_of=None) == "ok:heard"
        message = house.simulator.instance(EVOLUTION).messages[-1].data
        assert message["message"] == {"conversation": test_event.TEXT}


async def test_it_proves_the_mode_too(tmp_path: Path) -> None:
    """Where nothing else happens, the test event is what shows whether Evolution is in global mode."""
    async with diagnosed_house(tmp_path, started=False, global_events=False) as house:
        house.simulator.emit(EVOLUTION, "chats.update", [])
        asked = Asked(EVOLUTION, [], round_trip=True)
        seen = await diagnose(house, asked=asked, global_events=True, status_of=None, has_gateway=False)
        assert seen.verdicts()["global_mode"] == "fail:off"


async def test_a_namespace_that_it_makes_is_not_heard_yet(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        assert await round_trip(house, has_gateway=False, status_of=None) == "skipped:pending"


@pytest.mark.parametrize(("stored", "expected"), [(True, "ok:stored"), (False, "fail:heard_only")])
async def test_with_a_gateway_it_counts_once_it_is_in_the_log(stored: bool, expected: str, tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path) as house:
        await house.organization("acme", EVOLUTION)
        house.simulator.emit(EVOLUTION, "chats.update", [])
        await house.link_is(LinkState.CONNECTED, EVOLUTION)
        assert await round_trip(house, records=Given(stored=stored)) == expected


async def test_a_slow_way_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_event, "SLOW_MS", 0)
    async with diagnosed_house(tmp_path, started=False) as house:
        assert await round_trip(house, records=Given(stored=True)) == "warn:slow"


async def test_other_kinds_and_shared_numbers_get_none(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        assert await round_trip(house, "loja-01") == "skipped:not_possible"
        house.simulator.instance("loja-03").number = house.simulator.instance(EVOLUTION).number
        assert await round_trip(house) == "skipped:shared_number"
        house.simulator.instance(EVOLUTION).number = None
        assert await round_trip(house) == "skipped:shared_number"
        assert not house.simulator.instance(EVOLUTION).messages


async def test_it_is_lost_when_the_instance_sends_no_events(tmp_path: Path) -> None:
    async with diagnosed_house(tmp_path, started=False) as house:
        house.simulator.emit(EVOLUTION, "chats.update", [])
        await asyncio.sleep(0.05)
        await house.api.set_websocket(EVOLUTION, enabled=True, events=["CALL"])
        assert await round_trip(house, has_gateway=False, status_of=None) == "fail:lost"


@pytest.mark.parametrize("event", [None, TestEvent("M", 0.0, 500)])
async def test_what_evolution_does_not_take_is_said(event: TestEvent | None) -> None:
    async with answering(always(200)) as walk:
        walk.asked = Asked("a", [], round_trip=True)
        walk.test_event = event
        assert said(await test_event.round_trip(walk)) == "fail:refused"


async def test_a_call_that_breaks_is_no_exception() -> None:
    import httpx2

    def broken(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("x")

    async with answering(broken) as walk:
        walk.asked = Asked("a", [], round_trip=True)
        walk.row = InstanceRow("a", "EVOLUTION", "5511", None)
        await test_event.send_test_event(walk)
        assert said(await test_event.round_trip(walk)) == "fail:refused"
