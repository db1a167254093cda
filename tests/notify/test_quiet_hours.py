from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.alert import Hours
from ponteio.model.outcome import INVALID_RULE, RefusalError
from ponteio.notify.quiet_hours import edges, within, zone_of

EVERY_DAY = frozenset(range(7))
BERLIN, SAO_PAULO = "Europe/Berlin", "America/Sao_Paulo"


def local(zone: str, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[arg-type,misc]


def test_business_hours_are_those_of_the_place() -> None:
    hours = Hours(frozenset({0, 1, 2, 3, 4}), 8 * 60, 18 * 60, SAO_PAULO)
    assert within(hours, local(SAO_PAULO, 2026, 11, 23, 8, 0))
    assert within(hours, local(SAO_PAULO, 2026, 11, 23, 17, 59))
    assert not within(hours, local(SAO_PAULO, 2026, 11, 23, 18, 0))
    assert not within(hours, local(SAO_PAULO, 2026, 11, 23, 7, 59))
    assert not within(hours, local(SAO_PAULO, 2026, 11, 22, 12, 0)), "a Sunday"
    assert within(hours, datetime(2026, 11, 23, 11, 0, tzinfo=UTC)), "eight o'clock there"


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    hours = Hours(frozenset({4}), 22 * 60, 7 * 60, SAO_PAULO)
    assert within(hours, local(SAO_PAULO, 2026, 11, 27, 23, 0)), "Friday night"
    assert within(hours, local(SAO_PAULO, 2026, 11, 28, 6, 59)), "Saturday morning"
    assert not within(hours, local(SAO_PAULO, 2026, 11, 28, 7, 0))
    assert not within(hours, local(SAO_PAULO, 2026, 11, 28, 23, 0))
    assert not within(hours, local(SAO_PAULO, 2026, 11, 27, 6, 0)), "the morning before"


def test_equal_ends_are_a_whole_day() -> None:
    hours = Hours(frozenset({0}), 0, 0, BERLIN)
    assert within(hours, local(BERLIN, 2026, 11, 23, 0, 0))
    assert within(hours, local(BERLIN, 2026, 11, 23, 23, 59))
    assert not within(hours, local(BERLIN, 2026, 11, 24, 0, 0))


def test_an_hour_that_is_repeated_counts_both_times_and_one_that_is_skipped_never() -> None:
    hours = Hours(EVERY_DAY, 2 * 60, 3 * 60, BERLIN)
    first = local(BERLIN, 2026, 10, 25, 2, 30)
    assert within(hours, first)
    assert within(hours, first + timedelta(hours=1)), "2:30 again, with winter time"
    assert not within(hours, first + timedelta(hours=2))
    before = local(BERLIN, 2026, 3, 29, 1, 59)
    assert not any(within(hours, before + timedelta(minutes=minute)) for minute in range(180))


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "x" * 65, "America\x00"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(RefusalError) as refused:
        zone_of(name)
    assert refused.value.outcome is INVALID_RULE


minutes = st.integers(0, 24 * 60 - 1)
zones = st.sampled_from([BERLIN, SAO_PAULO, "UTC", "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York"])
some_hours = st.builds(Hours, st.frozensets(st.integers(0, 6), min_size=1), minutes, minutes, zones)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda one: one.replace(tzinfo=UTC))  # noqa: DTZ001


@given(some_hours, moments, st.integers(0, 4 * 24 * 60))
def test_nothing_changes_between_two_edges(hours: Hours, since: datetime, after: int) -> None:
    """`edges` leaves out no moment at which the hours begin or end."""
    moment = (since + timedelta(minutes=after)).replace(second=0, microsecond=0)
    now_in, before_in = within(hours, moment), within(hours, moment - timedelta(seconds=1))
    if now_in is not before_in and since < moment:
        assert moment in set(edges(hours, since, moment + timedelta(seconds=1)))


@given(some_hours, moments)
def test_edges_are_in_order_and_between_their_ends(hours: Hours, since: datetime) -> None:
    until = since + timedelta(days=8)
    found = list(edges(hours, since, until))
    assert found == sorted(set(found))
    assert all(since < moment < until for moment in found)
