from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.simulator.local_time import fake_utc, parse_tz, true_utc

MOMENT = datetime(2026, 11, 23, 14, 46, 13, 1999, tzinfo=UTC)


def test_the_default_zone_is_three_hours_behind_and_says_z() -> None:
    assert fake_utc(MOMENT, parse_tz("America/Sao_Paulo")) == "2026-11-23T11:46:13.001Z"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("UTC", "2026-11-23T14:46:13.001Z"),
        ("-03:00", "2026-11-23T11:46:13.001Z"),
        ("+0530", "2026-11-23T20:16:13.001Z"),
        ("Europe/Lisbon", "2026-11-23T14:46:13.001Z"),
    ],
)
def test_a_zone_is_a_name_or_an_offset(name: str, text: str) -> None:
    assert fake_utc(MOMENT, parse_tz(name)) == text


def test_the_default_zone_works_without_a_time_zone_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponteio.simulator.local_time.ZoneInfo", _no_database)
    assert parse_tz("America/Sao_Paulo").utcoffset(MOMENT) == timedelta(hours=-3)
    with pytest.raises(ValueError, match="Europe/Lisbon"):
        parse_tz("Europe/Lisbon")


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="Nowhere"):
        parse_tz("Nowhere/At All")


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_true_utc_is_what_it_says(moment: datetime) -> None:
    parsed = datetime.fromisoformat(true_utc(moment))
    assert parsed == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _no_database(name: str) -> None:
    raise ValueError(name)
