"""The seeded script: the same story for the same seed, and every kind of event in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponteio.simulator.cast import Pen
from ponteio.simulator.packets import encode_event
from ponteio.simulator.script import Script, evolution_message
from ponteio.simulator.state import INTEGRATIONS, Integration

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BODY: dict[str, Any] = {
    "numberId": "55",
    "key": {"id": "A", "remoteJid": "1@s.whatsapp.net", "fromMe": False},
    "pushName": "Maria",
    "message": {"conversation": "oi"},
    "messageType": "conversation",
}


def script(integration: Integration = "WHATSAPP-BAILEYS", seed: int = 1) -> Script:
    return Script(Pen(seed, "loja-01", "0b0f"), integration, "55")


def story(subject: Script, length: int, now: datetime = NOW) -> list[tuple[str, str]]:
    planned = [event for _ in range(length) for event in subject.next_scene(now)]
    return [(event.event, encode_event(event.event, event.data).text) for event in planned]


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), integration=st.sampled_from(INTEGRATIONS))
def test_the_same_seed_tells_the_same_story(seed: int, integration: Integration) -> None:
    assert story(script(integration, seed), 30) == story(script(integration, seed), 30)


def test_another_seed_tells_another() -> None:
    assert story(script(seed=1), 10) != story(script(seed=2), 10)


def test_only_times_depend_on_the_clock() -> None:
    later = story(script("EVOLUTION"), 5, NOW + timedelta(days=1))
    for (_, one), (_, two) in zip(story(script("EVOLUTION"), 5), later, strict=True):
        assert one.replace("1795435200", "T") == two.replace("1795521600", "T")


def test_every_kind_of_event_of_a_running_session_occurs() -> None:
    names = Counter(name for name, _ in story(script(), 3000))
    assert set(names) == {
        "messages.upsert", "messages.update", "messages.edited", "messages.delete", "messages.set",
        "contacts.update", "contacts.upsert", "chats.update", "chats.upsert", "chats.set", "chats.delete",
        "groups.upsert", "groups.update", "group-participants.update", "presence.update", "labels.edit",
        "labels.association", "call", "typebot.start", "typebot.change-status",
    }  # fmt: skip


def test_message_ids_never_repeat() -> None:
    subject = script()
    ids = [
        event.data["key"]["id"]
        for _ in range(2000)
        for event in subject.next_scene(NOW)
        if event.event == "messages.upsert"
    ]
    assert len(ids) == len(set(ids)) > 1000


def test_most_messages_are_binary() -> None:
    subject = script()
    upserts = [
        encode_event(event.event, event.data)
        for _ in range(50)
        for event in subject.next_scene(NOW)
        if event.event == "messages.upsert"
    ]
    assert all(each.attachments for each in upserts)


def test_history_carries_its_extras_at_the_top() -> None:
    subject = script()
    history = next(event for _ in range(3000) for event in subject.next_scene(NOW) if event.event == "messages.set")
    assert isinstance(history.data, list)
    assert set(history.extra) == {"isLatest", "progress"}


def test_a_new_chat_on_the_evolution_channel_has_three_events_a_known_one_four() -> None:
    subject = script("EVOLUTION")
    assert [each.event for each in subject.evolution_scene(BODY, NOW)] == [
        "messages.upsert",
        "contacts.upsert",
        "chats.upsert",
    ]
    assert [each.event for each in subject.evolution_scene(BODY, NOW)] == [
        "messages.upsert",
        "contacts.upsert",
        "chats.update",
        "chats.upsert",
    ]


@pytest.mark.parametrize("missing", [{}, {"messageType": None}])
def test_a_message_without_a_type_goes_out_alone_and_is_never_stored(missing: dict[str, None]) -> None:
    body = {**{name: value for name, value in BODY.items() if name != "messageType"}, **missing}
    (only,) = script("EVOLUTION").evolution_scene(body, NOW)
    assert (only.event, only.is_stored) == ("messages.upsert", False)
    assert ("messageType" in only.data) is bool(missing)


def test_the_evolution_channel_keeps_the_message_and_takes_its_own_time() -> None:
    data = evolution_message({**BODY, "profilePicUrl": "http://p", "messageTimestamp": 1}, "0b0f", "A", 5)
    assert data == {
        "key": {"id": "A", "remoteJid": "1@s.whatsapp.net", "fromMe": False, "profilePicUrl": "http://p"},
        "pushName": "Maria",
        "message": {"conversation": "oi"},
        "messageType": "conversation",
        "messageTimestamp": 5,
        "source": "unknown",
        "instanceId": "0b0f",
    }


@pytest.mark.parametrize("integration", INTEGRATIONS)
def test_a_single_message_is_stored_and_can_be_padded(integration: Integration) -> None:
    subject = script(integration)
    bare, padded = subject.message(NOW), subject.message(NOW, 800)
    assert bare.is_stored
    difference = len(padded.data["message"]["conversation"]) - len(bare.data["message"]["conversation"])
    assert 700 < difference < 900


def test_meta_contacts_have_no_suffix() -> None:
    _, contact = script("WHATSAPP-BUSINESS").next_scene(NOW)
    assert contact.event == "contacts.upsert"
    assert "@" not in contact.data["remoteJid"]
