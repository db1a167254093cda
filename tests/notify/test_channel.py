from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import CheckConstraint
from tests.support.post_world import post_world

from ponteio.notify.channel import ChannelBook, ChannelKind, Deliveries, Message, Urgency
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import channels


def test_the_table_knows_every_kind() -> None:
    (check,) = [
        one for one in channels.constraints if isinstance(one, CheckConstraint) and one.name == "ck_channels_kind"
    ]
    for kind in ChannelKind:
        assert f"'{kind.value}'" in str(check.sqltext)


def test_urgencies_are_those_of_the_rfc() -> None:
    assert [one.value for one in Urgency] == ["very-low", "low", "normal", "high"]


def test_a_message_cannot_be_changed_on_its_way() -> None:
    message = Message("org_1", "t", "b", "tag")
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.title = "other"  # type: ignore[misc]


async def test_the_post_office_is_what_others_take_it_for(sqlite_database: Database) -> None:
    async with post_world(sqlite_database) as world:
        deliveries: Deliveries = world.office.deliveries
        book: ChannelBook = world.office.channels
        assert await deliveries.send(world.organization_id, [], world.message()) == 0
        assert await book.list(world.organization_id) == []
