"""What happens to links and instances, in the journal: by hand, and in a whole house that is cut off."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import house as a_house
from tests.support.machine_world import TurnableClock
from tests.support.simulator import running_simulator

from ponteio.eventlog.journal_buffer import JournalBuffer
from ponteio.eventlog.link_journal import JournalQuery, LinkJournal
from ponteio.journal_scribe import JournalScribe
from ponteio.model.identity import Instance, InstanceState
from ponteio.model.journal import JournalEntry
from ponteio.model.link import Gap, GapKind, LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import TOO_MANY_LINKS
from ponteio.storage.database import Database
from ponteio.storage.errors import StorageUnavailableError
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotice
from ponteio.upstream.event_configuration import DriftNews


class Desk:
    """A scribe whose clock is turned by hand, over a directory in which `acme` owns loja-01."""

    def __init__(self, database: Database) -> None:
        self.clock = TurnableClock()
        self.directory = Directory(database, self.clock)
        self.journal = LinkJournal(database)
        self.buffer = JournalBuffer()
        self.scribe = JournalScribe(self.journal, self.directory, self.buffer, self.clock)
        self.owner = ""

    async def open(self) -> Desk:
        await self.directory.ensure_server("main", "http://192.0.2.1")
        await self.directory.load()
        self.owner = (await self.directory.create_organization("acme")).organization_id
        await self.directory.assign("loja-01", self.owner)
        return self

    def link(self, state: LinkState, reason: str | None = None, name: str | None = "loja-01", **more: Any) -> None:
        detail = None if reason is None else "A sentence."
        target = LinkTarget("main", name)
        self.scribe.link_changed(LinkStatus(target, state, self.clock(), reason=reason, detail=detail, **more))

    async def entries(self) -> list[JournalEntry]:
        """All, oldest first."""
        await self.scribe.write()
        return list(reversed(await self.journal.list(JournalQuery(), 500)))

    async def told(self) -> list[tuple[str, float | None]]:
        return [(entry.note.kind.value, entry.note.duration_s) for entry in await self.entries()]


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await Desk(database).open()


async def test_a_links_life_with_how_long_each_part_lasted(desk: Desk) -> None:
    desk.link(LinkState.CONNECTING)
    desk.clock.turn(seconds=2)
    desk.link(LinkState.UNREACHABLE, "refused", attempts=1)
    desk.clock.turn(seconds=3)
    desk.link(LinkState.NAMESPACE_PENDING, "invalid_namespace")
    desk.clock.turn(seconds=5)
    desk.link(LinkState.CONNECTED, attempts=0)
    desk.clock.turn(seconds=60)
    desk.link(LinkState.CONNECTING, "transport_closed")
    desk.clock.turn(seconds=4)
    desk.link(LinkState.CONNECTED, reconnects=1)
    desk.link(LinkState.OFF)
    assert await desk.told() == [
        ("link.connecting", None),
        ("link.failed", 2.0),
        ("link.pending", 5.0),
        ("link.connected", 10.0),
        ("link.lost", 60.0),
        ("link.connected", 4.0),
        ("link.off", 0.0),
    ]
    lost = (await desk.entries())[4].note
    assert (lost.organization_id, lost.server_id, lost.instance) == (desk.owner, "main", "loja-01")
    assert (lost.state, lost.reason, lost.detail) == ("connecting", "transport_closed", "A sentence.")


async def test_gaps_are_noted_with_their_ids(desk: Desk) -> None:
    target, from_at = LinkTarget("main", "loja-01"), desk.clock()
    desk.scribe.gap_changed(7, Gap(target, GapKind.LINK_DOWN, from_at))
    ended = Gap(target, GapKind.LINK_DOWN, from_at, from_at + timedelta(seconds=90), "Told.")
    desk.scribe.gap_changed(7, ended)
    desk.scribe.gap_changed(8, Gap(LinkTarget("main"), GapKind.OVERSIZE, from_at, from_at, "Somebody's event."))
    opened, closed, large = (entry.note for entry in await desk.entries())
    assert (opened.kind.value, opened.gap_id, opened.reason) == ("gap.opened", 7, "link_down")
    assert (closed.kind.value, closed.duration_s, closed.detail) == ("gap.closed", 90.0, "Told.")
    assert (large.organization_id, large.detail, large.reason) == (None, None, "oversize")


async def test_instances_are_noted_when_their_state_turned_and_not_otherwise(desk: Desk) -> None:
    now = desk.clock()
    one = Instance("ins_1", "main", "loja-01", desk.owner, state=InstanceState.CLOSE, state_at=now, reason=401)
    given = Instance(
        "ins_2", "main", "loja-02", desk.owner, state=InstanceState.OPEN, state_at=now - timedelta(hours=1)
    )
    desk.scribe.instances_changed([one, given])
    desk.scribe.instances_changed([one])
    gone = Instance("ins_1", "main", "loja-01", desk.owner, state=InstanceState.CLOSE, state_at=now, removed_at=now)
    desk.scribe.instances_changed([gone])
    first, second = (entry.note for entry in await desk.entries())
    assert (first.kind.value, first.state, first.reason) == ("instance.state", "close", "401")
    assert second.kind.value == "instance.removed"


async def test_limits_and_drift_are_on_the_same_timeline(desk: Desk) -> None:
    now = desk.clock()
    desk.scribe.limit_reached(desk.owner, LimitNotice(TOO_MANY_LINKS.code, 3, now, now))
    instance = Instance("ins_1", "main", "loja-01", desk.owner)
    for kind in ("drifted", "mended", "mending_failed", "mending_stopped"):
        desk.scribe.drift_noticed(DriftNews(kind, instance, "Why.", now))
    assert [kind for kind, _ in await desk.told()] == [
        *("limit.reached", "events.drifted", "events.mended", "events.mending_failed", "events.mending_stopped"),
    ]


async def test_a_database_that_is_away_is_waited_for_and_given_up_at_the_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_drafts: object) -> list[int]:
        raise StorageUnavailableError("away")

    desk.link(LinkState.CONNECTED)
    with monkeypatch.context() as patched:
        patched.setattr(desk.journal, "write", away)
        with pytest.raises(StorageUnavailableError):
            await desk.scribe.write()
        await desk.scribe.close()
    assert len(desk.buffer) == 1
    await desk.scribe.close()
    assert len(desk.buffer) == 0
    assert [kind for kind, _ in await desk.told()] == ["link.connected"]


async def test_one_look_writes_a_bounded_number_and_the_end_writes_all(desk: Desk) -> None:
    for number in range(1_300):
        desk.link(LinkState.CONNECTED, name=f"loja-{number}")
    await desk.scribe.write()
    assert len(desk.buffer) == 300
    await desk.scribe.close()
    assert len(desk.buffer) == 0


async def test_the_past_is_forgotten(desk: Desk) -> None:
    desk.link(LinkState.CONNECTED)
    await desk.scribe.write()
    desk.clock.turn(days=31)
    desk.link(LinkState.CONNECTING, "transport_closed")
    await desk.scribe.write()
    await desk.scribe.prune(timedelta(days=30))
    assert [kind for kind, _ in await desk.told()] == ["link.lost"]


async def test_a_house_that_is_cut_off_tells_the_whole_story(tmp_path: Path) -> None:
    """I4: each organization reads its own, and the operator all of it; over a restart of the gateway too."""
    database = f"sqlite:///{tmp_path / 'house.db'}"
    async with (
        running_simulator(instances=2, global_events=False) as simulator,
        a_house(tmp_path, database, url=simulator.url, key=simulator.api_key, global_events=False) as house,
    ):
        await house.start()
        ours = await house.tenant("Ours", "loja-01")
        theirs = await house.tenant("Theirs", "loja-02")
        operator = await house.operator()
        await house.knows(operator, "loja-01", "loja-02")
        for name in ("loja-01", "loja-02"):
            simulator.emit(name, "messages.upsert", {})
        await house.is_linked(ours.key, "loja-01")
        await house.is_linked(theirs.key, "loja-02")
        simulator.drop()
        simulator.emit("loja-01", "connection.update", {"instance": "loja-01", "state": "close", "statusReason": 401})

        async def logs(key: str, **query: Any) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await house.get("logs", key, limit=500, **query))["entries"]
            return found

        async def shows(*kinds: str) -> list[dict[str, Any]]:
            async with asyncio.timeout(15):
                while True:
                    mine = await logs(ours.key)
                    if set(kinds) <= {one["kind"] for one in mine}:
                        return mine
                    await asyncio.sleep(0.05)

        mine = await shows("link.connected", "link.lost", "gap.opened", "gap.closed")
        assert {one["instance"] for one in mine} == {"loja-01"}
        assert {one["organization"] for one in mine} == {ours.organization_id}
        opened = {one["gap"] for one in mine if one["kind"] == "gap.opened"}
        assert {one["gap"] for one in mine if one["kind"] == "gap.closed"} <= opened
        assert None not in opened
        assert "loja-01" not in str(await logs(theirs.key))
        assert {one["instance"] for one in await logs(operator)} >= {"loja-01", "loja-02"}
        await house.stop()
        await house.start()
        again = await shows("link.off")
        assert {one["id"] for one in mine} <= {one["id"] for one in again}
