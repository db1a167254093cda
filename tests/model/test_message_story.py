"""The story of a message: every word of Evolution's about it, in every order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.message_story import MessageStatus, Step, StepKind, Story, message_ids, step_of, story_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ID = "3EB0A1B2C3"
KEY = {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": True, "id": ID}

SENT = ("send.message", {"key": KEY, "status": "PENDING"})
ACK = ("messages.update", {"keyId": ID, "status": "SERVER_ACK"})
DELIVERED = ("messages.update", {"keyId": ID, "status": "DELIVERY_ACK"})
READ = ("messages.update", {"keyId": ID, "status": "READ"})
EDITED = ("messages.edited", {"key": KEY, "type": "MESSAGE_EDIT", "editedMessage": {"conversation": "x"}})
EDIT_UPDATE = ("messages.update", {"keyId": ID, "status": "SERVER_ACK", "message": {"editedMessage": {}}})
REVOKED = ("messages.edited", {"key": KEY, "type": "REVOKE"})
DELETED = ("messages.delete", {**KEY, "status": "DELETED"})


def told(*events: tuple[str, Any]) -> Story:
    steps = [step_of(event, data, ID) for event, data in events]
    return story_of((step, NOON + timedelta(seconds=number)) for number, step in enumerate(steps))


STEPS: list[tuple[str, Any, Step]] = [
    (*SENT, Step(StepKind.MESSAGE, MessageStatus.PENDING)),
    (*ACK, Step(StepKind.STATUS, MessageStatus.SENT)),
    (*READ, Step(StepKind.STATUS, MessageStatus.READ)),
    (*EDITED, Step(StepKind.EDIT)),
    (*EDIT_UPDATE, Step(StepKind.EDIT)),
    (*REVOKED, Step(StepKind.DELETION)),
    (*DELETED, Step(StepKind.DELETION)),
    ("messages.upsert", {"key": KEY}, Step(StepKind.MESSAGE)),
    ("messages.upsert", {"key": KEY, "status": "PLAYED"}, Step(StepKind.MESSAGE, MessageStatus.PLAYED)),
    ("messages.upsert", {"key": KEY, "status": "unheard of"}, Step(StepKind.MESSAGE)),
    ("messages.upsert", {"key": KEY, "status": ["READ"]}, Step(StepKind.MESSAGE)),
    # Meta's words.
    ("messages.update", {"keyId": ID, "status": "SENT"}, Step(StepKind.STATUS, MessageStatus.SENT)),
    ("messages.update", {"keyId": ID, "status": "DELIVERED"}, Step(StepKind.STATUS, MessageStatus.DELIVERED)),
    ("messages.update", {"keyId": ID, "status": "FAILED"}, Step(StepKind.STATUS, MessageStatus.FAILED)),
    ("messages.update", {"keyId": ID, "status": "DELETED"}, Step(StepKind.DELETION)),
    # Baileys' error, and updates that say nothing about the status.
    ("messages.update", {"keyId": ID, "status": "ERROR"}, Step(StepKind.STATUS, MessageStatus.FAILED)),
    ("messages.update", {"keyId": ID, "status": "SERVER_ACK", "pollUpdates": [{}]}, Step(StepKind.OTHER)),
    (
        "messages.update",
        {"keyId": ID, "status": "SERVER_ACK", "pollUpdates": []},
        Step(StepKind.STATUS, MessageStatus.SENT),
    ),
    ("messages.update", {"keyId": ID}, Step(StepKind.OTHER)),
    ("messages.update", {"keyId": ID, "status": "READ", "message": {}}, Step(StepKind.EDIT, MessageStatus.READ)),
    ("messages.update", {"keyId": ID, "status": "READ", "message": None}, Step(StepKind.STATUS, MessageStatus.READ)),
    ("messages.update", {"key": KEY, "status": "READ"}, Step(StepKind.STATUS, MessageStatus.READ)),
    # Every protocol message is called an edit.
    ("messages.edited", {"key": KEY, "type": 14}, Step(StepKind.EDIT)),
    ("messages.edited", {"key": KEY, "type": 0}, Step(StepKind.DELETION)),
    ("messages.edited", {"key": KEY, "type": False}, Step(StepKind.OTHER)),
    ("messages.edited", {"key": KEY, "type": "EPHEMERAL_SETTING"}, Step(StepKind.OTHER)),
    ("messages.edited", {"key": KEY, "type": "APP_STATE_SYNC_KEY_SHARE"}, Step(StepKind.OTHER)),
    ("messages.edited", {"key": KEY, "type": [14]}, Step(StepKind.OTHER)),
    ("messages.edited", {"key": KEY}, Step(StepKind.OTHER)),
    ("send.message.update", {"key": KEY, "type": "MESSAGE_EDIT"}, Step(StepKind.EDIT)),
    # A deletion by REST has the database's id at the top, and WhatsApp's in the key.
    ("messages.delete", {"id": "cmi3abc", "key": KEY, "status": "DELETED"}, Step(StepKind.DELETION)),
    ("messages.delete", {"id": "another"}, Step(StepKind.OTHER)),
    # History.
    (
        "messages.set",
        [{"key": KEY, "status": "READ"}, {"key": {"id": "x"}, "status": "PLAYED"}],
        Step(StepKind.HISTORY, MessageStatus.READ),
    ),
    ("messages.set", None, Step(StepKind.HISTORY)),
    # Anything else.
    ("presence.update", {"id": ID}, Step(StepKind.OTHER)),
    ("messages.upsert", None, Step(StepKind.OTHER)),
    ("messages.upsert", {"key": "no object"}, Step(StepKind.OTHER)),
    ("messages.upsert", {"key": {"id": 7}}, Step(StepKind.OTHER)),
]


@pytest.mark.parametrize(("event", "data", "expected"), STEPS)
def test_what_one_event_says(event: str, data: Any, expected: Step) -> None:
    assert step_of(event, data, ID) == expected


IDS: list[tuple[str, Any, list[str]]] = [
    (*SENT, [ID]),
    (*ACK, [ID]),
    (*DELETED, [ID]),
    (*EDITED, [ID]),
    ("messages.delete", {"id": "cmi3abc", "key": {"id": ID}}, [ID]),
    ("messages.delete", {"id": "cmi3abc", "key": {}}, ["cmi3abc"]),
    ("messages.set", [{"key": {"id": "a"}}, {"key": {"id": "b"}}, {"key": {"id": "a"}}, 7, {}], ["a", "b"]),
    ("messages.set", {"key": KEY}, []),
    ("messages.update", {"keyId": ""}, []),
    ("messages.upsert", [KEY], []),
    ("chats.update", {"key": KEY}, []),
    ("connection.update", None, []),
]


@pytest.mark.parametrize(("event", "data", "expected"), IDS)
def test_which_messages_an_event_is_about(event: str, data: Any, expected: list[str]) -> None:
    assert message_ids(event, data) == expected


def test_an_edit_does_not_unread_a_message() -> None:
    assert told(SENT, ACK, DELIVERED, READ, EDITED, EDIT_UPDATE) == Story(
        MessageStatus.READ, edited_at=NOON + timedelta(seconds=5)
    )


def test_an_edit_alone_says_nothing_about_the_status() -> None:
    assert told(SENT, EDIT_UPDATE).status is MessageStatus.PENDING


def test_late_acknowledgements_do_not_regress() -> None:
    assert told(READ, DELIVERED, ACK).status is MessageStatus.READ


def test_a_deleted_message_keeps_how_far_it_came() -> None:
    assert told(SENT, READ, REVOKED, DELETED) == Story(MessageStatus.READ, deleted_at=NOON + timedelta(seconds=2))


def test_a_failure_after_sending_is_a_failure_and_none_after_delivery() -> None:
    failed = ("messages.update", {"keyId": ID, "status": "FAILED"})
    assert told(SENT, ACK, failed).status is MessageStatus.FAILED
    assert told(SENT, failed, ACK).status is MessageStatus.FAILED
    assert told(SENT, DELIVERED, failed).status is MessageStatus.DELIVERED


def test_nothing_told_is_no_story() -> None:
    assert told() == Story()


steps = st.tuples(
    st.builds(Step, st.sampled_from(StepKind), st.none() | st.sampled_from(MessageStatus)),
    st.datetimes(timezones=st.just(UTC)),
)


@given(st.lists(steps, max_size=12), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_the_story(told: list[tuple[Step, datetime]], random: Any) -> None:
    again = [*told, *(random.choice(told) for _ in range(3) if told)]
    random.shuffle(again)
    assert story_of(again) == story_of(told)


@given(st.lists(steps, max_size=12), steps)
def test_a_status_never_regresses(told: list[tuple[Step, datetime]], more: tuple[Step, datetime]) -> None:
    before, after = story_of(told).status, story_of([*told, more]).status
    assert before is None or (after is not None and after.rank >= before.rank)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "id", "keyId", "status", "type", "message", "pollUpdates"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["messages.set", "messages.update", "messages.delete", "messages.edited", "send.message", "call"]),
    json_values,
    st.text(max_size=8),
)
def test_no_data_raises(event: str, data: Any, message_id: str) -> None:
    ids = message_ids(event, data)
    assert len(ids) == len(set(ids))
    for one in [*ids, message_id]:
        assert isinstance(step_of(event, data, one), Step)
