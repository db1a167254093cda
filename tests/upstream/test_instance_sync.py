"""The sync against the simulator over real HTTP, with a real directory on SQLite."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.simulator import running_simulator, until

from ponteio.model import outcome
from ponteio.model.identity import Instance, InstanceChange, InstanceState
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.outbound.http_client import HttpOptions
from ponteio.simulator import Simulator
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageUnavailableError
from ponteio.tenancy.directory import Directory
from ponteio.upstream.evolution_answers import Sighting, WebsocketSettings
from ponteio.upstream.evolution_api import EvolutionApi
from ponteio.upstream.instance_sync import InstanceSync, settled_state, states_to_confirm

SERVER = "main"
OPEN, CLOSE, CONNECTING = InstanceState.OPEN, InstanceState.CLOSE, InstanceState.CONNECTING


@dataclass
class Bench:
    """A sync with what is around it."""

    simulator: Simulator
    directory: Directory
    api: EvolutionApi
    sync: InstanceSync
    counters: Counters
    told: list[Instance] = field(default_factory=list)

    def state(self, name: str) -> InstanceState:
        found = self.directory.find(SERVER, name)
        assert found is not None
        return found.state


async def directory_on(database: Database) -> Directory:
    directory = Directory(database)
    await directory.ensure_server(SERVER, "http://127.0.0.1")
    await directory.load()
    return directory


@pytest.fixture
async def bench(sqlite_database: Database) -> AsyncIterator[Bench]:
    directory = await directory_on(sqlite_database)
    counters = Counters()
    told: list[Instance] = []
    async with running_simulator(instances=3) as simulator:
        api = EvolutionApi(simulator.url, simulator.api_key)
        sync = InstanceSync(
            server_id=SERVER,
            api=api,
            directory=directory,
            counters=counters,
            on_instances=told.extend,
            interval_s=0.05,
            rng=random.Random(1),
        )
        yield Bench(simulator, directory, api, sync, counters, told)
        await sync.stop()
        await api.close()


async def test_what_evolution_has_is_known_after_one_round(bench: Bench) -> None:
    changed = await bench.sync.sync_once()
    assert {one.name for one in changed} == {each.name for each in bench.simulator.world}
    assert all(one.organization_id is None for one in changed)
    assert all(one.upstream_id and one.integration for one in changed)
    assert await bench.sync.sync_once() == []


async def test_the_state_comes_from_memory_where_the_database_is_stale(bench: Bench) -> None:
    """EVOLUTION logs out in memory only: its database says open for ever, and no event tells."""
    await bench.sync.sync_once()
    wired = next(each for each in bench.simulator.world if each.integration == "EVOLUTION")
    assert bench.state(wired.name) is OPEN
    await bench.api.logout(wired.name)
    assert wired.db_state == "open"
    changed = await bench.sync.sync_once()
    assert [(one.name, one.state) for one in changed] == [(wired.name, CLOSE)]
    assert await bench.sync.sync_once() == []


async def test_a_state_that_evolution_has_not_loaded_leaves_ours(bench: Bench) -> None:
    await bench.sync.sync_once()
    name = next(each.name for each in bench.simulator.world)
    bench.simulator.instance(name).unload()
    assert await bench.sync.sync_once() == []
    assert bench.state(name) is OPEN


async def test_an_instance_that_vanished_is_removed_and_comes_back_as_itself(bench: Bench) -> None:
    await bench.sync.sync_once()
    gone = next(each for each in bench.simulator.world)
    bench.simulator.world.remove(gone.name)
    changed = await bench.sync.sync_once()
    assert [one.name for one in changed] == [gone.name]
    assert changed[0].removed_at is not None
    assert await bench.sync.sync_once() == []
    bench.simulator.world.add(gone)
    (back,) = await bench.sync.sync_once()
    assert back.removed_at is None


async def test_an_instance_missing_from_the_list_is_kept_while_evolution_still_answers_for_it(bench: Bench) -> None:
    """A restored or swapped database must not take everybody's instances away in one round."""
    await bench.sync.sync_once()
    known = bench.directory.all_instances()

    def partial(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/instance/fetchInstances":
            return httpx2.Response(200, json=[])
        return httpx2.Response(200, json={"instance": {"state": "open"}})

    await _with(bench, partial).sync_once()
    assert bench.directory.all_instances() == known


async def test_a_404_of_something_else_removes_nothing(bench: Bench) -> None:
    await bench.sync.sync_once()

    def stranger(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/instance/fetchInstances":
            return httpx2.Response(200, json=[])
        return httpx2.Response(404, json={"detail": "Not Found"})

    assert await _with(bench, stranger).sync_once() == []


async def test_an_event_that_came_in_the_meantime_wins(bench: Bench) -> None:
    await bench.sync.sync_once()
    name = next(each.name for each in bench.simulator.world)
    upstream_id = bench.simulator.instance(name).instance_id

    async def slow(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/instance/fetchInstances":
            return httpx2.Response(200, json=[{"name": name, "id": upstream_id, "connectionStatus": "close"}])
        await bench.directory.note(SERVER, name, InstanceChange(state=CONNECTING))
        return httpx2.Response(200, json={"instance": {"state": "close"}})

    await _with(bench, slow).sync_once()
    assert bench.state(name) is CONNECTING


async def test_what_each_instance_is_set_to_send_is_told_after_the_round(bench: Bench) -> None:
    heard: list[tuple[datetime, dict[str, bool]]] = []
    answer: list[Exception] = []

    async def heed(asked_at: datetime, listed: Mapping[str, WebsocketSettings | None]) -> None:
        heard.append((asked_at, {name: settings is not None for name, settings in listed.items()}))
        if answer:
            raise answer.pop()

    bench.simulator.instance("loja-01").websocket = None
    bench.sync._on_settings = heed
    began_at = utc_now()
    assert await bench.sync.sync_once()
    ((asked_at, listed),) = heard
    assert began_at <= asked_at <= utc_now()
    assert listed == {"loja-01": False, "loja-02": True, "loja-03": True}
    # What cannot be written down about that spoils no round.
    answer.append(StorageUnavailableError("away"))
    assert await bench.sync.sync_once() == []
    assert len(heard) == 2


async def test_the_loop_begins_at_once_and_goes_on(bench: Bench) -> None:
    await bench.sync.start()
    await until(lambda: len(bench.told) == 3)
    name = next(each.name for each in bench.simulator.world if each.integration == "EVOLUTION")
    await bench.api.logout(name)
    await until(lambda: bench.state(name) is CLOSE)


async def test_failures_are_counted_and_never_fatal(bench: Bench) -> None:
    bench.simulator.refuse_key()
    await bench.sync.start()
    await until(lambda: bench.counters.total("instance_sync_failures") >= 2)
    bench.simulator.refuse_key(False)
    await until(lambda: bench.counters.total("instance_syncs") >= 1)
    assert len(bench.told) == 3


async def test_a_fault_of_our_own_is_not_fatal_either(bench: Bench) -> None:
    calls = 0

    def broken(_changed: Sequence[Instance]) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("boom")

    sync = InstanceSync(
        server_id=SERVER,
        api=bench.api,
        directory=bench.directory,
        counters=bench.counters,
        on_instances=broken,
        interval_s=0.01,
    )
    await sync.start()
    await until(lambda: calls == 1 and bench.counters.total("instance_syncs") >= 2)
    await sync.stop()


async def test_a_request_starts_a_round_before_its_time(bench: Bench) -> None:
    sync = InstanceSync(
        server_id=SERVER,
        api=bench.api,
        directory=bench.directory,
        counters=bench.counters,
        on_instances=bench.told.extend,
        interval_s=3600,
        min_pause_s=0.0,
    )
    await sync.start()
    await until(lambda: bench.counters.total("instance_syncs") == 1)
    sync.request()
    await until(lambda: bench.counters.total("instance_syncs") == 2)
    await sync.stop()
    await sync.stop()


async def test_an_unreachable_evolution_raises_its_name(bench: Bench) -> None:
    await bench.simulator.go_down()
    with pytest.raises(RefusalError) as caught:
        await bench.sync.sync_once()
    assert caught.value.outcome is outcome.UPSTREAM_UNREACHABLE
    await bench.simulator.come_up()


async def test_a_state_that_cannot_be_asked_for_leaves_the_round_whole(bench: Bench) -> None:
    def half(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/instance/fetchInstances":
            return httpx2.Response(200, json=[{"name": "a", "id": "1", "connectionStatus": "open"}])
        return httpx2.Response(502)

    (made,) = await _with(bench, half).sync_once()
    assert (made.name, made.state) == ("a", InstanceState.UNKNOWN)


async def test_a_server_that_goes_away_in_the_middle_leaves_what_is_known(bench: Bench) -> None:
    await bench.sync.sync_once()

    def leaving(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/instance/fetchInstances":
            return httpx2.Response(200, json=[])
        raise httpx2.ConnectError("gone")

    assert await _with(bench, leaving).sync_once() == []


async def test_a_database_that_refuses_is_one_more_failure(bench: Bench, sqlite_database: Database) -> None:
    async with sqlite_database.write() as connection:
        await connection.exec_driver_sql("DROP TABLE instances")
    await bench.sync.start()
    await until(lambda: bench.counters.total("instance_sync_failures") >= 1)


def _with(bench: Bench, answer: object) -> InstanceSync:
    options = HttpOptions(transport=httpx2.MockTransport(answer))  # type: ignore[arg-type]
    return InstanceSync(
        server_id=SERVER,
        api=EvolutionApi("http://evolution", "key", options=options),
        directory=bench.directory,
        counters=bench.counters,
        on_instances=bench.told.extend,
    )


def _ours(name: str, state: InstanceState, *, removed: bool = False) -> Instance:
    removed_at = datetime(2026, 1, 1, tzinfo=UTC) if removed else None
    return Instance(name, SERVER, name, state=state, removed_at=removed_at)


def _listed(name: str, state: InstanceState | None) -> Sighting:
    return Sighting(name, InstanceChange(state=state))


def test_states_that_differ_are_asked_for_first() -> None:
    known = {
        "same": _ours("same", OPEN),
        "closed": _ours("closed", CLOSE),
        "differs": _ours("differs", CONNECTING),
        "back": _ours("back", OPEN, removed=True),
    }
    listed = [_listed(name, OPEN) for name in ("same", "differs", "new", "back")] + [_listed("closed", CLOSE)]
    assert states_to_confirm(listed, known, 10, 0) == ["differs", "new", "back", "same"]
    assert states_to_confirm(listed, known, 3, 0) == ["differs", "new", "back"]
    assert states_to_confirm(listed, known, 0, 7) == []


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 10))
def test_everybody_gets_a_turn(differing: int, quiet: int, limit: int) -> None:
    known = {f"q{number}": _ours(f"q{number}", OPEN) for number in range(quiet)}
    listed = [_listed(name, OPEN) for name in known] + [_listed(f"d{number}", OPEN) for number in range(differing)]
    rounds = [states_to_confirm(listed, known, limit, turn) for turn in range(80)]
    assert all(len(asked) == min(limit, len(listed)) == len(set(asked)) for asked in rounds)
    asked_for = {name for asked in rounds for name in asked}
    assert {f"d{number}" for number in range(differing)} <= asked_for
    if limit > differing:
        assert set(known) <= asked_for


@pytest.mark.parametrize(
    ("known", "listed", "confirmed", "expected"),
    [
        (None, OPEN, None, OPEN),
        (InstanceState.UNKNOWN, CLOSE, None, CLOSE),
        (CONNECTING, OPEN, None, None),
        (OPEN, OPEN, CLOSE, CLOSE),
        (OPEN, OPEN, InstanceState.UNKNOWN, None),
        (InstanceState.REFUSED, CLOSE, CLOSE, None),
        (InstanceState.REFUSED, CLOSE, OPEN, OPEN),
        (None, None, None, None),
    ],
)
def test_the_state_to_write_down(
    known: InstanceState | None,
    listed: InstanceState | None,
    confirmed: InstanceState | None,
    expected: InstanceState | None,
) -> None:
    ours = None if known is None else _ours("a", known)
    answer = None if confirmed is None else InstanceChange(state=confirmed)
    assert settled_state(ours, InstanceChange(state=listed), answer) is expected


async def test_stopping_in_the_middle_of_a_round_is_quick(bench: Bench) -> None:
    bench.simulator.freeze()
    await bench.sync.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await bench.sync.stop()
    bench.simulator.thaw()


async def test_stopping_in_the_moment_of_a_request_ends_it_too(bench: Bench) -> None:
    """Python 3.11's `wait_for` answers what came instead of ending, when both happen at once."""
    sync = InstanceSync(
        server_id=SERVER,
        api=bench.api,
        directory=bench.directory,
        counters=bench.counters,
        on_instances=lambda _changed: None,
        interval_s=60.0,
        min_pause_s=0.0,
    )
    await sync.start()
    await until(lambda: bench.counters.total("instance_syncs") == 1)
    for _ in range(5):
        await asyncio.sleep(0)
    sync.request()
    stopping = asyncio.ensure_future(sync.stop())
    done, _ = await asyncio.wait({stopping}, timeout=2)
    assert done


async def test_instances_that_evolution_is_still_loading_are_asked_for_again_soon(sqlite_database: Database) -> None:
    directory = await directory_on(sqlite_database)
    async with running_simulator(instances=2, load_s=0.7) as simulator:
        await simulator.restart(down_s=0.05)
        api = EvolutionApi(simulator.url, simulator.api_key)
        sync = InstanceSync(
            server_id=SERVER, api=api, directory=directory, counters=Counters(), on_instances=lambda _changed: None
        )
        await sync.start()
        try:
            await until(lambda: len(directory.all_instances()) == 2)
            await until(lambda: all(one.state != InstanceState.UNKNOWN for one in directory.all_instances()))
        finally:
            await sync.stop()
            await api.close()
