from __future__ import annotations

import pytest
from tests.live.pipe import Pipe
from tests.live.stored import AT
from tests.support.gateway_edge import event_of

from ponteio.eventlog.log import EventLog
from ponteio.live.options import LiveOptions
from ponteio.live.reception import Reception
from ponteio.live.rooms import Rooms
from ponteio.model.outcome import (
    AUTH_INVALID,
    AUTH_REQUIRED,
    ORGANIZATION_NOT_FOUND,
    ORGANIZATION_ONLY,
    TOO_MANY_SOCKETS,
    RefusalError,
)
from ponteio.observe.counters import Counters
from ponteio.storage.database import Database
from ponteio.tenancy.api_keys import KeyRing
from ponteio.tenancy.directory import Directory


class House:
    """What a reception needs, on a real database."""

    def __init__(self, database: Database) -> None:
        options = LiveOptions(sockets_per_organization=2)
        self.log, self.keys, self.directory = EventLog(database), KeyRing(database), Directory(database)
        self.rooms = Rooms(self.log, options, Counters())
        self.reception = Reception(self.log, self.keys, self.directory, self.rooms, options, lambda: AT)


@pytest.fixture
async def house(sqlite_database: Database) -> House:
    made = House(sqlite_database)
    await made.directory.load()
    return made


async def token(house: House, name: str = "acme") -> str:
    organization = await house.directory.create_organization(name)
    return (await house.keys.create(organization.organization_id, "test"))[1]


async def refusal(house: House, auth: object) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        await house.reception.admit(auth)
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
        "resumed": False,
        "at": "2026-11-23T14:46:13.999Z",
        "limits": {"event_bytes": 262144, "packet_bytes": 16384, "packets_per_s": 20.0, "tip_every_s": 25.0},
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
