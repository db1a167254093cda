from __future__ import annotations

import asyncio

from ponteio.live.options import LiveOptions
from ponteio.live.room import Member
from ponteio.live.sessions import Sessions
from ponteio.model.outcome import SHUTTING_DOWN, TOO_MANY_ADDRESS_SOCKETS, TOO_MANY_ARRIVALS, TOO_MANY_SOCKETS

OPTIONS = LiveOptions(sockets_per_process=2, farewell_s=0.05)


class Connection:
    """A peer that goes when asked, or only when cut."""

    def __init__(self, sessions: Sessions, *, is_polite: bool = True, address: str = "a") -> None:
        self.member: Member | None = None
        self.address = address
        self.looks = 0
        self.was_cut = False
        self._sessions = sessions
        self._is_polite = is_polite
        sessions.add(self)

    def look(self, now: float) -> None:
        self.looks += 1

    def finish(self) -> None:
        if self._is_polite:
            self._sessions.spawn(self._go())

    def cut(self) -> None:
        self.was_cut = True
        self._sessions.discard(self)

    async def _go(self) -> None:
        self._sessions.discard(self)


async def test_every_connection_is_looked_at_once_in_a_turn() -> None:
    sessions = Sessions(OPTIONS)
    connections = [Connection(sessions) for _ in range(10)]
    for _ in range(4):
        assert sessions.look(0.0) == []
    assert [connection.looks for connection in connections] == [1] * 10
    assert sessions.look_every_s * 4 == OPTIONS.look_every_s


async def test_there_is_room_for_as_many_as_stated() -> None:
    sessions = Sessions(OPTIONS)
    Connection(sessions)
    assert sessions.no_room("a") is None
    last = Connection(sessions)
    assert sessions.no_room("a") is TOO_MANY_SOCKETS
    sessions.discard(last)
    sessions.discard(last)
    assert sessions.no_room("a") is None


async def test_each_address_has_as_many_as_stated_and_they_come_back() -> None:
    sessions = Sessions(LiveOptions(sockets_per_address=2))
    first, _ = Connection(sessions, address="a"), Connection(sessions, address="a")
    assert sessions.no_room("a") is TOO_MANY_ADDRESS_SOCKETS
    assert sessions.no_room("b") is None
    sessions.discard(first)
    sessions.discard(first)
    assert sessions.no_room("a") is None
    assert sessions._addresses == {"a": 1}


async def test_no_more_arrive_in_a_second_than_stated_and_who_is_refused_does_not_count() -> None:
    sessions = Sessions(LiveOptions(arrivals_per_s=3, sockets_per_address=1))
    Connection(sessions, address="full")
    verdicts = [sessions.no_room("full")] * 10 + [sessions.no_room("a") for _ in range(4)]
    assert verdicts == [TOO_MANY_ADDRESS_SOCKETS] * 10 + [None] * 3 + [TOO_MANY_ARRIVALS]
    loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    while sessions.no_room("a") is not None:
        assert loop.time() - began < 1
        await asyncio.sleep(0.01)


async def test_closing_asks_first_and_cuts_who_does_not_go() -> None:
    sessions = Sessions(OPTIONS)
    polite, rude = Connection(sessions), Connection(sessions, is_polite=False)
    await asyncio.wait_for(sessions.close(), 1)
    assert (polite.was_cut, rude.was_cut, len(sessions)) == (False, True, 0)
    assert sessions.no_room("a") is SHUTTING_DOWN
    assert not sessions._addresses
