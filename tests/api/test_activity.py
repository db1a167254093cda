"""When instances were last heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ponteio.api.activity import LastEvents
from ponteio.model.event import PassingEvent, StoredEvent

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def stored(organization: str, instance: str, seconds: int) -> StoredEvent:
    at = NOW + timedelta(seconds=seconds)
    return StoredEvent(organization, "0123abcd", 1, instance, "call", None, None, at, at, "live", b"{}")


def test_the_newest_event_of_each_instance_is_kept() -> None:
    heard = LastEvents()
    heard.note([stored("a", "x", 1), stored("b", "x", 2), stored("a", "x", 3)])
    assert heard.at("a", "x") == NOW + timedelta(seconds=3)
    assert heard.at("b", "x") == NOW + timedelta(seconds=2)
    assert heard.at("a", "y") is None


def test_an_instance_without_an_owner_has_none() -> None:
    assert LastEvents().at(None, "x") is None


def test_what_is_not_stored_is_heard_all_the_same() -> None:
    heard, at = LastEvents(), NOW + timedelta(seconds=9)
    heard.note([PassingEvent("a", "x", "presence.update", None, None, at, at, "live", b"{}")])
    assert heard.at("a", "x") == at
