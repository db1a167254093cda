"""Several Evolution servers: they come and go, fail each for itself, and prove who has which instance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest
from tests.oracle.traffic import rouse
from tests.support.fleet_world import SEALING_KEY, FleetWorld, fleet_world
from tests.support.simulator import running_simulator, until

from ponteio.fleet import Fleet, _all_of
from ponteio.model.identity import InstanceChange, OrganizationScope, Server
from ponteio.model.link import GapKind, LinkState, LinkTarget
from ponteio.model.outcome import (
    ADDRESS_REFUSED,
    CLAIM_REFUSED,
    INVALID_REQUEST,
    NAME_TAKEN,
    SECRET_UNREADABLE,
    SERVER_NOT_FOUND,
    TOO_MANY_LINKS,
    UPSTREAM_UNREACHABLE,
    Outcome,
    RefusalError,
)
from ponteio.observe.clock import utc_now
from ponteio.simulator import Simulator
from ponteio.storage.vault import Vault
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.servers import Servers
from ponteio.upstream.websocket_transport import AddressError


async def outcome(call: Awaitable[object]) -> Outcome:
    with pytest.raises(RefusalError) as refused:
        await call
    return refused.value.outcome


def token_of(simulator: Simulator, name: str) -> str:
    token = simulator.instance(name).token
    assert token
    return token


# Servers that come and go.


async def test_each_server_is_heard_as_its_own(tmp_path: Path) -> None:
    """I4: a name on two servers is two instances, each with its own owner."""
    async with (
        running_simulator(instances=1, seed=1) as one,
        running_simulator(instances=1, seed=2) as other,
        fleet_world(tmp_path) as world,
    ):
        first, second = await world.server(one), await world.server(other)
        await world.fleet.refresh()
        assert [station.server_id for station in world.fleet.stations()] == sorted([first.server_id, second.server_id])
        acme, beta = await world.organization("acme"), await world.organization("beta")
        await world.give(acme, first, "loja-01")
        await world.give(beta, second, "loja-01")
        for server, simulator in ((first, one), (second, other)):
            await world.is_linked(server, "loja-01")
            before = len(world.heard(server))
            simulator.emit("loja-01", "chats.update", [])
            await world.sink.holds(len(world.sink.frames) + 1)
            assert len(world.heard(server)) > before
        mine, theirs = (world.directory.instance(scope, "loja-01") for scope in (acme, beta))
        assert mine is not None
        assert theirs is not None
        assert (mine.server_id, theirs.server_id) == (first.server_id, second.server_id)


async def test_a_server_that_another_process_adds_and_removes_comes_and_goes(tmp_path: Path) -> None:
    """I8: what nobody wants to hear any more is no gap that lasts."""
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        office = Directory(world.database)
        await office.load()
        desk = Servers(world.database, office, Vault([SEALING_KEY]))
        server = await desk.add(simulator.url, simulator.api_key, global_events=True, allow_private=True)
        await world.directory.refresh()
        await world.fleet.refresh()
        acme = await world.organization("acme")
        await world.give(acme, server, "loja-01")
        await world.is_linked(server)
        await world.is_known(server, "loja-01")
        await simulator.go_down()
        await until(lambda: world.link(server).state is LinkState.UNREACHABLE)
        await office.refresh()
        await desk.remove(server.server_id)
        await world.directory.refresh()
        await world.fleet.refresh()
        assert world.fleet.stations() == []
        assert world.directory.instances(acme) == []
        with pytest.raises(RefusalError) as refused:
            world.fleet.station(server.server_id)
        assert refused.value.outcome is SERVER_NOT_FOUND
        gaps = await world.gaps.list(server.server_id, 10)
        assert gaps
        assert all(gap.to_at is not None for gap in gaps)


async def test_a_list_that_is_still_on_its_way_does_not_bring_a_removed_server_back(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        server = await world.server(simulator)
        await world.fleet.refresh()
        known = await world.is_known(server, "loja-01")
        acme = await world.organization("acme")
        await world.give(acme, server, "loja-01")
        await world.servers.remove(server.server_id)
        again = InstanceChange(upstream_id=known.upstream_id)
        assert await world.directory.register(server.server_id, {"loja-01": again, "new": again}) == []
        assert world.directory.instances(acme) == []
        assert world.directory.find(server.server_id, "new") is None


async def test_a_new_label_disturbs_no_link_and_a_new_key_dials_anew(tmp_path: Path) -> None:
    async with (
        running_simulator(instances=1, allowed_hosts="nobody", api_key="x" * 24 + "same") as simulator,
        fleet_world(tmp_path) as world,
    ):
        wrong = "y" * 24 + "same"
        server = await world.server(simulator, global_events=True)
        await world.fleet.refresh()
        await world.is_linked(server)
        station = world.fleet.station(server.server_id)
        await world.servers.change(server.server_id, label="ours")
        await world.fleet.refresh()
        assert world.fleet.station(server.server_id) is station
        assert (station.server.label, world.link(server).state) == ("ours", LinkState.CONNECTED)
        await world.servers.change(server.server_id, key=wrong)
        await world.fleet.refresh()
        assert world.fleet.station(server.server_id) is not station
        await until(lambda: world.link(server).state is LinkState.AUTH_FAILED)
        assert wrong.encode() not in repr(world.statuses).encode()
        await world.servers.change(server.server_id, key=simulator.api_key)
        await world.fleet.refresh()
        await world.is_linked(server)


async def test_keys_that_were_sealed_anew_disturb_no_link(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        server = await world.server(simulator, global_events=True)
        await world.fleet.refresh()
        await world.is_linked(server)
        station = world.fleet.station(server.server_id)
        await world.servers.change(server.server_id, key=simulator.api_key)
        assert world.directory.server(server.server_id) != server
        await world.fleet.refresh()
        assert world.fleet.station(server.server_id) is station
        assert world.link(server).reconnects == 0


# Failures.


async def test_a_key_that_cannot_be_opened_stops_no_other_server(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as good, running_simulator(instances=1) as sealed:
        async with fleet_world(tmp_path, starts=False) as former:
            shut = await former.server(sealed)
        async with fleet_world(tmp_path, sealing_key=Vault.new_key()) as world:
            assert world.fleet.refusal_of(shut.server_id) is SECRET_UNREADABLE
            assert not world.fleet.is_reachable(shut.server_id)
            with pytest.raises(RefusalError) as refused:
                world.fleet.station(shut.server_id)
            assert refused.value.outcome is SECRET_UNREADABLE
            told = world.statuses[-1]
            assert (told.target, told.state) == (LinkTarget(shut.server_id), LinkState.OFF)
            assert told.reason == SECRET_UNREADABLE.code
            server = await world.server(good, global_events=True)
            await world.fleet.refresh()
            await world.is_linked(server)
            assert world.fleet.refusal_of(server.server_id) is None
            await world.servers.change(shut.server_id, key=sealed.api_key, global_events=True)
            await world.fleet.refresh()
            await world.is_linked(shut)


async def test_a_server_that_is_away_stops_no_other_server(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path, starts=False) as world:
        away = await world.servers.add("http://127.0.0.1:1", "k" * 20, global_events=True, allow_private=True)
        server = await world.server(simulator, global_events=True)
        await world.fleet.open()
        assert world.link(server).state is LinkState.OFF
        await world.fleet.start()
        await world.is_linked(server)
        assert world.link(away).state in (LinkState.CONNECTING, LinkState.UNREACHABLE)
        assert await outcome(world.fleet.claim(away.server_id, "x", "t" * 20, "org_x")) is UPSTREAM_UNREACHABLE


async def test_private_addresses_are_the_operators_word(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        server = await world.servers.add(simulator.url, simulator.api_key, global_events=True)
        await world.fleet.refresh()
        await until(lambda: world.link(server).state is LinkState.UNREACHABLE)
        claim = world.fleet.claim(server.server_id, "loja-01", token_of(simulator, "loja-01"), "org_x")
        assert await outcome(claim) is ADDRESS_REFUSED


async def test_the_environments_server_must_be_usable(tmp_path: Path) -> None:
    async with fleet_world(tmp_path, starts=False) as world:
        await world.directory.ensure_server("main", "http://[broken")

        async def key_of(_server: Server) -> str:
            return "k" * 20

        fleet = Fleet(world.needs, key_of)
        with pytest.raises((AddressError, ValueError)):
            await fleet.open()
        assert fleet.refusal_of("main") is ADDRESS_REFUSED
        await fleet.hang_up()
        await fleet.close()


async def test_a_part_that_fails_to_stop_stops_no_other() -> None:
    done = asyncio.Event()

    async def fail() -> None:
        raise OSError

    async def work() -> None:
        done.set()

    await _all_of([fail(), work()])
    assert done.is_set()


async def test_gaps_of_a_server_that_was_removed_meanwhile_are_over(tmp_path: Path) -> None:
    """I8: a gap ends when nobody wants to hear any more."""
    async with running_simulator(instances=1) as simulator:
        async with fleet_world(tmp_path, starts=False) as world:
            server = await world.server(simulator)
            await world.gaps.open(LinkTarget(server.server_id), GapKind.LINK_DOWN, utc_now())
            await world.servers.remove(server.server_id)
            await world.gaps.open(LinkTarget(server.server_id, "late"), GapKind.LINK_DOWN, utc_now())
        async with fleet_world(tmp_path) as world:
            gaps = await world.gaps.list(server.server_id, 10)
            assert len(gaps) == 2
            assert all(gap.to_at is not None and gap.to_at >= gap.from_at for gap in gaps)


async def test_which_server_is_meant_must_be_said_where_there_are_several(tmp_path: Path) -> None:
    async with running_simulator() as one, running_simulator() as other, fleet_world(tmp_path) as world:
        with pytest.raises(RefusalError) as refused:
            world.fleet.station()
        assert refused.value.outcome is SERVER_NOT_FOUND
        first = await world.server(one)
        await world.fleet.refresh()
        assert world.fleet.station().server_id == first.server_id
        await world.server(other)
        await world.fleet.refresh()
        with pytest.raises(RefusalError) as refused:
            world.fleet.station()
        assert refused.value.outcome is INVALID_REQUEST


async def test_a_fleet_that_hung_up_hires_nobody(tmp_path: Path) -> None:
    async with running_simulator() as simulator, fleet_world(tmp_path) as world:
        await world.fleet.hang_up()
        await world.server(simulator)
        await world.fleet.refresh()
        assert world.fleet.stations() == []


# Limits.


async def test_the_limit_of_links_is_one_for_all_servers(tmp_path: Path) -> None:
    async with (
        running_simulator(instances=3, seed=1) as one,
        running_simulator(instances=3, seed=2) as other,
        fleet_world(tmp_path) as world,
    ):
        for simulator in (one, other):
            rouse(simulator, ("loja-01", "loja-02", "loja-03"))
        added = [await world.server(one), await world.server(other)]
        first, second = sorted(added, key=lambda server: server.server_id)
        await world.fleet.refresh()
        acme = await world.organization("acme")
        await world.directory.set_limits(acme.organization_id, {"links": 2})
        await world.give(acme, second, "loja-03")
        await world.is_linked(second, "loja-03")
        await world.give(acme, first, "loja-01", "loja-02")
        for name in ("loja-01", "loja-02"):
            await world.is_linked(first, name)
        await until(lambda: world.link(second, "loja-03").reason == TOO_MANY_LINKS.code)
        (notice,) = world.notices.of(acme.organization_id)
        assert (notice.code, notice.count) == (TOO_MANY_LINKS.code, 1)
        there, here = (world.fleet.station(server.server_id).links for server in (first, second))
        assert await outcome(here.connect_instance("loja-03")) is TOO_MANY_LINKS
        await there.disconnect_instance("loja-02")
        await world.is_linked(second, "loja-03")
        await there.connect_instance("loja-02")
        await until(lambda: world.link(second, "loja-03").reason == TOO_MANY_LINKS.code)
        await world.servers.remove(first.server_id)
        await world.fleet.refresh()
        await world.is_linked(second, "loja-03")


# Claims.


async def claimable(world: FleetWorld, simulator: Simulator) -> tuple[Server, OrganizationScope, OrganizationScope]:
    server = await world.server(simulator)
    await world.fleet.refresh()
    await world.is_known(server, "loja-01")
    return server, await world.organization("acme"), await world.organization("beta")


async def test_whoever_proves_the_token_gets_the_instance(tmp_path: Path) -> None:
    async with running_simulator(instances=2) as simulator, fleet_world(tmp_path) as world:
        server, acme, _ = await claimable(world, simulator)
        token = token_of(simulator, "loja-01")
        claimed = await world.fleet.claim(None, "loja-01", token, acme.organization_id)
        assert (claimed.organization_id, claimed.upstream_id) == (
            acme.organization_id,
            simulator.instance("loja-01").instance_id,
        )
        assert world.told[-1] == claimed
        assert world.secrets.found_in(token.encode()) != ()
        await world.is_linked(server, "loja-01")
        again = await world.fleet.claim(server.server_id, "loja-01", token, acme.organization_id)
        assert again == claimed


async def test_every_claim_that_proves_nothing_is_refused_alike(tmp_path: Path) -> None:
    """I4: whether a name is there, and whose it is, is not told to who cannot prove it."""
    async with running_simulator(instances=3) as simulator, fleet_world(tmp_path) as world:
        server, acme, beta = await claimable(world, simulator)
        await world.give(beta, server, "loja-02")
        token, foreign = token_of(simulator, "loja-01"), token_of(simulator, "loja-02")
        details = set()
        for name, tried in (
            ("nobody", token),
            ("loja-01", "a token that nobody has"),
            ("loja-01", foreign),
            ("loja-01", token + "\r\nx: y"),
            ("loja-01", token + "€"),
            ("loja-01", ""),
            ("loja-01", simulator.api_key),
            ("loja-01?instanceName=loja-03", token_of(simulator, "loja-03")),
            ("loja-02", foreign),
            ("loja-02", token),
            (".", token),
            ("LOJA-01", token),
        ):
            with pytest.raises(RefusalError) as refused:
                await world.fleet.claim(server.server_id, name, tried, acme.organization_id)
            assert refused.value.outcome is CLAIM_REFUSED, (name, tried)
            details.add((refused.value.detail, str(refused.value.extra)))
        assert len(details) == 1
        assert world.directory.instances(acme) == []
        assert [one.name for one in world.directory.instances(beta)] == ["loja-02"]


async def test_a_token_that_proves_nothing_becomes_no_secret(tmp_path: Path) -> None:
    """Secrets are taken out of everybody's events: whoever could make one of any word could spoil them."""
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        _, acme, _ = await claimable(world, simulator)
        word = "5511999990000@s.whatsapp.net"
        assert await outcome(world.fleet.claim(None, "loja-01", word, acme.organization_id)) is CLAIM_REFUSED
        assert world.secrets.found_in(word.encode()) == ()


async def test_of_two_who_claim_at_once_one_gets_it(tmp_path: Path) -> None:
    """I4: an instance has one owner."""
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        _, acme, beta = await claimable(world, simulator)
        token = token_of(simulator, "loja-01")
        claims = [world.fleet.claim(None, "loja-01", token, scope.organization_id) for scope in (acme, beta)]
        first, second = await asyncio.gather(*claims, return_exceptions=True)
        refused = first if isinstance(first, RefusalError) else second
        assert isinstance(refused, RefusalError)
        assert refused.outcome is CLAIM_REFUSED
        assert len(world.directory.instances(acme)) + len(world.directory.instances(beta)) == 1


async def test_a_new_instance_under_an_old_name_can_be_claimed_before_the_list_was_read(tmp_path: Path) -> None:
    async with running_simulator(instances=1) as simulator, fleet_world(tmp_path) as world:
        server, acme, beta = await claimable(world, simulator)
        stale = InstanceChange(upstream_id="an id of before")
        await world.directory.register(server.server_id, {"loja-01": stale})
        await world.give(beta, server, "loja-01")
        claimed = await world.fleet.claim(None, "loja-01", token_of(simulator, "loja-01"), acme.organization_id)
        assert claimed.organization_id == acme.organization_id
        assert world.directory.instances(beta) == []


async def test_a_name_that_the_organization_has_elsewhere_cannot_be_claimed(tmp_path: Path) -> None:
    async with (
        running_simulator(instances=1, seed=1) as one,
        running_simulator(instances=1, seed=2) as other,
        fleet_world(tmp_path) as world,
    ):
        server, acme, _ = await claimable(world, one)
        await world.give(acme, server, "loja-01")
        second = await world.server(other)
        await world.fleet.refresh()
        claim = world.fleet.claim(second.server_id, "loja-01", token_of(other, "loja-01"), acme.organization_id)
        assert await outcome(claim) is NAME_TAKEN
