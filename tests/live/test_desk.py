from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.live.pipe import Pipe
from tests.live.test_reception import House, token
from tests.support.gateway_edge import event_of

from ponteio.live.desk import Desk, refusal_data
from ponteio.live.handshake import Admission
from ponteio.live.options import LiveOptions
from ponteio.live.room import Member
from ponteio.model.outcome import AUTH_REQUIRED, INTERNAL, PROTOCOL_VIOLATION, REVOKED, RefusalError
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.tenancy.limit_notices import LimitNotices


@dataclass
class Connection:
    """A connection at the desk."""

    door: Pipe = field(default_factory=Pipe)
    cookie: str | None = None
    admission: Admission | None = None
    member: Member | None = None
    must_connect_by: float | None = None
    was_refused: bool = False
    closing: bool = False


class Front:
    """A desk in a house."""

    def __init__(self, database: Database) -> None:
        self.house = House(database)
        self.counters = Counters()
        self.desk = Desk(self.house.reception, LiveOptions(), self.counters, LimitNotices(self.counters))


@pytest.fixture
async def front(sqlite_database: Database) -> Front:
    made = Front(sqlite_database)
    await made.house.directory.load()
    return made


async def test_a_refusal_is_counted_and_leaves_little_time_to_read_it(front: Front) -> None:
    now = asyncio.get_running_loop().time()
    caller = Connection(must_connect_by=now + 10)
    refusal = await front.desk.admit(caller, None)
    assert refusal is not None
    assert refusal.outcome is AUTH_REQUIRED
    assert caller.was_refused
    assert caller.must_connect_by is not None
    assert caller.must_connect_by < now + 3
    assert front.counters.refused == {"auth_required": 1}
    assert refusal_data(refusal) == {
        "code": "auth_required",
        "detail": AUTH_REQUIRED.title,
        "retry": False,
    }


async def test_a_refusal_never_gives_more_time(front: Front) -> None:
    now = asyncio.get_running_loop().time()
    caller = Connection(must_connect_by=now + 0.5)
    await front.desk.admit(caller, [])
    assert caller.must_connect_by == now + 0.5
    timeless = Connection()
    front.desk.note(timeless, RefusalError(AUTH_REQUIRED))
    assert timeless.must_connect_by is None


async def test_a_database_that_does_not_answer_is_a_refusal_and_not_an_exception(
    front: Front, sqlite_database: Database
) -> None:
    await sqlite_database.close()
    refusal = await front.desk.admit(Connection(), {"token": "pnt_" + "x" * 43})
    assert refusal is not None
    assert refusal.outcome is INTERNAL
    assert refusal.outcome.retry


async def test_who_is_admitted_becomes_a_member_with_no_deadline(front: Front) -> None:
    caller = Connection(must_connect_by=1.0)
    assert await front.desk.admit(caller, {"token": await token(front.house)}) is None
    await front.desk.enter(caller)
    assert caller.member is not None
    assert caller.must_connect_by is None
    assert event_of(caller.door.read()[0])[0] == "ready"
    front.desk.part(caller)
    assert len(front.house.rooms) == 0


async def test_who_goes_away_between_the_answer_and_its_place_gives_the_place_back(front: Front) -> None:
    caller = Connection()
    await front.desk.admit(caller, {"token": await token(front.house)})
    caller.closing = True
    await front.desk.enter(caller)
    assert caller.member is None
    assert len(front.house.rooms) == 0
    front.desk.part(caller)


async def test_who_never_hears_that_it_was_admitted_gives_the_place_back(front: Front) -> None:
    caller = Connection()
    await front.desk.admit(caller, {"token": await token(front.house)})
    front.desk.abandon(caller)
    front.desk.abandon(caller)
    await front.desk.enter(caller)
    assert caller.member is None
    assert len(front.house.rooms) == 0


async def test_a_log_that_does_not_answer_sends_the_client_away_to_come_back(
    front: Front, sqlite_database: Database
) -> None:
    caller = Connection()
    await front.desk.admit(caller, {"token": await token(front.house)})
    await sqlite_database.close()
    await front.desk.enter(caller)
    name, body = event_of(caller.door.read()[0])
    assert (name, body["code"], body["retry"]) == ("goodbye", "internal", True)
    assert caller.door.left_with is INTERNAL
    assert len(front.house.rooms) == 0


async def test_who_lost_the_right_between_the_answer_and_its_place_hears_why_and_is_no_member(front: Front) -> None:
    """I10: a revocation does not slip through."""
    caller = Connection()
    await front.desk.admit(caller, {"token": await token(front.house)})
    assert caller.admission is not None
    front.house.reception.end({caller.admission.principal: REVOKED})
    await front.desk.enter(caller)
    assert caller.member is None
    assert [event_of(packet)[1]["code"] for packet in caller.door.read()] == ["revoked"]
    assert caller.door.left_with is REVOKED
    assert front.counters.refused == {"revoked": 1}
    assert (len(front.house.rooms), len(front.house.reception)) == (0, 0)


async def test_a_limit_of_an_organization_is_counted_once_and_its_own(front: Front) -> None:
    secret = await token(front.house)
    first = Connection()
    for caller in (first, Connection(), Connection()):
        await front.desk.admit(caller, {"token": secret})
    assert first.admission is not None
    assert front.counters.refused == {"too_many_sockets": 1}
    organization_id = first.admission.scope.organization_id
    assert [(one.code, one.count) for one in front.desk._notices.of(organization_id)] == [("too_many_sockets", 1)]


async def test_whoever_breaks_the_rules_is_told_so_only_as_a_member(front: Front) -> None:
    stranger, caller = Connection(), Connection()
    await front.desk.admit(caller, {"token": await token(front.house)})
    await front.desk.enter(caller)
    caller.door.read()
    for one in (stranger, caller):
        front.desk.dismiss(one, PROTOCOL_VIOLATION)
        assert one.door.left_with is PROTOCOL_VIOLATION
    assert stranger.door.read() == []
    assert [event_of(packet)[1]["code"] for packet in caller.door.read()] == ["protocol_violation"]
    assert front.counters.refused == {"protocol_violation": 2}


def test_a_refusal_says_what_is_missing_and_never_overwrites_its_code() -> None:
    refusal = RefusalError(AUTH_REQUIRED, "d", {"needs": "x", "code": "y"})
    assert refusal_data(refusal) == {"needs": "x", "code": "auth_required", "detail": "d", "retry": False}


async def test_the_cookie_is_forgotten_once_it_has_been_used(front: Front) -> None:
    caller = Connection(cookie="pns_any")
    await front.desk.admit(caller, {"token": await token(front.house)})
    await front.desk.enter(caller)
    assert caller.cookie is None
