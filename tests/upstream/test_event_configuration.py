"""What instances are set to send, kept against a simulator that somebody else changes too."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.rest_house import SERVER, RestHouse, rest_house
from tests.support.simulator import until

from ponteio.decode.event_presets import EVENT_NAMES, UNKNOWN_TO_MANAGER, choice_of
from ponteio.model import outcome
from ponteio.model.identity import Instance
from ponteio.model.instance_events import EventWish
from ponteio.model.outcome import RefusalError
from ponteio.tenancy.audit import AuditLog
from ponteio.tenancy.instance_events import InstanceEvents
from ponteio.upstream.event_configuration import DriftNews, EventConfiguration
from ponteio.upstream.evolution_answers import WebsocketSettings
from ponteio.upstream.pace import Pace

MINIMUM, ALL = choice_of("minimum", None), choice_of("all", None)
KEPT = choice_of("minimum", None, keep=True)
SAVED_IN_MANAGER = [name for name in EVENT_NAMES if name not in UNKNOWN_TO_MANAGER]


@dataclass
class Desk:
    """A configuration whose clock is moved by hand, and what it told."""

    house: RestHouse
    now: list[datetime] = field(default_factory=lambda: [datetime(2026, 11, 24, 12, tzinfo=UTC)])
    news: list[DriftNews] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wishes = InstanceEvents(self.house.database, lambda: self.now[0])
        self.audit = AuditLog(self.house.database)
        self.configuration = EventConfiguration(
            server_id=SERVER,
            api=self.house.api,
            directory=self.house.directory,
            wishes=self.wishes,
            audit=self.audit,
            global_mode=False,
            on_news=self.news.append,
            pace=Pace(500),
            clock=lambda: self.now[0],
        )

    def later(self, **time: float) -> datetime:
        self.now[0] += timedelta(**time)
        return self.now[0]

    def row(self, name: str = "loja-01") -> set[str]:
        found = self.house.simulator.instance(name).websocket
        assert found is not None
        return set(found.events)

    def change(self, events: list[str], *, enabled: bool = True, name: str = "loja-01") -> None:
        """Somebody else sets the list on Evolution."""
        found = self.house.simulator.instance(name).websocket
        assert found is not None
        found.enabled, found.events = enabled, events

    async def look_at_all(self) -> None:
        """What a round of the sync tells."""
        sightings = await self.house.api.fetch_instances()
        await self.configuration.heed(self.later(minutes=1), {it.name: it.websocket for it in sightings})

    async def wish(self, instance: Instance) -> EventWish:
        found = await self.wishes.get(instance)
        assert found is not None
        return found

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.news]

    async def mended(self, count: int) -> None:
        """Wait until so many words of mending were told, and nothing is being mended."""
        await until(lambda: len([kind for kind in self.kinds if kind != "drifted"]) >= count)
        await until(lambda: self.configuration._mender is None or self.configuration._mender.done())


async def test_drift_is_noticed_once_and_ends_by_itself(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=2, started=False) as house:
        await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], ALL)
        desk.change(SAVED_IN_MANAGER)
        await desk.look_at_all()
        assert (desk.kinds, (await desk.wish(one)).drift_since) == ([], None)  # it never was in force
        await desk.configuration.apply(one)
        assert desk.row() == set(EVENT_NAMES)

        desk.change(SAVED_IN_MANAGER)
        await desk.look_at_all()
        since = desk.now[0]
        await desk.look_at_all()
        assert (await desk.wish(one)).drift_since == since
        assert desk.kinds == ["drifted"]
        assert "saves only 26 of the 31 names" in desk.news[0].detail
        assert desk.row() == set(SAVED_IN_MANAGER)  # nobody asked to set it back

        desk.change(list(EVENT_NAMES))
        await desk.look_at_all()
        assert (await desk.wish(one)).drift_since is None


async def test_what_was_applied_meanwhile_is_not_judged_by_an_old_answer(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], MINIMUM)
        asked_at = desk.later(seconds=1)
        desk.later(seconds=1)
        await desk.configuration.apply(one)
        await desk.configuration.heed(asked_at, {"loja-01": WebsocketSettings(True, EVENT_NAMES)})
        assert desk.news == []
        await desk.configuration.heed(desk.later(seconds=1), {"loja-01": None, "unknown": None})
        assert desk.kinds == ["drifted"]


async def test_what_is_to_be_kept_is_set_back_until_it_is_a_fight(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        scope = await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], KEPT)
        await desk.look_at_all()
        assert desk.row() == set(EVENT_NAMES)  # choosing is not applying
        await desk.configuration.apply(one)
        for times in (1, 2, 3):
            desk.change([], enabled=False)
            await desk.look_at_all()
            await desk.mended(times)
            assert desk.row() == set(MINIMUM.events)
            assert desk.kinds[-1] == "mended"
        entries = await desk.audit.list(scope.organization_id, limit=10, action="instance_events.mended")
        assert [entry.actor.kind for entry in entries] == ["gateway"] * 3

        desk.change([], enabled=False)
        await desk.look_at_all()
        await desk.mended(4)
        await desk.look_at_all()
        await until(lambda: desk.configuration._mender is None or desk.configuration._mender.done())
        assert desk.kinds.count("mending_stopped") == 1
        assert desk.row() == set()
        codes = [remark.code for remark in (await desk.configuration.look(one)).remarks]
        assert codes == ["switched_off", "mending_stopped"]

        desk.later(hours=24)
        await desk.look_at_all()
        await desk.mended(5)
        assert desk.row() == set(MINIMUM.events)
        await desk.configuration.close()


async def test_what_cannot_be_set_back_is_told(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], KEPT)
        await desk.configuration.apply(one)
        house.simulator.chaos.rest_error = True
        await desk.configuration.heed(desk.later(minutes=1), {"loja-01": WebsocketSettings(False, ())})
        await desk.mended(1)
        assert desk.kinds == ["drifted", "mending_failed"]
        await desk.configuration.close()


async def test_another_owners_wish_is_nobodys(tmp_path: Path) -> None:
    """I4: neither drift nor mending outlives the owner who chose."""
    async with rest_house(tmp_path, instances=1, started=False) as house:
        await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], KEPT)
        await desk.configuration.apply(one)
        await house.directory.unassign("loja-01", server_id=SERVER)
        desk.change([], enabled=False)
        await desk.look_at_all()
        assert desk.news == []
        with pytest.raises(RefusalError) as caught:
            await desk.configuration.apply(house.instance("loja-01"))
        assert caught.value.outcome is outcome.NO_EVENTS_CHOSEN


async def test_what_evolution_no_longer_has_is_not_found(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, started=False) as house:
        await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], MINIMUM)
        house.simulator.world.remove("loja-01")
        for ask in (desk.configuration.look, desk.configuration.apply):
            with pytest.raises(RefusalError) as caught:
                await ask(one)
            assert caught.value.outcome is outcome.INSTANCE_NOT_FOUND
        assert await desk.configuration.plan_many([one], MINIMUM) == []


async def test_a_newer_evolution_keeps_its_names_for_who_wants_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = (*EVENT_NAMES, "MESSAGING_HISTORY_SET")
    for module in ("state", "population", "websocket_routes"):
        monkeypatch.setattr(f"ponteio.simulator.{module}.EVENT_NAMES", newer)
    async with rest_house(tmp_path, instances=1, started=False) as house:
        await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], ALL)
        assert not (await desk.configuration.apply(one)).changes
        assert "MESSAGING_HISTORY_SET" in desk.row()
        desk.change([])
        await desk.configuration.apply(one)
        assert desk.row() == set(newer)
        plan = await desk.configuration.plan(one, MINIMUM)
        assert "MESSAGING_HISTORY_SET" in plan.lost
        await desk.wishes.put([one], MINIMUM)
        await desk.configuration.apply(one)
        desk.change([*MINIMUM.events, "MESSAGING_HISTORY_SET"])
        view = await desk.configuration.look(one)
        assert [remark.code for remark in view.remarks] == ["newer_names"]


async def test_an_older_evolution_has_all_that_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = tuple(name for name in EVENT_NAMES if name != "CHATS_DELETE")
    for module in ("state", "population", "websocket_routes"):
        monkeypatch.setattr(f"ponteio.simulator.{module}.EVENT_NAMES", older)
    async with rest_house(tmp_path, instances=1, started=False) as house:
        await house.organization("acme", "loja-01")
        desk, one = Desk(house), house.instance("loja-01")
        await desk.wishes.put([one], ALL)
        await desk.configuration.apply(one)
        assert not (await desk.configuration.apply(one)).changes
        assert not (await desk.configuration.look(one)).difference
        await desk.wishes.put([one], choice_of(None, ["CHATS_DELETE"]))
        with pytest.raises(RefusalError) as caught:
            await desk.configuration.apply(one)
        assert caught.value.outcome is outcome.UPSTREAM_REFUSED


async def test_connecting_a_phone_switches_on_what_was_chosen(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, instance_events=False) as house:
        await house.organization("acme", "loja-01")
        await house.wishes.put([house.instance("loja-01")], MINIMUM)
        await house.control.connect("loja-01")
        row = house.simulator.instance("loja-01").websocket
        assert row is not None
        assert set(row.events) == set(MINIMUM.events)


async def test_instances_of_one_server_are_set_at_a_steady_pace(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=4, started=False) as house:
        await house.organization("acme", "loja-01", "loja-02", "loja-03", "loja-04")
        desk = Desk(house)
        desk.configuration._pace = Pace(20)
        instances = [house.instance(f"loja-0{number}") for number in (1, 2, 3, 4)]
        await desk.wishes.put(instances, MINIMUM)
        began = time.monotonic()
        for instance in instances:
            await desk.configuration.apply(instance)
        assert time.monotonic() - began >= 3 / 20
