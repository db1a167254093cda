"""Runs against real databases and simulators: to the end, over a death, past a server that does not answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.house import holds
from tests.support.house import house as a_house
from tests.support.rest_house import RestHouse, rest_house
from tests.support.simulator import running_simulator, until

from ponteio.decode.event_presets import choice_of
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.instance_events import ItemState, RunItem, RunState
from ponteio.model.outcome import SERVER_NOT_FOUND, UPSTREAM_TIMEOUT, RefusalError
from ponteio.storage.errors import StorageUnavailableError
from ponteio.tenancy.event_runs import EventRuns
from ponteio.upstream.event_configuration import EventPlan
from ponteio.upstream.event_runner import PATIENCE, Configuration, EventRunner

MINIMUM = choice_of("minimum", None)
NAMES = [f"loja-0{number}" for number in (1, 2, 3, 4)]


async def no_sleep(_seconds: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def running(house: RestHouse, runs: EventRuns, of: Callable[[str], Configuration]) -> AsyncIterator[EventRunner]:
    runner = EventRunner(runs, house.directory, of, look_s=0.02, sleep=no_sleep)
    work = asyncio.ensure_future(runner.run())
    try:
        yield runner
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def begun(house: RestHouse, runs: EventRuns) -> tuple[OrganizationScope, str]:
    """A run over all four instances of an organization."""
    scope = await house.organization("acme", *NAMES)
    instances = [house.instance(name) for name in NAMES]
    await house.wishes.put(instances, MINIMUM)
    return scope, await runs.create(scope.organization_id, instances, MINIMUM)


async def ended(runs: EventRuns, scope: OrganizationScope, run_id: str) -> list[RunItem]:
    """The instances of the run, once it is over."""
    async with asyncio.timeout(10):
        while True:
            run = await runs.get(scope, run_id)
            assert run is not None
            if run.state is not RunState.RUNNING:
                return await runs.items(scope, run_id, 100)
            await asyncio.sleep(0.01)


class Dying:
    """A configuration of which the process dies after some instances."""

    def __init__(self, inner: Configuration, lives: int) -> None:
        self._inner, self._lives = inner, lives
        self.is_dead = asyncio.Event()

    async def apply(self, instance: Instance) -> EventPlan:
        if not self._lives:
            self.is_dead.set()
            await asyncio.Event().wait()
        self._lives -= 1
        return await self._inner.apply(instance)


class Silent:
    """A server that does not answer."""

    def __init__(self) -> None:
        self.asked = 0

    async def apply(self, _instance: Instance) -> EventPlan:
        self.asked += 1
        raise RefusalError(UPSTREAM_TIMEOUT)


async def test_the_next_process_goes_on_where_the_last_one_died(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=4, started=False) as house:
        runs = EventRuns(house.database)
        scope, run_id = await begun(house, runs)
        dying = Dying(house.configuration, 2)
        async with running(house, runs, lambda _server: dying):
            await dying.is_dead.wait()
        run = await runs.get(scope, run_id)
        assert run is not None
        assert run.counts == {ItemState.APPLIED: 2, ItemState.PENDING: 2}
        async with running(house, EventRuns(house.database), lambda _server: house.configuration):
            items = await ended(runs, scope, run_id)
        assert [item.state for item in items] == [ItemState.APPLIED] * 4


async def test_a_silent_server_is_not_waited_for_again_and_again(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=4, started=False) as house:
        runs, silent = EventRuns(house.database), Silent()
        scope, run_id = await begun(house, runs)
        async with running(house, runs, lambda _server: silent):
            items = await ended(runs, scope, run_id)
        assert {(item.state, item.code) for item in items} == {(ItemState.FAILED, "upstream_timeout")}
        assert silent.asked == PATIENCE + len(NAMES)


async def test_a_run_made_while_waiting_is_begun_at_once(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=4, started=False) as house:
        runs = EventRuns(house.database)
        runner = EventRunner(runs, house.directory, lambda _server: house.configuration, look_s=600)
        work = asyncio.ensure_future(runner.run())
        await until(lambda: not runner._asked.is_set())
        await asyncio.sleep(0.05)
        scope, run_id = await begun(house, runs)
        assert {item.state for item in await ended(runs, scope, run_id)} == {ItemState.APPLIED}
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_what_changed_meanwhile_fails_with_its_reason(tmp_path: Path) -> None:
    """I4: an instance that has another owner by now is not touched, nor is anything of a disabled organization."""
    async with rest_house(tmp_path, instances=4, started=False) as house:
        runs = EventRuns(house.database)
        scope, run_id = await begun(house, runs)
        await house.directory.unassign("loja-01", server_id="main")
        await house.wishes.forget(house.instance("loja-02"))
        async with running(house, runs, lambda _server: house.configuration):
            items = await ended(runs, scope, run_id)
        assert [item.code for item in items] == ["instance_not_found", "no_events_chosen", None, None]

        again = await runs.create(scope.organization_id, [house.instance("loja-03")], MINIMUM)
        await house.directory.set_disabled(scope.organization_id, True)
        async with running(house, runs, lambda _server: house.configuration):
            items = await ended(runs, scope, again)
        assert [item.code for item in items] == ["organization_disabled"]


async def test_a_server_that_is_gone_fails_its_instances(tmp_path: Path) -> None:
    def nobody(_server: str) -> Configuration:
        raise RefusalError(SERVER_NOT_FOUND)

    async with rest_house(tmp_path, instances=4, started=False) as house:
        runs = EventRuns(house.database)
        scope, run_id = await begun(house, runs)
        async with running(house, runs, nobody):
            assert {item.code for item in await ended(runs, scope, run_id)} == {"server_not_found"}


async def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    class Away(EventRuns):
        troubles = 3

        async def pending(self, limit: int):  # type: ignore[no-untyped-def]
            if self.troubles > 2:
                self.troubles -= 1
                raise StorageUnavailableError("away")
            return await super().pending(limit)

        async def settle(self, run, item):  # type: ignore[no-untyped-def]
            if self.troubles:
                self.troubles -= 1
                raise StorageUnavailableError("away")
            await super().settle(run, item)

    async with rest_house(tmp_path, instances=4, started=False) as house:
        runs = Away(house.database)
        scope, run_id = await begun(house, runs)
        async with running(house, runs, lambda _server: house.configuration):
            items = await ended(runs, scope, run_id)
        # What was applied and not written down is found to be so already.
        assert {item.state for item in items} <= {ItemState.APPLIED, ItemState.UNCHANGED}


async def test_a_house_that_is_killed_in_the_middle_of_a_run_ends_it_when_it_is_back(tmp_path: Path) -> None:
    names = [f"loja-0{number}" for number in range(1, 7)]
    database = f"sqlite:///{tmp_path / 'house.db'}"
    async with (
        running_simulator(instances=6) as simulator,
        a_house(
            tmp_path, database, url=simulator.url, key=simulator.api_key, global_events=False, in_process=False
        ) as house,
    ):
        await house.start()
        ours, operator = await house.tenant("Ours", *names), await house.operator()
        await house.knows(operator, *names)

        async def is_ours() -> bool:
            return len((await house.get("instances", ours.key))["instances"]) == len(names)

        await holds("the gateway knows whose they are", is_ours)
        run = (await house.post("instance-events/runs", ours.key, {"preset": "minimum"}))["run"]

        def applied() -> int:
            rows = [simulator.instance(name).websocket for name in names]
            return sum(row is not None and set(row.events) == set(MINIMUM.events) for row in rows)

        await until(lambda: applied() >= 2)
        await house.kill()
        assert applied() < len(names)
        await house.start()
        await until(lambda: applied() == len(names), timeout_s=20)

        async def is_done() -> bool:
            shown = await house.get(f"instance-events/runs/{run['id']}", ours.key)
            return bool(shown["state"] == "done" and shown["counts"]["applied"] + shown["counts"]["unchanged"] == 6)

        await holds("the run is over", is_done)
