from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

from tests.live.pipe import Pipe
from tests.live.stored import AT
from tests.live.test_pump import TINY, Client, World, world_of
from tests.support.gateway_edge import event_of, eventually

from ponteio.live.handshake import start_at
from ponteio.live.packets import connection_status
from ponteio.model.cursor import Cursor
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.model.outcome import REVOKED
from ponteio.storage.database import Database
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
