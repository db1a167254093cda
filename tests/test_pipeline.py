"""The corridor and its queue, on a real database."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponteio.config import Settings
from ponteio.decode.decoder import Decoder
from ponteio.decode.redaction import KnownSecrets
from ponteio.foundation import SERVER_ID, Foundation
from ponteio.model.event import RawFrame, StoredEvent
from ponteio.model.identity import Instance, InstanceState
from ponteio.model.link import LinkTarget
from ponteio.observe.counters import Counters
from ponteio.pipeline import BATCH_FRAMES, Corridor, FrameQueue, Voices, record_unstored

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROOT = LinkTarget(SERVER_ID)
SERIAL = itertools.count(1)


def frame(
    instance: str = "loja", event: str = "messages.upsert", data: object = None, target: LinkTarget = ROOT
) -> RawFrame:
    serial = next(SERIAL)
    body = {"event": event, "instance": instance, "data": data if data is not None else {"key": {"id": f"K{serial}"}}}
    body["date_time"] = "2026-11-23T09:00:00.000Z"
    return RawFrame(target, orjson.dumps([event, body]), (), NOW)


@dataclass
class House:
    base: Foundation
    organization_id: str
    queue: FrameQueue
    counters: Counters
    announced: list[StoredEvent] = field(default_factory=list)
    changed: list[Instance] = field(default_factory=list)

    async def carry(self, *frames: RawFrame) -> None:
        for it in frames:
            self.queue.accept(it)
        assert await self.queue.drained(20)


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    base = await Foundation.open(Settings(data_dir=folder, _env_file=None), checkpoints=True)
    await base.directory.ensure_server(SERVER_ID, "http://evolution")
    owner = await base.directory.create_organization("Acme")
    await base.directory.assign("loja", owner.organization_id, server_id=SERVER_ID)
    made = House(base, owner.organization_id, FrameQueue(), Counters())

    def announce(stored: Sequence[StoredEvent]) -> None:
        made.announced.extend(stored)

    corridor = Corridor(
        queue=made.queue,
        decoder=Decoder(KnownSecrets()),
        directory=base.directory,
        events=base.events,
        quarantine=base.quarantine,
        counters=made.counters,
        voices=Voices(announce, made.changed.append),
    )
    task = asyncio.create_task(corridor.run())
    try:
        yield made
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await base.close()


async def test_what_is_announced_is_stored_in_arrival_order(tmp_path: Path) -> None:
    """I1: what the voices hear can be read from the log; I9: in the order in which the queue took it."""
    async with house(tmp_path) as here:
        await here.carry(*(frame(data={"n": n}) for n in range(3 * BATCH_FRAMES + 5)))
        scope = here.base.directory.scope_of(here.organization_id)
        page = await here.base.events.read_after(scope, None, limit=500)
        assert [orjson.loads(event.data)["n"] for event in page.events] == list(range(3 * BATCH_FRAMES + 5))
        assert [event.seq for event in here.announced] == [event.seq for event in page.events]


async def test_bad_frames_stop_nothing_and_leave_a_row(tmp_path: Path) -> None:
    """I6: refusals are counted by name and kept for a human; good events around them arrive."""
    async with house(tmp_path) as here:
        broken = RawFrame(ROOT, b'["messages.upsert",{"a":', (), NOW)
        no_envelope = RawFrame(ROOT, b'["messages.upsert"]', (), NOW)
        await here.carry(frame(), broken, no_envelope, frame())
        assert len(here.announced) == 2
        assert here.counters.refused == {"malformed_json": 1, "envelope_missing": 1}
        assert len(await here.base.quarantine.list(10)) == 2


async def test_events_of_nobody_and_contradictions_go_to_quarantine(tmp_path: Path) -> None:
    """I4: neither an unknown instance nor a payload that contradicts its link reaches an organization."""
    async with house(tmp_path) as here:
        await here.carry(frame(instance="stranger"), frame(instance="loja", target=LinkTarget(SERVER_ID, "other")))
        assert here.announced == []
        assert here.counters.refused == {"unassigned": 1, "link_contradiction": 1}


async def test_next_holder_of_a_name_is_not_heard_by_the_former_owner(tmp_path: Path) -> None:
    """I4: deleted and made again by somebody else, all in one batch; what the new holder says is nobody's."""
    async with house(tmp_path) as here:
        first, second = {"instanceId": "first"}, {"instanceId": "second"}
        await here.carry(
            frame(event="instance.create", data=first),
            frame(),
            frame(event="instance.delete", data=first),
            frame(event="instance.create", data=second),
            frame(),
            frame(),
        )
        assert [told.event for told in here.announced] == ["instance.create", "messages.upsert", "instance.delete"]
        assert here.counters.refused == {"unassigned": 3}


async def test_same_event_over_both_links_is_stored_once(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        event = frame()
        twin = RawFrame(LinkTarget(SERVER_ID, "loja"), event.payload, (), NOW)
        await here.carry(event, twin)
        assert len(here.announced) == 1
        assert here.counters.total("events_duplicate") == 1


async def test_connection_update_changes_the_instance_after_the_commit(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        state = {"instance": "loja", "state": "open", "statusReason": 200}
        await here.carry(frame(event="connection.update", data=state))
        assert [(it.name, it.state) for it in here.changed] == [("loja", InstanceState.OPEN)]
        await here.carry(frame(event="connection.update", data={**state, "n": 2}))
        assert len(here.changed) == 1


async def test_event_that_the_database_refuses_goes_to_quarantine_alone(tmp_path: Path) -> None:
    """I6: one poisonous event in a batch does not take its neighbours along."""
    async with house(tmp_path) as here:
        async with here.base.database.write() as connection:
            await connection.exec_driver_sql(
                "CREATE TRIGGER poison BEFORE INSERT ON events WHEN new.event = 'poison' "
                "BEGIN SELECT raise(ABORT, 'no'); END"
            )
        await here.carry(frame(), frame(event="poison"), frame(), frame(event="poison"), frame())
        assert [event.seq for event in here.announced] == [1, 2, 3]
        assert here.counters.refused == {"storage_rejected": 2}


async def test_locked_database_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path) as here:
        await here.carry(frame())
        async with here.base.database.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE events RENAME TO events_away")
        here.queue.accept(frame())
        while not here.counters.total("storage_retries"):
            await asyncio.sleep(0.01)
        async with here.base.database.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE events_away RENAME TO events")
        assert await here.queue.drained(20)
        assert [event.seq for event in here.announced] == [1, 2]


async def test_full_queue_asks_links_to_wait_and_calls_them_back_once() -> None:
    """I9: the bound works by asking the links to stop reading; nothing that was accepted is dropped."""
    queue = FrameQueue(max_frames=4)
    calls: list[int] = []
    frames = [frame() for _ in range(6)]
    for it in frames:
        queue.accept(it)
    assert queue.is_full
    queue.when_room(lambda: calls.append(len(queue)))
    assert calls == []
    taken = await queue.take()
    assert taken == frames
    assert calls == [0]
    queue.when_room(lambda: calls.append(-1))
    assert calls == [0, -1]


async def test_batches_are_bounded_in_frames_and_bytes() -> None:
    queue = FrameQueue()
    for _ in range(BATCH_FRAMES + 1):
        queue.accept(frame())
    assert len(await queue.take()) == BATCH_FRAMES
    assert len(await queue.take()) == 1
    big = RawFrame(ROOT, b"x" * (5 * 1024 * 1024), (), NOW)
    queue.accept(big)
    queue.accept(big)
    assert len(await queue.take()) == 1
    assert queue.size == big.size


async def test_drained_tells_when_time_runs_out() -> None:
    queue = FrameQueue()
    assert await queue.drained(0.01)
    queue.accept(frame())
    assert not await queue.drained(0.01)
    (taken,) = await queue.take()
    assert queue.oldest_at == NOW
    assert queue.unfinished() == [taken]
    queue.finished()
    assert queue.unfinished() == []
    assert await queue.drained(0.01)


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(0, 300), max_size=60), bound=st.integers(1, 500))
def test_size_is_always_the_sum_of_what_waits(sizes: list[int], bound: int) -> None:
    async def play() -> None:
        queue = FrameQueue(max_bytes=bound)
        for size in sizes:
            queue.accept(RawFrame(ROOT, b"x" * size, (), NOW))
        assert queue.size == sum(sizes)
        assert queue.is_full == (sum(sizes) >= bound)
        while len(queue):
            await queue.take()
        assert queue.size == 0

    asyncio.run(play())


async def test_what_could_not_be_stored_before_the_end_is_confessed(tmp_path: Path) -> None:
    """I8: frames that were heard and never stored leave a gap row for each link, from the oldest on."""
    base = await Foundation.open(Settings(data_dir=tmp_path, _env_file=None), checkpoints=True)
    queue = FrameQueue()
    other = LinkTarget(SERVER_ID, "other")
    for minute, target in ((1, ROOT), (2, other), (3, ROOT)):
        queue.accept(RawFrame(target, b"[]", (), NOW.replace(minute=minute)))
    await queue.take()
    queue.accept(RawFrame(ROOT, b"[]", (), NOW.replace(minute=4)))
    await record_unstored(queue, base.gaps)
    found = {gap.target: gap.from_at for gap in await base.gaps.list(SERVER_ID, 10)}
    assert found == {ROOT: NOW.replace(minute=1), other: NOW.replace(minute=2)}
    await base.close()
