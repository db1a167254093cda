"""Shapes: moments in UTC, and requests that take nothing but what is documented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from ponteio.api.schemas import ConnectRequest, EventAnswer, LastError, NewInstanceRequest
from ponteio.model.event import StoredEvent
from ponteio.model.link import LinkState
from ponteio.model.sight import ALL_SEEN


def test_moments_are_shown_in_utc_with_milliseconds() -> None:
    brasilia = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-3)))
    shown = LastError(
        server="main", instance=None, state=LinkState.UNREACHABLE, since=brasilia, reason=None, detail=None
    )
    assert '"since":"2026-11-24T12:00:00.123Z"' in shown.model_dump_json()


def test_a_stored_envelope_is_as_described() -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    plain = StoredEvent("org", "0123abcd", 7, "a", "call", None, None, at, at, "live", b'[1,{"b":null}]')
    full = StoredEvent("org", "0123abcd", 8, "a", "x", "s", "t", at, at, "backfill", b"null", b'{"progress":4}')
    assert EventAnswer.model_validate_json(plain.envelope(ALL_SEEN)).data == [1, {"b": None}]
    read = EventAnswer.model_validate_json(full.envelope(ALL_SEEN))
    assert (read.sender, read.date_time, read.extra) == ("s", "t", {"progress": 4})


@pytest.mark.parametrize("number", ["5511900000001", "109876543210", "5511@s.whatsapp.net", "1"])
def test_numbers_as_evolution_takes_them(number: str) -> None:
    assert NewInstanceRequest(name="a", number=number).number == number


@pytest.mark.parametrize("number", ["", "+55", "55 11", "55\n", "5" * 65, "5/../x", "5?x=1", "5&x"])
def test_numbers_that_could_be_more_than_a_number(number: str) -> None:
    with pytest.raises(ValidationError):
        NewInstanceRequest(name="a", number=number)
    with pytest.raises(ValidationError):
        ConnectRequest(number=number)
