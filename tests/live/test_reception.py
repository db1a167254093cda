from __future__ import annotations

from typing import Any

import pytest
from tests.live.pipe import Pipe
from tests.live.stored import AT
from tests.support.gateway_edge import event_of

from ponteio.eventlog.log import EventLog
from ponteio.live.options import LiveOptions
from ponteio.live.reception import Reception
from ponteio.live.rooms import Rooms
from ponteio.model.filter import EVERYTHING, EventFilter
from ponteio.model.identity import Limits
from ponteio.model.outcome import (
    ACCESS_CHANGED,
    AUTH_INVALID,
    AUTH_REQUIRED,
    FORBIDDEN,
    ORGANIZATION_NOT_FOUND,
    ORGANIZATION_ONLY,
    REVOKED,
    TOO_MANY_SOCKETS,
    TOO_MANY_USER_SOCKETS,
    RefusalError,
)
from ponteio.model.rights import KeyScope
from ponteio.model.sight import Sight
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.authenticator import Authenticator
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.limit_notices import LimitNotices
from ponteio.tenancy.permissions import KEY_RIGHTS
from ponteio.tenancy.tickets import Tickets
from ponteio.tenancy.token_signers import TokenSigners
from ponteio.tenancy.user_sessions import UserSessions


class House:
    """What a reception needs, on a real database."""

    def __init__(self, database: Database) -> None:
        options = LiveOptions()
        self.log, self.keys = EventLog(database), KeyRing(database)
        self.directory = Directory(database, default_limits=Limits(sockets=2, sockets_per_user=1))
        self.tickets, self.sessions = Tickets(database), UserSessions(database)
        signers = TokenSigners(database, Vault([Vault.new_key()]))
        door = Authenticator(self.directory, self.keys, self.tickets, signers, self.sessions)
        self.notices = LimitNotices(Counters())
        self.rooms = Rooms(self.log, options, Counters(), self.notices, self.directory.scope_of)
        self.reception = Reception(self.log, door, self.directory, self.rooms, options, lambda: AT)


@pytest.fixture
async def house(sqlite_database: Database) -> House:
    made = House(sqlite_database)
    await made.directory.load()
    return made


async def token(house: House, name: str = "acme") -> str:
    organization = await house.directory.create_organization(name)
    return (await house.keys.create(organization.organization_id, "test"))[1]


async def ticket(house: House, key: str, **terms: Any) -> str:
    return (await house.tickets.mint(await house.keys.authenticate(key), **terms))[1]


async def refusal(house: House, auth: object, cookie: str | None = None) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        await house.reception.admit(auth, cookie)
    return caught.value


async def test_who_authenticates_gets_ready_and_a_place(house: House) -> None:
    admission = await house.reception.admit({"token": await token(house)})
    pipe = Pipe()
    member = house.reception.enter(admission, await house.reception.locate(admission), pipe)
    name, body = event_of(pipe.read()[0])
    organization = house.directory.organization("acme")
    assert organization is not None
    assert name == "ready"
    assert body.pop("cursor").endswith("-0")
    assert body == {
        "organization": organization.organization_id,
        "organization_name": "acme",
        "user": None,
        "rights": sorted(KEY_RIGHTS[KeyScope.ADMIN]),
        "sight": {"content": True, "pairing": True},
        "resumed": False,
        "at": "2026-11-23T14:46:13.999Z",
        "limits": {
            "event_bytes": 262144,
            "packet_bytes": 4096,
            "packets_per_s": 20.0,
            "tip_every_s": 25.0,
            "live_per_minute": None,
            "live_burst": None,
        },
    }
    house.reception.part(member)
    assert len(house.rooms) == 0


async def test_ready_names_the_reason_why_a_cursor_was_not_resumed(house: House) -> None:
    admission = await house.reception.admit({"token": await token(house), "cursor": "nonsense"})
    pipe = Pipe()
    house.reception.enter(admission, await house.reception.locate(admission), pipe)
    body = event_of(pipe.read()[0])[1]
    assert (body["resumed"], body["reason"]) == (False, "invalid_cursor")


async def test_without_a_right_there_is_no_place(house: House) -> None:
    _, operator = await house.keys.create(None, "operator")
    assert (await refusal(house, None)).outcome is AUTH_REQUIRED
    assert (await refusal(house, {"token": ""})).outcome is AUTH_REQUIRED
    assert (await refusal(house, {"token": "pnt_wrong"})).outcome is AUTH_INVALID
    assert (await refusal(house, {"token": "x" * 16_000})).outcome is AUTH_INVALID
    assert (await refusal(house, {"token": operator})).outcome is ORGANIZATION_ONLY
    assert len(house.rooms) == 0


async def test_an_organization_has_as_many_places_as_stated_and_they_come_back(house: House) -> None:
    secret, other = await token(house), await token(house, "beta")
    first = await house.reception.admit({"token": secret})
    second = await house.reception.admit({"token": secret})
    member = house.reception.enter(first, await house.reception.locate(first), Pipe())
    assert (await refusal(house, {"token": secret})).outcome is TOO_MANY_SOCKETS
    await house.reception.admit({"token": other})
    house.reception.release(second)
    house.reception.part(member)
    house.reception.part(member)
    await house.reception.admit({"token": secret})


async def test_an_organization_that_another_process_made_a_moment_ago_is_found(
    house: House, sqlite_database: Database
) -> None:
    elsewhere = House(sqlite_database)
    await elsewhere.directory.load()
    secret = await token(elsewhere)
    assert house.directory.organization("acme") is None
    assert (await house.reception.admit({"token": secret})).organization_name == "acme"


async def test_a_key_whose_organization_nobody_knows_is_refused(
    house: House, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await token(house)
    monkeypatch.setattr(Directory, "organization", lambda _self, _id: None)
    assert (await refusal(house, {"token": secret})).outcome is ORGANIZATION_NOT_FOUND
    assert len(house.rooms) == 0


async def test_a_key_that_may_not_read_events_is_refused_and_told_what_it_needs(house: House) -> None:
    organization = await house.directory.create_organization("acme")
    _, secret = await house.keys.create(
        organization.organization_id, "links", scopes=frozenset({KeyScope.LINKS_MANAGE})
    )
    found = await refusal(house, {"token": secret})
    assert (found.outcome, found.extra) == (FORBIDDEN, {"needs": "events:read"})
    assert len(house.rooms) == 0


async def test_a_ticket_opens_one_socket_with_what_it_allows_and_no_more(house: House) -> None:
    key = await token(house)
    one = EventFilter.of(["one"])
    secret = await ticket(house, key, allowed=one, content=False, user_label="ana")
    admission = await house.reception.admit({"token": secret, "filter": {"instances": ["two"]}})
    pipe = Pipe()
    member = house.reception.enter(admission, await house.reception.locate(admission), pipe)
    assert (member.scope.allowed, member.view.allowed, member.view.sight) == (one, one, Sight(False, False))
    assert not member.view.shows("two", "call"), "a filter does not widen"
    assert not member.view.shows("one", "call"), "and it narrows"
    body = event_of(pipe.read()[0])[1]
    assert (body["user"], body["rights"]) == ("ana", ["events:read", "instances:read"])
    assert body["sight"] == {"content": False, "pairing": False}
    assert (body["limits"]["live_per_minute"], body["limits"]["live_burst"]) == (100, 100)
    assert (await refusal(house, {"token": secret})).outcome is AUTH_INVALID


async def test_the_room_is_the_whole_organizations_whoever_came_first(house: House) -> None:
    """I4: a room that is fed with the first member's narrow scope would hide events from all others."""
    admission = await house.reception.admit({"token": await ticket(house, await token(house), content=False)})
    member = house.reception.enter(admission, await house.reception.locate(admission), Pipe())
    assert member.room.scope == house.directory.scope_of(member.scope.organization_id)
    assert (member.room.scope.allowed, member.room.scope.sight) == (EVERYTHING, Sight())


async def test_a_cookie_is_looked_at_only_without_a_token(house: House) -> None:
    secret = await token(house)
    await house.reception.admit({"token": secret}, "pns_nonsense")
    assert (await refusal(house, {}, "pns_nonsense")).outcome is AUTH_INVALID
    assert (await refusal(house, {"token": "pns_nonsense"})).outcome is AUTH_INVALID
    assert (await refusal(house, {"token": "wrong"}, "pns_nonsense")).outcome is AUTH_INVALID


async def test_a_person_has_as_many_places_as_stated_and_they_come_back(house: House) -> None:
    key = await token(house)
    first = await house.reception.admit({"token": await ticket(house, key, user_label="ana")})
    found = await refusal(house, {"token": await ticket(house, key, user_label="ana")})
    assert found.outcome is TOO_MANY_USER_SOCKETS
    other = await house.reception.admit({"token": await ticket(house, key, user_label="rui")})
    house.reception.release(other)
    member = house.reception.enter(first, await house.reception.locate(first), Pipe())
    house.reception.part(member)
    again = await house.reception.admit({"token": await ticket(house, key, user_label="ana")})
    house.reception.release(again)
    assert (len(house.rooms), len(house.reception)) == (0, 0)


async def test_who_was_let_in_is_known_until_it_has_gone(house: House) -> None:
    """I10: also between the admission and the entry."""
    first, second = [await house.reception.admit({"token": await token(house, name)}) for name in ("acme", "beta")]
    assert house.reception.principals() == {first.principal, second.principal}
    member = house.reception.enter(first, await house.reception.locate(first), Pipe())
    assert house.reception.principals() == {first.principal, second.principal}
    house.reception.release(second)
    assert house.reception.principals() == {first.principal}
    house.reception.part(member)
    assert house.reception.principals() == set()


async def test_who_has_no_right_any_more_is_dismissed_or_marked(house: House) -> None:
    """I10: whoever is about to be a member will not be one."""
    first, second = [await house.reception.admit({"token": await token(house, name)}) for name in ("acme", "beta")]
    pipe = Pipe()
    member = house.reception.enter(first, await house.reception.locate(first), pipe)
    house.reception.end({first.principal: ACCESS_CHANGED, second.principal: REVOKED})
    assert member.has_left
    assert pipe.left_with is ACCESS_CHANGED
    assert second.ended is REVOKED


async def test_a_storm_damper_follows_the_limits_of_its_organization(house: House) -> None:
    key = await token(house)
    admission = await house.reception.admit({"token": await ticket(house, key)})
    member = house.reception.enter(admission, await house.reception.locate(admission), Pipe())
    await house.directory.set_limits(member.scope.organization_id, {"live_per_minute": 7, "live_burst": 0})
    house.reception.retune(0.0)
    assert member.damper is not None
    assert (member.damper.damping.per_minute, member.damper.damping.burst) == (7, 0)
