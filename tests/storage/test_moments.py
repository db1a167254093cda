from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.storage.moments import sortable_utc

_moments = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3)), timezone(timedelta(hours=5, minutes=45))]),
)


@given(_moments, _moments)
def test_the_alphabet_sorts_as_time_does(one: datetime, other: datetime) -> None:
    assert (sortable_utc(one) < sortable_utc(other)) == (one < other)


@given(_moments)
def test_a_moment_comes_back_from_its_text(moment: datetime) -> None:
    assert datetime.fromisoformat(sortable_utc(moment)) == moment
    assert len(sortable_utc(moment)) == 27


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        sortable_utc(datetime(2026, 1, 1))  # noqa: DTZ001
