from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.live.pipe import Pipe
from tests.live.stored import AT
from tests.support.databases import migrated, sqlite_url
from tests.support.gateway_edge import decoded_event, event_of, eventually

from ponteio.eventlog.log import EventLog
from ponteio.live.damper import Damping
from ponteio.live.handshake import Admission, Hello, start_at
from ponteio.live.options import LiveOptions
from ponteio.live.packets import connection_status
from ponteio.live.room import Member
from ponteio.live.rooms import Rooms
from ponteio.model.cursor import Cursor
from ponteio.model.event import AddressedEvent
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import Limits, OrganizationScope, Principal
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import SLOW_CONSUMER
from ponteio.model.rights import CredentialKind
from ponteio.model.sight import ALL_SEEN
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices

HELLO = Hello("token", None, EVERYTHING)
SERVICE = Principal(CredentialKind.KEY, "key", frozenset())
TINY = LiveOptions(
    ring_events=6,
    ring_bytes=6_000,
    buffer_bytes=3_000,
    batch_bytes=1_500,
    page_events=4,
    event_bytes=2_000,
    parallel_replays=2,
    tip_pause_s=0.0,
)
FILTERS = (EVERYTHING, EventFilter.of(["one"], None), EventFilter.of(None, ["messages.*"]), EventFilter.of(["none"]))


@dataclass
class Client:
    """What a careful client does: it remembers the newest cursor it was given and comes back with it."""

    filter: EventFilter
    principal: Principal = SERVICE
    damping: Damping | None = None
    pipe: Pipe | None = None
    member: Member | None = None
    began: int | None = None
    cursor: Cursor | None = None
    seen: list[int] = field(default_factory=list)
    seen_on_this_connection: int = 0
    held: list[dict[str, Any]] = field(default_factory=list)

    def read(self, amount: int | None = None) -> None:
        if self.pipe is None:
            return
        for packet in self.pipe.read(amount):
            name, body = event_of(packet)
            if name == "evolution-event":
                self.seen.append(body["seq"])
                self.seen_on_this_connection += 1
            elif name == "tip":
                assert body["sent"] == self.seen_on_this_connection
            elif name == "held":
                self.held.append(body)
                continue
            self.cursor = Cursor.parse(body["cursor"])


class World:
    """Rooms on a real log, for one organization."""

    def __init__(self, database: Database, scope: OrganizationScope, options: LiveOptions = TINY) -> None:
        self.log = EventLog(database)
        self.scope = scope
        self.options = options
        self.counters = Counters()
        self.notices = LimitNotices(self.counters)
        self.rooms = Rooms(self.log, options, self.counters, self.notices, OrganizationScope)
        self.committed: list[tuple[int, str, str]] = []

    async def append(self, kinds: list[tuple[str, str, int]], *, is_announced: bool = True) -> None:
        events = [
            AddressedEvent(self.scope.organization_id, "id", decoded_event(instance, event, b'"%b"' % (b"x" * size)))
            for instance, event, size in kinds
        ]
        stored = (await self.log.append(events)).stored
        self.committed += [(one.seq, one.instance, one.event) for one in stored]
        if is_announced:
            self.rooms.announce(stored)

    async def connect(self, client: Client) -> None:
        hello = Hello("token", None if client.cursor is None else str(client.cursor), client.filter)
        admission = self.admission(hello, client.principal, client.damping)
        start = start_at(hello.cursor, await self.log.head(self.scope))
        assert start.reason is None
        assert start.resumed is (client.cursor is not None)
        if client.began is None:
            client.began, client.cursor = start.cursor.seq, start.cursor
        client.pipe, client.seen_on_this_connection = Pipe(low_water=1_000), 0
        client.member = self.rooms.enter(admission, start, client.pipe)

    def admission(
        self, hello: Hello = HELLO, principal: Principal = SERVICE, damping: Damping | None = None
    ) -> Admission:
        """A client with a place, which may do in this organization what `principal` may."""
        allowed, sight = (
            (EVERYTHING, ALL_SEEN) if principal.scope is None else (principal.scope.allowed, principal.scope.sight)
        )
        scope = OrganizationScope(self.scope.organization_id, allowed, sight)
        admission = Admission(replace(principal, scope=scope), scope, "acme", hello, damping)
        self.rooms.reserve(scope.organization_id, admission.person, Limits())
        return admission

    def cut(self, client: Client) -> None:
        if client.member is not None:
            self.rooms.part(client.member)
        client.member = client.pipe = None

    def expected(self, client: Client) -> list[int]:
        assert client.began is not None
        return [
            seq
            for seq, instance, event in self.committed
            if seq > client.began and client.filter.matches(instance, event)
        ]


KIND = st.tuples(
    st.sampled_from(["one", "two"]), st.sampled_from(["messages.upsert", "call"]), st.integers(0, 700) | st.just(2_500)
)
EVENTS = st.lists(KIND, min_size=3, max_size=12)
WHO = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("announce"), EVENTS),
        st.tuples(st.just("append elsewhere"), EVENTS),
        st.tuples(st.just("connect"), WHO),
        st.tuples(st.just("cut"), WHO),
        st.tuples(st.just("read"), WHO, st.integers(1, 5)),
        st.tuples(st.just("read all"), WHO),
        st.tuples(st.just("look"), WHO),
        st.tuples(st.just("heal")),
        st.tuples(st.just("pause"), st.integers(0, 3)),
    ),
    min_size=25,
    max_size=50,
)


async def play(world: World, steps: list[tuple[Any, ...]]) -> None:
    clients = [Client(wanted) for wanted in FILTERS]
    for name, *arguments in steps:
        await take_step(world, clients, name, arguments)
    for client in clients:
        client.read()
        world.cut(client)
        await world.connect(client)
    await world.rooms.heal()
    loop = asyncio.get_running_loop()
    head = (await world.log.head(world.scope)).seq

    def is_done() -> bool:
        for client in clients:
            client.read()
            assert client.member is not None
            world.rooms.pump.look(client.member, loop.time())
        return all(client.member is not None and client.member.cursor.seq == head for client in clients)

    await eventually(is_done, within_s=5, why=lambda: [client.member for client in clients])
    for client in clients:
        client.read()
        assert client.seen == world.expected(client)
        world.cut(client)
    assert len(world.rooms) == 0
    await world.rooms.close()


async def take_step(world: World, clients: list[Client], name: str, arguments: list[Any]) -> None:
    if name in ("announce", "append elsewhere"):
        await world.append(arguments[0], is_announced=name == "announce")
    elif name == "heal":
        await world.rooms.heal()
    elif name == "pause":
        for _ in range(arguments[0]):
            await asyncio.sleep(0.001)
    else:
        client = clients[arguments[0]]
        if name == "connect" and client.member is None:
            await world.connect(client)
        elif name == "cut":
            world.cut(client)
        elif name.startswith("read"):
            client.read(arguments[1] if name == "read" else None)
        elif name == "look" and client.member is not None:
            world.rooms.pump.look(client.member, asyncio.get_running_loop().time())
        if client.pipe is not None:
            largest = max(TINY.batch_bytes, TINY.event_bytes) + 2_000
            assert client.pipe.peak <= TINY.buffer_bytes + largest, "memory for one socket is bounded"


def test_every_client_sees_each_matching_event_once_and_in_order_whatever_happens() -> None:
    """I3: over stalls, cuts, resumes, announcements that are lost and rings that are too small, nothing is missing and
    nothing comes twice; `tip` counts what was sent.
    """
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        opening = migrated(sqlite_url(Path(folder)))
        database = runner.run(opening.__aenter__())
        directory = Directory(database)
        runner.run(directory.load())
        names = iter(range(1_000_000))

        @settings(
            max_examples=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],  # to shrink would take minutes: a failing example waits in vain
        )
        @given(STEPS)
        def example(steps: list[tuple[Any, ...]]) -> None:
            organization = runner.run(directory.create_organization(f"org {next(names)}"))
            scope = directory.scope_of(organization.organization_id)
            runner.run(play_in_a_new_world(database, scope, steps))

        try:
            example()
        finally:
            runner.run(opening.__aexit__(None, None, None))


async def play_in_a_new_world(database: Database, scope: OrganizationScope, steps: list[tuple[Any, ...]]) -> None:
    await play(World(database, scope), steps)


async def world_of(database: Database, options: LiveOptions = TINY) -> World:
    directory = Directory(database)
    await directory.load()
    organization = await directory.create_organization("acme")
    return World(database, directory.scope_of(organization.organization_id), options)


async def test_several_announcements_of_one_step_go_out_in_one_write(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database, LiveOptions())
    client = Client(EVERYTHING)
    await world.connect(client)
    assert client.pipe is not None
    stored = (
        await world.log.append(
            [AddressedEvent(world.scope.organization_id, "id", decoded_event("one", "call")) for _ in range(6)]
        )
    ).stored
    for event in stored:
        world.rooms.announce([event])
    await asyncio.sleep(0)
    assert client.pipe.writes == 1
    client.read()
    assert client.seen == [1, 2, 3, 4, 5, 6]
    await world.rooms.close()


async def test_one_socket_that_reads_nothing_does_not_delay_another_and_holds_a_bounded_amount(
    sqlite_database: Database,
) -> None:
    """I7: nobody waits for the slowest."""
    world = await world_of(sqlite_database)
    stalled, quick = Client(EVERYTHING), Client(EVERYTHING)
    await world.connect(stalled)
    await world.connect(quick)
    for _ in range(50):
        await world.append([("one", "call", 600)])
        await asyncio.sleep(0)
        quick.read()
    assert quick.seen == list(range(1, 51))
    assert stalled.pipe is not None
    assert stalled.pipe.peak < TINY.buffer_bytes + TINY.batch_bytes + 1_000

    def has_caught_up() -> bool:
        stalled.read()
        return len(stalled.seen) == 50

    await eventually(has_caught_up)
    assert stalled.seen == list(range(1, 51))
    await world.rooms.close()


async def test_a_socket_that_stands_still_is_dismissed_after_the_patience(sqlite_database: Database) -> None:
    """I7: a cursor that lags costs nothing, a buffer that stands does."""
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    assert client.member is not None
    assert client.pipe is not None
    await world.append([("one", "call", 600)] * 9)
    await eventually(lambda: client.pipe is not None and client.pipe.backlog >= TINY.buffer_bytes)
    now = asyncio.get_running_loop().time()
    world.rooms.pump.look(client.member, now)
    world.rooms.pump.look(client.member, now + 29.9)
    assert world.counters.refused == {}
    world.rooms.pump.look(client.member, now + 30.1)
    assert client.pipe.left_with is SLOW_CONSUMER
    assert client.member.has_left
    assert world.counters.refused == {"slow_consumer": 1}
    last = event_of(client.pipe.read()[-1])
    assert last == ("goodbye", {"code": "slow_consumer", "reason": "The socket did not keep up.", "retry": True})
    assert len(world.rooms) == 0
    await world.rooms.close()


async def test_a_tip_comes_after_a_pause_and_then_only_with_time(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database, replace(TINY, tip_pause_s=1.0))
    client = Client(EVERYTHING)
    await world.connect(client)
    member, pipe = client.member, client.pipe
    assert member is not None
    assert pipe is not None
    await world.append([("one", "call", 1)])
    await eventually(lambda: member.sent == 1)
    member.next_tip_at = member.sent_at + 25.0
    for at, names in [(0.5, ["evolution-event"]), (1.1, ["tip"]), (2.5, []), (26.0, []), (26.2, ["tip"]), (27.0, [])]:
        world.rooms.pump.look(member, member.sent_at + at)
        assert [event_of(packet)[0] for packet in pipe.read()] == names, at
    await world.rooms.close()


async def test_a_tip_shows_how_far_a_filter_has_passed_by(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    client = Client(EventFilter.of(["none"], None))
    await world.connect(client)
    assert client.member is not None
    await world.append([("one", "call", 1)] * 3)
    await eventually(lambda: client.member is not None and client.member.cursor.seq == 3)
    world.rooms.pump.look(client.member, client.member.next_tip_at)
    client.read()
    assert client.seen == []
    assert client.cursor is not None
    assert client.cursor.seq == 3
    await world.rooms.close()


async def test_a_lagging_socket_gets_only_the_newest_word_about_each_link(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    assert client.pipe is not None
    await world.append([("one", "call", 600)] * 9)
    await eventually(lambda: client.pipe is not None and client.pipe.backlog >= TINY.buffer_bytes)
    organizations = [world.scope.organization_id]
    for attempt in range(100):
        status = LinkStatus(LinkTarget("main"), LinkState.UNREACHABLE, AT, attempts=attempt)
        world.rooms.tell(organizations, "link /", connection_status(status), None)
    bodies: list[Any] = []

    def read() -> bool:
        assert client.pipe is not None
        bodies.extend(body for name, body in map(event_of, client.pipe.read()) if name == "connection-status")
        return bool(bodies)

    await eventually(read)
    assert [body["attempts"] for body in bodies] == [99]
    await world.rooms.close()


async def test_an_older_word_that_waited_does_not_come_after_a_newer_one(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    assert client.pipe is not None
    pipe = client.pipe
    await world.append([("one", "call", 600)] * 9)
    await eventually(lambda: pipe.backlog >= TINY.buffer_bytes)

    def tell(attempt: int) -> None:
        status = LinkStatus(LinkTarget("main"), LinkState.UNREACHABLE, AT, attempts=attempt)
        world.rooms.tell([world.scope.organization_id], "link /", connection_status(status), None)

    tell(1)
    packets: list[str] = []
    while pipe.backlog >= TINY.buffer_bytes:
        packets += pipe.read(1)
    tell(2)

    def has_read_everything() -> bool:
        packets.extend(pipe.read())
        return sum(event_of(packet)[0] == "evolution-event" for packet in packets) == 9

    await eventually(has_read_everything)
    packets += pipe.read()
    words = [body["attempts"] for name, body in map(event_of, packets) if name == "connection-status"]
    assert words == [2]
    await world.rooms.close()


async def test_a_log_that_cannot_be_read_costs_a_retry_and_not_the_socket(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    await world.append([("one", "call", 1)] * 20)
    await sqlite_database.close()
    admission = world.admission()
    start = replace(start_at(None, Cursor("00000000", 20)), cursor=Cursor("00000000", 0))
    member = world.rooms.enter(admission, start, Pipe())
    await eventually(lambda: world.counters.total("live_replay_errors") == 1)
    assert not member.has_left
    assert not member.is_replaying
    world.rooms.pump.look(member, 0.0)
    await eventually(lambda: world.counters.total("live_replay_errors") == 2)
    await world.rooms.close()


async def test_a_log_that_got_another_life_sends_its_sockets_away_to_come_back(sqlite_database: Database) -> None:
    """I3: another epoch means "start over"."""
    world = await world_of(sqlite_database)
    pipe, old = Pipe(), Cursor("00000000", 7)
    world.rooms.enter(world.admission(), start_at(None, old), pipe)
    await world.append([("one", "call", 1)])
    await eventually(lambda: pipe.left_with is not None)
    name, body = event_of(pipe.read()[-1])
    assert (name, body["code"], body["retry"]) == ("goodbye", "cursor_expired", True)
    await world.rooms.close()
