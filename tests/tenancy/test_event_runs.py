from __future__ import annotations

from dataclasses import replace

import pytest

from ponteio.model.filter import EventFilter
from ponteio.model.identity import Instance, OrganizationScope
from ponteio.model.instance_events import EventChoice, ItemState, RunState
from ponteio.storage.database import Database
from ponteio.tenancy import event_runs
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.event_runs import EventRuns

CHOICE = EventChoice(("CALL",), None, keep=True)


async def owned(database: Database, count: int) -> tuple[OrganizationScope, list[Instance]]:
    directory = Directory(database)
    await directory.ensure_server("main", "http://192.0.2.1")
    await directory.load()
    owner = await directory.create_organization("acme")
    made = [await directory.assign(f"loja-{number:03}", owner.organization_id) for number in range(count)]
    return directory.scope_of(owner.organization_id), made


async def test_a_run_goes_on_until_nothing_is_pending(database: Database) -> None:
    scope, instances = await owned(database, 7)
    runs, told = EventRuns(database), []
    runs.on_new(lambda: told.append(1))
    run_id = await runs.create(scope.organization_id, instances, CHOICE)
    assert told == [1]
    taken = 0
    while pending := await EventRuns(database).pending(3):
        assert len(pending) <= 3
        for run, item in pending:
            assert (run.run_id, run.choice) == (run_id, CHOICE)
            assert await runs.is_pending(run, item)
            await runs.settle(run, replace(item, state=ItemState.APPLIED))
            await runs.settle(run, replace(item, state=ItemState.FAILED))
            assert not await runs.is_pending(run, item)
            taken += 1
    assert taken == 7
    done = await runs.get(scope, run_id)
    assert done is not None
    assert (done.state, done.counts, done.total) == (RunState.DONE, {ItemState.APPLIED: 7}, 7)
    assert done.finished_at is not None
    items = await runs.items(scope, run_id, 3, after="loja-001")
    assert [item.name for item in items] == ["loja-002", "loja-003", "loja-004"]
    assert items[0].finished_at is not None


async def test_portions_are_taken_of_each_server(database: Database) -> None:
    scope, instances = await owned(database, 4)
    runs = EventRuns(database)
    elsewhere = [replace(each, server_id="other") for each in instances[2:]]
    await runs.create(scope.organization_id, [*instances[:2], *elsewhere], CHOICE)
    assert [item.server_id for _, item in await runs.pending(1)] == ["main", "other"]


async def test_what_is_cancelled_is_left_alone(database: Database) -> None:
    scope, instances = await owned(database, 2)
    runs = EventRuns(database)
    run_id = await runs.create(scope.organization_id, instances, CHOICE)
    (run, first), (_, second) = await runs.pending(10)
    await runs.settle(run, replace(first, state=ItemState.FAILED, code="upstream_timeout", detail="late"))
    assert not await runs.cancel("org_other", run_id)
    assert await runs.cancel(scope.organization_id, run_id)
    assert not await runs.cancel(scope.organization_id, run_id)
    await runs.settle(run, replace(second, state=ItemState.APPLIED))
    assert await runs.pending(10) == []
    shown = await runs.get(scope, run_id)
    assert shown is not None
    assert shown.counts == {ItemState.FAILED: 1, ItemState.CANCELLED: 1}
    assert shown.state is RunState.CANCELLED
    failed = (await runs.items(scope, run_id, 10))[0]
    assert (failed.code, failed.detail) == ("upstream_timeout", "late")


async def test_nobody_sees_more_than_their_scope_covers(database: Database) -> None:
    """I4: another organization sees no run, a narrowed scope its own instances of it."""
    scope, instances = await owned(database, 3)
    runs = EventRuns(database)
    run_id = await runs.create(scope.organization_id, instances, CHOICE)
    foreign = replace(scope, organization_id="org_other")
    narrowed = replace(scope, allowed=EventFilter.of(["loja-001", "elsewhere"]))
    nothing = replace(scope, allowed=EventFilter.of(["elsewhere"]))
    assert await runs.list(foreign, 10) == await runs.list(nothing, 10) == []
    assert await runs.get(foreign, run_id) is None
    assert await runs.get(nothing, run_id) is None
    assert await runs.items(foreign, run_id, 10) == []
    assert [run.total for run in await runs.list(narrowed, 10)] == [1]
    assert [item.name for item in await runs.items(narrowed, run_id, 10)] == ["loja-001"]


async def test_old_runs_that_have_ended_are_forgotten(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, instances = await owned(database, 1)
    monkeypatch.setattr(event_runs, "KEPT", 2)
    runs = EventRuns(database)
    made = [await runs.create(scope.organization_id, instances, CHOICE) for _ in range(3)]
    # The oldest still runs: it stays.
    assert {run.run_id for run in await runs.list(scope, 10)} == set(made)
    await runs.cancel(scope.organization_id, made[0])
    await runs.create(scope.organization_id, instances, CHOICE)
    assert made[0] not in {run.run_id for run in await runs.list(scope, 10)}
    assert await runs.items(scope, made[0], 10) == []
