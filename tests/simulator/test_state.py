from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ponteio.simulator import SimulatorOptions
from ponteio.simulator.ids import IdMint
from ponteio.simulator.population import Maker
from ponteio.simulator.state import EVENT_NAMES, Instance, World, config_name


def make(name: str = "x", **fields: object) -> Instance:
    maker = Maker(SimulatorOptions(), IdMint("1"), lambda: datetime.now(UTC))
    return maker.make(name, "EVOLUTION", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wire", "config"),
    [
        ("messages.upsert", "MESSAGES_UPSERT"),
        ("group-participants.update", "GROUP_PARTICIPANTS_UPDATE"),
        ("typebot.change-status", "TYPEBOT_CHANGE_STATUS"),
        ("groups.update", "GROUPS_UPDATE"),
    ],
)
def test_wire_names_become_config_names(wire: str, config: str) -> None:
    assert config_name(wire) == config
    assert (config in EVENT_NAMES) is (wire != "groups.update")


def test_the_filter_needs_a_row_that_is_enabled_and_names_the_event() -> None:
    instance = make()
    assert not instance.wants("call")
    instance = make(events=["CALL"])
    assert instance.websocket is not None
    assert instance.wants("call")
    assert not instance.wants("messages.upsert")
    instance.websocket.enabled = False
    assert not instance.wants("call")


def test_tokens_of_any_instance_open_the_door() -> None:
    world = World("global")
    world.add(make(token="t1"))
    assert world.opens("global")
    assert world.opens("t1")
    assert not world.opens("t2")
    world.remove("x")
    assert not world.opens("t1")


def test_the_first_instance_with_a_number_is_found() -> None:
    world = World("global")
    first, second = make("a", number="1"), make("b", number="1")
    world.add(first)
    world.add(second)
    assert world.by_number("1") is first
    assert world.by_number("2") is None
    assert len(world) == 2


def test_events_leave_rows_of_contacts_chats_and_receipts() -> None:
    instance = make()
    instance.note("contacts.update", [{"remoteJid": "a"}, {"id": "no jid"}])
    instance.note("contacts.upsert", {"remoteJid": "b"})
    instance.note("chats.delete", ["a text"])
    instance.note("messages.update", {"keyId": "k", "status": "READ"})
    instance.note("call", {"remoteJid": "c"})
    assert (instance.contacts, instance.chats) == ({"a", "b"}, set())
    assert list(instance.statuses) == [{"keyId": "k", "status": "READ"}]
