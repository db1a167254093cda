"""The link service in both modes, by hand and by itself, against the simulator, real Node and servers made by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from tests.support.databases import migrated, sqlite_url
from tests.support.evolution_peer import evolution_peer
from tests.support.link_rig import QUICK, QUICK_OPTIONS, SERVER, target
from tests.support.list_sink import ListSink
from tests.support.raw_websocket import RawSocket, open_sockets, raw_server
from tests.support.simulator import running_simulator, until

from ponteio.eventlog.gaps import GapLog
from ponteio.model import outcome
from ponteio.model.identity import InstanceChange, OrganizationScope
from ponteio.model.link import GapKind, LinkState, LinkStatus
from ponteio.model.outcome import RefusalError
from ponteio.observe.clock import utc_now
from ponteio.observe.counters import Counters
from ponteio.simulator.emission import EmittedEvent
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.link_intents import LinkIntents
from ponteio.upstream.evolution_websocket import EvolutionWebSocket
from ponteio.upstream.link import LinkOptions
from ponteio.upstream.websocket_transport import AddressError

CONNECTED, PENDING, OFF = LinkState.CONNECTED, LinkState.NAMESPACE_PENDING, LinkState.OFF
NOWHERE = "http://127.0.0.1:1"


@dataclass
class House:
    """A database with two organizations, and as many link services on it as a test starts."""

    database: Database
    directory: Directory
    scopes: dict[str, OrganizationScope]
    sink: ListSink = field(default_factory=ListSink)
    counters: Counters = field(default_factory=Counters)
    statuses: list[LinkStatus] = field(default_factory=list)

    @property
    def gaps(self) -> GapLog:
        return GapLog(self.database)

    @property
    def intents(self) -> LinkIntents:
        return LinkIntents(self.database)

    async def assign(self, organization: str, *names: str) -> None:
        for name in names:
            await self.directory.assign(name, self.scopes[organization].organization_id, server_id=SERVER)

    def service(
        self,
        url: str,
        *,
        global_events: bool = False,
        enabled: bool = True,
        key: str = "",
        options: LinkOptions = QUICK_OPTIONS,
        notices: LimitNotices | None = None,
    ) -> EvolutionWebSocket:
        return EvolutionWebSocket(
            server_id=SERVER,
            url=url,
            key=key,
            enabled=enabled,
            global_events=global_events,
            directory=self.directory,
            intents=self.intents,
            gaps=self.gaps,
            counters=self.counters,
            sink=self.sink,
            on_status=self.statuses.append,
            notices=notices,
            options=options,
            clock=utc_now,
            rng=random.Random(3),
        )

    @asynccontextmanager
    async def running(
        self,
        url: str,
        *,
        global_events: bool = False,
        key: str = "",
        options: LinkOptions = QUICK_OPTIONS,
    ) -> AsyncIterator[EvolutionWebSocket]:
        service = self.service(url, global_events=global_events, key=key, options=options)
        await service.start()
        try:
            yield service
        finally:
            await service.stop()


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    async with migrated(sqlite_url(folder)) as database:
        directory = Directory(database, utc_now)
        await directory.ensure_server(SERVER, "http://evolution")
        await directory.load()
        scopes = {}
        for name in ("a", "b"):
            organization = await directory.create_organization(name)
            scopes[name] = directory.scope_of(organization.organization_id)
        yield House(database, directory, scopes)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        before, tasks = open_sockets(), len(asyncio.all_tasks())
        yield opened
        await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) <= tasks, timeout_s=3)


async def everybody(peer: RawSocket) -> None:
    """Let everyone into whatever they ask for."""
    await peer.join()
    await peer.hang()


def states(service: EvolutionWebSocket) -> dict[str | None, LinkState]:
    return {status.target.instance: status.state for status in service.statuses()}


async def settles(service: EvolutionWebSocket, expected: dict[str | None, LinkState]) -> None:
    with contextlib.suppress(TimeoutError):
        await until(lambda: states(service) == expected, timeout_s=8)
    assert states(service) == expected


async def fails(service: EvolutionWebSocket, reason: str) -> None:
    await until(lambda: service.status(target(None)).reason == reason)


# What the modes want.


async def test_global_mode_listens_at_the_root_alone(house: House) -> None:
    await house.assign("a", "alpha")
    async with raw_server(everybody) as url, house.running(url, global_events=True) as service:
        await settles(service, {None: CONNECTED})
        assert (service.enabled, service.global_events) == (True, True)
        assert service.status(target("alpha")).state is OFF


async def test_traditional_mode_listens_at_each_owned_instance_and_follows_the_directory(house: House) -> None:
    await house.assign("a", "alpha")
    await house.directory.register(SERVER, {"nobodys": InstanceChange(upstream_id="u1")})
    async with raw_server(everybody) as url, house.running(url) as service:
        house.directory.on_change(service.reconcile)
        await settles(service, {"alpha": CONNECTED})
        await house.assign("b", "beta", "nobodys")
        await settles(service, {"alpha": CONNECTED, "beta": CONNECTED, "nobodys": CONNECTED})
        await house.directory.unassign("beta", server_id=SERVER)
        assert states(service) == {"alpha": CONNECTED, "nobodys": CONNECTED}
        await house.directory.note(SERVER, "nobodys", InstanceChange(removed=True))
        assert states(service) == {"alpha": CONNECTED}
        assert service.status(target("alpha")).reconnects == 0


async def test_a_name_with_a_comma_is_shown_as_unlinkable_and_refused_by_hand(house: House) -> None:
    await house.assign("a", "a,b")
    async with raw_server(everybody) as url, house.running(url) as service:
        assert states(service) == {"a,b": LinkState.UNLINKABLE}
        for name in ("a,b", ""):
            with pytest.raises(RefusalError) as caught:
                await service.connect_instance(name)
            assert caught.value.outcome is outcome.UNLINKABLE_NAME


async def test_nothing_dials_and_everything_refuses_where_websocket_is_switched_off(house: House) -> None:
    await house.assign("a", "alpha")
    await house.intents.put(target("alpha"), True)
    visits: list[bytes] = []

    async def serve(peer: RawSocket) -> None:
        visits.append(await peer.request())

    async with raw_server(serve) as url:
        service = house.service(url, enabled=False)
        await service.start()
        calls = [
            service.connect_global(),
            service.disconnect_global(),
            service.connect_instance("alpha"),
            service.disconnect_instance("alpha"),
            service.connect_all(None),
            service.disconnect_all(None),
        ]
        for call in calls:
            with pytest.raises(RefusalError) as caught:
                await call
            assert caught.value.outcome is outcome.WEBSOCKET_DISABLED
        service.reconcile()
        await asyncio.sleep(0.1)
        assert service.statuses() == []
        await service.stop()
    assert visits == []
    assert house.counters.total("upstream_dials") == 0


async def test_a_bad_address_or_key_is_refused_before_anything_starts(house: House) -> None:
    with pytest.raises(AddressError):
        house.service("evolution:8080")
    with pytest.raises(ValueError, match="key"):
        house.service(NOWHERE, key="two\nlines")


# By hand.


async def test_what_is_done_by_hand_survives_the_process(house: House) -> None:
    await house.assign("a", "alpha", "beta")
    async with raw_server(everybody) as url:
        async with house.running(url) as service:
            assert (await service.disconnect_instance("alpha")).state is OFF
            await service.connect_global()
            await settles(service, {None: CONNECTED, "alpha": OFF, "beta": CONNECTED})
        async with house.running(url) as service:
            await settles(service, {None: CONNECTED, "beta": CONNECTED})
            await service.connect_instance("alpha")
            await service.disconnect_global()
            await settles(service, {None: OFF, "alpha": CONNECTED, "beta": CONNECTED})
        async with house.running(url) as service:
            await settles(service, {"alpha": CONNECTED, "beta": CONNECTED})


async def test_connecting_again_is_harmless(house: House) -> None:
    await house.assign("a", "alpha")
    async with raw_server(everybody) as url, house.running(url) as service:
        await settles(service, {"alpha": CONNECTED})
        for _ in range(5):
            assert (await service.connect_instance("alpha")).state is CONNECTED
            await service.connect_all(None)
        service.reconcile()
        assert house.counters.total("upstream_dials") == 1
        for _ in range(3):
            assert (await service.disconnect_instance("alpha")).state is OFF


async def test_connecting_by_hand_tries_at_once_and_reconciling_does_not(house: House) -> None:
    await house.assign("a", "alpha")
    patient = replace(QUICK_OPTIONS, retry=replace(QUICK, auth_base_s=200.0, auth_cap_s=300.0))
    right = "right"

    async def serve(peer: RawSocket) -> None:
        if f"apikey: {right}".encode() in await peer.request():
            return
        peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 20\r\n\r\nInvalid global token")

    async with raw_server(serve) as url, house.running(url, key="wrong", options=patient) as service:
        await settles(service, {"alpha": LinkState.AUTH_FAILED})
        for _ in range(5):
            service.reconcile()
        await asyncio.sleep(0.05)
        assert service.status(target("alpha")).attempts == 1
        await service.connect_instance("alpha")
        await until(lambda: service.status(target("alpha")).attempts == 2)
        async with asyncio.timeout(5):  # a wish during the second try is granted already
            while service.status(target("alpha")).attempts < 3:
                await service.connect_all(house.scopes["a"])
                await asyncio.sleep(0.002)


async def test_connect_all_and_disconnect_all_stay_within_the_scope_in_traditional_mode(house: House) -> None:
    await house.assign("a", "a1", "a2")
    await house.assign("b", "b1")
    async with raw_server(everybody) as url, house.running(url) as service:
        await service.connect_global()
        await settles(service, {None: CONNECTED, "a1": CONNECTED, "a2": CONNECTED, "b1": CONNECTED})
        told = await service.disconnect_all(house.scopes["a"])
        assert [(each.target.instance, each.state) for each in told] == [("a1", OFF), ("a2", OFF)]
        assert states(service) == {None: CONNECTED, "a1": OFF, "a2": OFF, "b1": CONNECTED}
        told = await service.connect_all(house.scopes["b"])
        assert [each.target.instance for each in told] == ["b1"]
        assert states(service)["a1"] is OFF
        await service.connect_all(house.scopes["a"])
        await settles(service, {None: CONNECTED, "a1": CONNECTED, "a2": CONNECTED, "b1": CONNECTED})
        await service.disconnect_all(None)
        assert set(states(service).values()) == {OFF}
        await service.connect_all(None)
        await settles(service, {None: OFF, "a1": CONNECTED, "a2": CONNECTED, "b1": CONNECTED})
        assert target("a1") not in await house.intents.all(SERVER)


async def test_connect_all_in_global_mode_is_the_root_and_only_the_operators(house: House) -> None:
    await house.assign("a", "a1")
    async with raw_server(everybody) as url, house.running(url, global_events=True) as service:
        await service.connect_instance("a1")
        await settles(service, {None: CONNECTED, "a1": CONNECTED})
        await service.disconnect_all(None)
        assert set(states(service).values()) == {OFF}
        (told,) = await service.connect_all(house.scopes["a"])
        assert (told.target.is_global, told.state) == (True, OFF)
        assert states(service)[None] is OFF
        (told,) = await service.connect_all(None)
        assert told.target.is_global
        await settles(service, {None: CONNECTED, "a1": OFF})
        await service.disconnect_all(house.scopes["a"])
        assert states(service)[None] is CONNECTED


async def test_what_one_owner_wanted_does_not_bind_the_next(house: House) -> None:
    await house.assign("a", "alpha")
    await house.directory.register(SERVER, {"gone": InstanceChange(upstream_id="u1")})
    async with raw_server(everybody) as url, house.running(url) as service:
        house.directory.on_change(service.reconcile)
        await service.disconnect_instance("alpha")
        await service.connect_instance("gone")
        await settles(service, {"alpha": OFF, "gone": CONNECTED})
        await house.assign("b", "alpha")
        await settles(service, {"alpha": CONNECTED, "gone": CONNECTED})
        await house.directory.note(SERVER, "gone", InstanceChange(removed=True))
        await settles(service, {"alpha": CONNECTED})
    assert await house.intents.all(SERVER) == {}


# Numbers.


async def test_300_links_come_up_and_go_down_leaving_nothing(house: House) -> None:
    names = [f"instance-{number:03d}" for number in range(300)]
    await house.directory.register(SERVER, {name: InstanceChange(upstream_id=name) for name in names})
    for name in names:
        await house.intents.put(target(name), True)
    async with raw_server(everybody) as url:
        async with house.running(url, global_events=True) as service:
            await until(lambda: len(service.statuses()) == 301)
            await until(lambda: set(states(service).values()) == {CONNECTED}, timeout_s=20)
            assert house.counters.total("upstream_dials") == 301
            links = {each.get_name() for each in asyncio.all_tasks()} & {"link dial"}
            assert links == set()
        assert set(states(service).values()) == {OFF}


async def test_no_more_than_20_dials_a_second_shared_fairly(house: House) -> None:
    names = [f"instance-{number:02d}" for number in range(10)]
    await house.assign("a", *names)
    loop = asyncio.get_running_loop()
    dials: list[float] = []

    async def serve(peer: RawSocket) -> None:
        dials.append(loop.time())

    eager = LinkOptions(retry=replace(QUICK, base_s=0.001, cap_s=0.001))
    async with raw_server(serve) as url, house.running(url, options=eager) as service:
        await until(lambda: len(dials) >= 25)
        attempts = Counter({each.target.instance: each.attempts for each in service.statuses()})
    assert dials[24] - dials[0] >= 24 / 20 - 0.1
    assert max(attempts.values()) - min(attempts.values()) <= 1


# What lasts.


async def test_a_restart_of_the_gateway_is_a_gap_from_stop_to_join(house: House) -> None:
    """I8: the gateway's own absence is recorded, for links that are still wanted."""
    await house.assign("a", "alpha", "beta")
    async with raw_server(everybody) as url:
        async with house.running(url) as service:
            await settles(service, {"alpha": CONNECTED, "beta": CONNECTED})
        assert {gap.to_at for gap in await house.gaps.list(SERVER, 10)} == {None}
        await house.intents.put(target("beta"), False)
        async with house.running(url) as service:
            await settles(service, {"alpha": CONNECTED})
            await until(lambda: service.status(target("alpha")).state is CONNECTED)
        gaps = [gap for gap in await house.gaps.list(SERVER, 10) if gap.to_at is not None]
        assert {(gap.target, gap.kind) for gap in gaps} == {
            (target("alpha"), GapKind.LINK_DOWN),
            (target("beta"), GapKind.LINK_DOWN),
        }


async def test_stop_ends_dials_that_never_end(house: House) -> None:
    await house.assign("a", *(f"i{number}" for number in range(20)))
    async with raw_server(lambda peer: peer.hang()) as url:
        async with house.running(url) as service:
            await until(lambda: house.counters.total("upstream_dials") == 20)
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 2
        await service.stop()


async def test_every_change_of_state_is_told_once(house: House) -> None:
    await house.assign("a", "alpha")
    async with raw_server(everybody) as url, house.running(url) as service:
        await settles(service, {"alpha": CONNECTED})
        await service.disconnect_instance("alpha")
    told = [(each.target.instance, each.state) for each in house.statuses]
    assert told == [("alpha", LinkState.CONNECTING), ("alpha", CONNECTED), ("alpha", OFF)]


# Real servers.


@pytest.mark.node
async def test_both_kinds_at_once_hear_each_event_twice_on_two_transports(house: House) -> None:
    await house.assign("a", "alpha", "beta")
    async with evolution_peer(key="right") as peer, house.running(peer.url, key="right") as service:
        await service.connect_global()
        for name in ("alpha", "beta"):
            await peer.tell("burst", instance=name, count=1)
        await settles(service, {None: CONNECTED, "alpha": CONNECTED, "beta": CONNECTED})
        house.sink.frames.clear()
        await peer.tell("burst", instance="alpha", count=3)
        await until(lambda: len(house.sink.frames) == 6)
        assert Counter(each.target for each in house.sink.frames) == {target(None): 3, target("alpha"): 3}
        assert len((await peer.state())["handshakes"]) == 3


@pytest.mark.node
async def test_a_pending_or_missing_namespace_disturbs_no_other_instance(house: House) -> None:
    await house.assign("a", "alive", "quiet", "no such instance")
    async with evolution_peer(globalEvents=False) as peer, house.running(peer.url) as service:
        await peer.tell("burst", instance="alive", count=1)
        await settles(service, {"alive": CONNECTED, "quiet": PENDING, "no such instance": PENDING})
        for number in range(10):
            await peer.tell("burst", instance="alive", count=10)
            await house.sink.holds((number + 1) * 10)
        assert service.status(target("alive")).reconnects == 0
        assert {each.target for each in house.sink.frames} == {target("alive")}


SLACK = timedelta(milliseconds=2)  # `date_time` has whole milliseconds


def missing(house: House, emitted: Sequence[EmittedEvent]) -> list[EmittedEvent]:
    """The emitted events that reached no link."""
    heard: Counter[tuple[str, str, str]] = Counter()
    for each in house.sink.frames:
        envelope = json.loads(each.payload)[1]
        heard[envelope["instance"], envelope["event"], envelope["date_time"]] += 1
    unheard = []
    for event in emitted:
        key = (event.instance, event.event, event.envelope["date_time"])
        if heard[key]:
            heard[key] -= 1
        else:
            unheard.append(event)
    return unheard


@pytest.mark.parametrize("global_events", [True, False])
async def test_three_restarts_under_load_lose_only_what_fell_into_gaps(house: House, global_events: bool) -> None:
    """I8: every event that the simulator emitted was heard, or fell into a recorded gap."""
    async with running_simulator(instances=2, global_events=global_events, rate=300.0, tz="UTC") as simulator:
        names = [each.name for each in simulator.world]
        await house.assign("a", *names)
        expected = dict.fromkeys([None] if global_events else names, CONNECTED)
        async with house.running(simulator.url, global_events=global_events) as service:
            await settles(service, expected)
            first = len(simulator.emitted)
            for _ in range(3):
                heard = len(house.sink.frames)
                await house.sink.holds(heard + 20)
                await simulator.restart(0.1)
                await settles(service, expected)
            emitted = list(simulator.emitted)[first:]
            await house.sink.holds(len(house.sink.frames) + 40)
        assert simulator.client_events == []
        gaps = await house.gaps.list(SERVER, 1000)
        assert len(gaps) >= 3
        if not global_events:
            emitted = [each for each in emitted if each.namespace_recipients is not None]
        unheard = missing(house, emitted)
        assert len(unheard) < len(emitted)
        for event in unheard:
            at = datetime.fromisoformat(event.envelope["date_time"])
            mine = [gap for gap in gaps if gap.target.instance in (None, event.instance)]
            assert any(gap.from_at - SLACK <= at <= (gap.to_at or at) + SLACK for gap in mine), event


async def test_the_simulators_mishaps_are_survived(house: House) -> None:
    async with running_simulator(
        instances=1, allowed_hosts="10.9.9.9", ping_interval_s=0.5, ping_timeout_s=0.5
    ) as world:
        (name,) = (each.name for each in world.world)
        await house.assign("a", name)
        options = replace(QUICK_OPTIONS, retry=replace(QUICK, handshake_s=0.5))
        async with house.running(world.url, global_events=True, key=world.api_key, options=options) as service:
            await settles(service, {None: CONNECTED})
            world.drop()
            await until(lambda: service.status(target(None)).reconnects == 1)
            world.refuse_key()
            world.drop()
            await settles(service, {None: LinkState.AUTH_FAILED})
            world.refuse_key(False)
            await settles(service, {None: CONNECTED})
            for mishap, reason in (("garbage_handshake", "protocol_fault"), ("html_502", "http_502")):
                setattr(world.chaos, mishap, True)
                world.drop()
                await fails(service, reason)
                setattr(world.chaos, mishap, False)
                await settles(service, {None: CONNECTED})
            world.freeze()
            await settles(service, {None: LinkState.UNREACHABLE})
            world.thaw()
            await settles(service, {None: CONNECTED})
            world.emit_big(name, 20.0)
            await until(lambda: house.sink.frames)
            assert house.sink.frames[-1].size > 20_000_000
        assert world.client_events == []


async def test_a_simulator_without_websocket_says_so(house: House) -> None:
    async with (
        running_simulator(instances=1, websocket_enabled=False) as world,
        house.running(world.url, global_events=True) as service,
    ):
        await settles(service, {None: LinkState.UPSTREAM_DISABLED})


def test_the_service_works_on_uvloop_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_house(tmp_path) as house, running_simulator(instances=2) as world:
            names = [each.name for each in world.world]
            await house.assign("a", *names)
            async with house.running(world.url, global_events=True) as service:
                await settles(service, {None: CONNECTED})
                await world.flood(names[0], 500, size=1000)
                await until(lambda: len(house.sink.frames) >= 500)
                await world.restart(0.05)
                await until(lambda: service.status(target(None)).reconnects == 1)

    uvloop.run(scenario())


# Limits.


@dataclass
class Limited:
    """A house whose organization `a` may have so many links, with all who are told."""

    house: House
    notices: LimitNotices = field(default_factory=lambda: LimitNotices(Counters()))

    async def allow(self, links: int | None) -> None:
        await self.house.directory.set_limits(self.house.scopes["a"].organization_id, {"links": links})

    @property
    def count(self) -> int:
        return sum(notice.count for notice in self.notices.of(self.house.scopes["a"].organization_id))

    @asynccontextmanager
    async def running(self, url: str) -> AsyncIterator[EvolutionWebSocket]:
        service = self.house.service(url, notices=self.notices)
        self.house.directory.on_change(service.reconcile)
        await service.start()
        try:
            yield service
        finally:
            await service.stop()


async def test_links_beyond_the_limit_wait_and_say_so(house: House) -> None:
    limited = Limited(house)
    await limited.allow(2)
    await house.assign("a", "one", "two", "three")
    await house.assign("b", "other")
    async with raw_server(everybody) as url, limited.running(url) as service:
        # By name: "one", "three", and then "two".
        await settles(service, {"one": CONNECTED, "three": CONNECTED, "two": OFF, "other": CONNECTED})
        waiting = service.status(target("two"))
        assert (waiting.reason, waiting.detail) == ("too_many_links", outcome.TOO_MANY_LINKS.title)
        assert waiting in house.statuses
        assert limited.count == 1
        service.reconcile()
        assert limited.count == 1
        await limited.allow(3)
        await settles(service, {"one": CONNECTED, "three": CONNECTED, "two": CONNECTED, "other": CONNECTED})
        assert service.status(target("two")).reason is None
        await limited.allow(0)
        await settles(service, {"one": OFF, "three": OFF, "two": OFF, "other": CONNECTED})
        assert limited.count == 4
        await limited.allow(None)
        await settles(service, dict.fromkeys(("one", "three", "two", "other"), CONNECTED))
        assert service.status(target("other")).reconnects == 0


async def test_by_hand_nobody_gets_past_the_limit(house: House) -> None:
    limited = Limited(house)
    await limited.allow(1)
    await house.assign("a", "one", "two")
    async with raw_server(everybody) as url, limited.running(url) as service:
        await settles(service, {"one": CONNECTED, "two": OFF})
        for count in (2, 3):
            with pytest.raises(RefusalError) as caught:
                await service.connect_instance("two")
            assert caught.value.outcome is outcome.TOO_MANY_LINKS
            assert limited.count == count
            assert states(service) == {"one": CONNECTED, "two": OFF}
        await service.connect_all(house.scopes["a"])
        assert states(service) == {"one": CONNECTED, "two": OFF}
        await service.disconnect_instance("one")
        await settles(service, {"one": OFF, "two": CONNECTED})
        assert service.status(target("one")).reason is None


async def test_a_link_that_was_connected_by_hand_keeps_to_a_lower_limit(house: House) -> None:
    limited = Limited(house)
    await house.assign("a", "one", "two")
    visits: list[str] = []

    async def serve(peer: RawSocket) -> None:
        visits.append(await peer.join())
        await peer.hang()

    async with raw_server(serve) as url, limited.running(url) as service:
        await service.connect_instance("two")
        await settles(service, {"one": CONNECTED, "two": CONNECTED})
        await limited.allow(1)
        await settles(service, {"one": CONNECTED, "two": OFF})
        before = len(visits)
        with pytest.raises(RefusalError):
            await service.connect_instance("two")
        await service.connect_all(house.scopes["a"])
        await service.connect_all(None)
        assert states(service) == {"one": CONNECTED, "two": OFF}
        await house.assign("a", "another")
        await limited.allow(2)
        await settles(service, {"one": CONNECTED, "two": OFF, "another": CONNECTED})
        assert "40/two," not in visits[before:]


async def test_a_gap_of_a_link_beyond_the_limit_is_over(house: House) -> None:
    limited = Limited(house)
    await house.assign("a", "one", "two")
    for name in ("one", "two"):
        await house.gaps.open(target(name), GapKind.LINK_DOWN, utc_now())
    await limited.allow(1)
    async with raw_server(everybody) as url, limited.running(url) as service:
        await settles(service, {"one": CONNECTED, "two": OFF})
    gaps = {gap.target.instance: gap.to_at for gap in await house.gaps.list(SERVER, 10) if gap.to_at is not None}
    assert set(gaps) >= {"two"}


async def test_what_is_held_back_is_dialled_when_it_may_be(house: House) -> None:
    async with raw_server(everybody) as url, house.running(url) as service:
        house.directory.on_change(service.reconcile)
        with service.held_back("new"):
            await house.assign("a", "new", "other")
            await settles(service, {"other": CONNECTED})
        await settles(service, {"other": CONNECTED, "new": CONNECTED})
