from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy import delete, update
from tests.live.pipe import Pipe
from tests.live.stored import AT
from tests.live.test_pump import NARROWED, TINY, Client, World, world_of
from tests.support.gateway_edge import event_of, eventually

from ponteio.live.handshake import Hello, LimitError, start_at
from ponteio.live.packets import connection_status
from ponteio.live.room import Member
from ponteio.live.rooms import Rooms
from ponteio.model.cursor import Cursor
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.filter_language import parse_filter
from ponteio.model.identity import Limits
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import ORGANIZATION_NOT_FOUND, REVOKED, RefusalError
from ponteio.storage.database import Database
from ponteio.storage.tables import event_logs, events
from ponteio.tenancy.directory import Directory

CALL = ("one", "call", 1)


def caught_up(client: Client, seq: int) -> bool:
    client.read()
    return client.member is not None and client.member.cursor.seq == seq


async def test_events_that_another_process_appended_arrive_without_a_doorbell(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    await world.append([CALL] * 5, is_announced=False)
    await world.rooms.heal()
    await eventually(lambda: caught_up(client, 5))
    assert client.seen == [1, 2, 3, 4, 5]
    await world.rooms.close()


async def test_an_announcement_with_a_hole_before_it_is_completed_from_the_log(sqlite_database: Database) -> None:
    """I3: a lost announcement costs a read, not an event."""
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    await world.append([CALL], is_announced=False)
    await world.append([CALL])
    await eventually(lambda: caught_up(client, 2))
    assert client.seen == [1, 2]
    await world.rooms.close()


async def test_what_is_too_much_for_a_ring_is_read_by_each_socket_for_itself(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    await world.append([CALL] * 40, is_announced=False)
    await world.rooms.heal()
    await eventually(lambda: caught_up(client, 40))
    assert client.seen == list(range(1, 41))
    await world.rooms.close()


async def test_nothing_is_read_for_organizations_without_sockets(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    await world.append([CALL])
    await sqlite_database.close()
    await world.rooms.heal()
    assert len(world.rooms) == 0


async def test_a_room_whose_log_cannot_be_read_tries_again(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    await world.append([CALL] * 2, is_announced=False)
    await world.append([CALL], is_announced=False)
    stored = (await world.log.read_after(world.scope, Cursor(await epoch(world), 2))).events
    await sqlite_database.close()
    world.rooms.announce(stored)
    await eventually(lambda: world.counters.total("live_replay_errors") == 1)
    world.rooms.announce(stored)
    await eventually(lambda: world.counters.total("live_replay_errors") == 2)
    await world.rooms.close()


async def epoch(world: World) -> str:
    return (await world.log.head(world.scope)).epoch


async def test_a_ring_of_another_life_of_the_log_begins_anew(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    pipe = Pipe()
    member = world.rooms.enter(world.admission(), start_at(None, Cursor("00000000", 9)), pipe)
    await world.append([CALL], is_announced=False)
    await world.rooms.heal()
    await eventually(lambda: pipe.left_with is not None)
    assert member.has_left
    await world.rooms.close()


async def test_a_status_about_an_instance_is_for_those_who_want_the_instance(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    clients = [Client(EVERYTHING), Client(EventFilter.of(["one"], ["call"])), Client(EventFilter.of(["two"], None))]
    for client in clients:
        await world.connect(client)
    organization = world.scope.organization_id
    status = LinkStatus(LinkTarget("main", "one"), LinkState.CONNECTED, AT)
    world.rooms.tell([organization, "unknown"], "link /one", connection_status(status), "one")
    everywhere = connection_status(replace(status, target=LinkTarget("main")))
    world.rooms.tell([organization], "link /", everywhere, None)
    heard = [
        [event_of(packet)[1].get("instance") for packet in client.pipe.read()] for client in clients if client.pipe
    ]
    assert heard == [["one", None], ["one", None], [None]]
    await world.rooms.close()


async def test_two_organizations_never_meet(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    directory = Directory(sqlite_database)
    await directory.load()
    beta = await directory.create_organization("beta")
    other = World(sqlite_database, directory.scope_of(beta.organization_id))
    other.rooms = world.rooms
    ours, theirs = Client(EVERYTHING), Client(EVERYTHING)
    await world.connect(ours)
    await other.connect(theirs)
    await world.append([CALL] * 3)
    await other.append([CALL] * 2)
    await eventually(lambda: caught_up(ours, 3) and caught_up(theirs, 2))
    assert (world.rooms.count(None), world.rooms.count(world.scope), world.rooms.count(other.scope)) == (2, 1, 1)
    assert (ours.seen, theirs.seen) == ([1, 2, 3], [1, 2])
    world.cut(ours)
    assert world.rooms.count(world.scope) == 0
    await world.rooms.close()


async def test_who_was_dismissed_gets_nothing_more_and_is_counted_once(sqlite_database: Database) -> None:
    """I10: from the moment of the dismissal on."""
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    assert client.member is not None
    assert client.pipe is not None
    world.rooms.dismiss(client.member, REVOKED)
    world.rooms.dismiss(client.member, REVOKED)
    await world.append([CALL])
    await asyncio.sleep(0)
    assert [event_of(packet)[0] for packet in client.pipe.read()] == ["goodbye"]
    assert world.counters.refused == {"revoked": 1}
    world.rooms.pump.say(client.member, "any", connection_status(LinkStatus(LinkTarget("m"), LinkState.OFF, AT)))
    assert client.pipe.read() == []
    await world.rooms.close()


async def test_phases_of_tips_are_spread(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database, replace(TINY, tip_every_s=25.0))
    clients = [Client(EVERYTHING) for _ in range(20)]
    for client in clients:
        await world.connect(client)
    phases = sorted(client.member.next_tip_at for client in clients if client.member)
    gaps = [later - earlier for earlier, later in pairwise(phases)]
    assert max(gaps) < 3.5
    await world.rooms.close()


async def test_a_room_whose_first_member_sees_little_misses_nothing_for_the_others(sqlite_database: Database) -> None:
    """I4: what a room reads from the log is the organization's, not its first member's."""
    world = await world_of(sqlite_database)
    first, second = Client(EVERYTHING, NARROWED), Client(EVERYTHING)
    await world.connect(first)
    await world.connect(second)
    await world.append([("two", "call", 1), ("one", "call", 1), ("two", "call", 1)], is_announced=False)
    await world.rooms.heal()
    await eventually(lambda: caught_up(second, 3) and caught_up(first, 3))
    assert (first.seen, second.seen) == ([2], [1, 2, 3])
    await world.append([("two", "call", 1)], is_announced=False)
    await world.append([("two", "call", 1)])
    await eventually(lambda: caught_up(second, 5) and caught_up(first, 5))
    assert (first.seen, second.seen) == ([2], [1, 2, 3, 4, 5])
    await world.rooms.close()


async def test_news_about_an_instance_are_for_scopes_that_cover_it(sqlite_database: Database) -> None:
    """I4: whatever the filter asks for."""
    world = await world_of(sqlite_database)
    clients = [Client(EVERYTHING, NARROWED), Client(EventFilter.of(["two"]), NARROWED), Client(EVERYTHING)]
    for client in clients:
        await world.connect(client)
    for name in ("one", "two"):
        status = LinkStatus(LinkTarget("main", name), LinkState.CONNECTED, AT)
        world.rooms.tell([world.scope.organization_id], f"link /{name}", connection_status(status), name)
    told = [[event_of(packet)[1]["instance"] for packet in client.pipe.read()] for client in clients if client.pipe]
    assert told == [["one"], [], ["one", "two"]]
    await world.rooms.close()


async def test_a_place_that_is_refused_leaves_no_room(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    with pytest.raises(LimitError):
        world.rooms.reserve(world.scope.organization_id, "ana", Limits(sockets=0))
    with pytest.raises(LimitError):
        world.rooms.reserve(world.scope.organization_id, "ana", Limits(sockets_per_user=0))
    assert len(world.rooms) == 0
    world.rooms.reserve(world.scope.organization_id, "ana", Limits())
    world.rooms.release(world.scope.organization_id, "ana")
    assert len(world.rooms) == 0


async def test_a_room_of_an_organization_that_nobody_knows_is_not_made(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    directory = Directory(sqlite_database)
    rooms = Rooms(world.log, TINY, world.counters, world.notices, directory.scope_of)
    with pytest.raises(RefusalError) as caught:
        rooms.reserve("org_nobody", None, Limits())
    assert caught.value.outcome is ORGANIZATION_NOT_FOUND
    assert len(rooms) == 0


async def removed(database: Database, seqs: list[int], floor: int) -> None:
    """What the removal of old events does to the one log there is."""
    async with database.write() as connection:
        await connection.execute(delete(events).where(events.c.seq.in_(seqs)))
        await connection.execute(update(event_logs).values(floor=floor))


async def test_what_was_removed_before_the_room_read_it_leaves_a_hole_and_no_loop(sqlite_database: Database) -> None:
    """I3: what an organization keeps for a shorter time may be gone; everything else arrives."""
    world = await world_of(sqlite_database)
    client = Client(EVERYTHING)
    await world.connect(client)
    await world.append([CALL] * 6, is_announced=False)
    await removed(sqlite_database, [2, 5], floor=0)
    await world.rooms.heal()
    await eventually(lambda: caught_up(client, 6))
    assert client.seen == [1, 3, 4, 6]
    await world.append([CALL])
    await eventually(lambda: caught_up(client, 7))
    assert client.seen[-1] == 7
    await world.rooms.close()


async def test_a_socket_below_the_floor_is_sent_away_to_start_over(sqlite_database: Database) -> None:
    """I3: never a part of the log that looks whole."""
    world = await world_of(sqlite_database)
    await world.append([CALL] * 9)
    await removed(sqlite_database, [1, 2, 3, 4], floor=4)
    head = await world.log.head(world.scope)
    pipe, other = Pipe(), Pipe()
    world.rooms.enter(world.admission(), replace(start_at(None, head), cursor=head.at(3)), pipe)
    world.rooms.enter(world.admission(), replace(start_at(None, head), cursor=head.at(4)), other)
    await eventually(lambda: pipe.left_with is not None)
    name, body = event_of(pipe.read()[-1])
    assert (name, body["code"], body["retry"]) == ("goodbye", "cursor_expired", True)
    seen: list[int] = []

    def has_rest() -> bool:
        seen.extend(event_of(packet)[1]["seq"] for packet in other.read())
        return seen == [5, 6, 7, 8, 9]

    await eventually(has_rest)
    await world.rooms.close()


async def test_sockets_are_counted_by_organization_with_how_far_they_are_behind(sqlite_database: Database) -> None:
    world = await world_of(sqlite_database)
    assert (world.rooms.counts(), world.rooms.lags()) == ({}, [])
    quick, slow = Client(EVERYTHING), Client(EVERYTHING)
    await world.connect(quick)
    await world.connect(slow)
    assert slow.member is not None
    organization_id = slow.member.scope.organization_id
    assert world.rooms.counts() == {organization_id: 2}
    await world.append([CALL] * 3)
    await eventually(lambda: caught_up(quick, 3) and caught_up(slow, 3))
    assert world.rooms.lags() == [0, 0]
    slow.member.cursor = slow.member.cursor.at(1)
    assert sorted(world.rooms.lags()) == [0, 2]
    slow.member.cursor = Cursor("ffffffff", 9)
    assert world.rooms.lags() == [0]
    await world.rooms.close()


def _has_ended(member: Member, head: Cursor) -> bool:
    return member.has_left or member.cursor == head


async def test_a_socket_that_is_searched_for_is_sent_away_below_the_floor_too(sqlite_database: Database) -> None:
    """I3: what a search finds of a log that is not whole is no stream."""
    world = await world_of(sqlite_database)
    await world.append([CALL] * 20)
    await removed(sqlite_database, [1, 2, 3, 4], floor=4)
    head = await world.log.head(world.scope)
    hello = Hello("token", None, parse_filter("id:nothing", AT))
    for seq, is_dismissed in ((3, True), (4, False)):
        pipe = Pipe()
        member = world.rooms.enter(world.admission(hello), replace(start_at(None, head), cursor=head.at(seq)), pipe)
        await eventually(partial(_has_ended, member, head))
        assert member.has_left is is_dismissed
        assert (pipe.left_with is not None) is is_dismissed
    await world.rooms.close()
