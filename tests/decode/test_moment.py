from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.decode_frames import NOW

from ponteio.decode.moment import OffsetLearner, message_time, repaired, wall_clock

HOUR = timedelta(hours=1)
SAO_PAULO = -3 * HOUR

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["low", "high", "messageTimestamp", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def learned(*offsets: timedelta) -> timedelta | None:
    learner = OffsetLearner()
    for offset in offsets:
        learner.observe(NOW + offset, NOW)
    return learner.offset


def test_the_false_z_is_read_as_it_is_written() -> None:
    assert wall_clock("2026-11-23T11:46:12.999Z") == datetime(2026, 11, 23, 11, 46, 12, 999_000, tzinfo=UTC)
    assert wall_clock("2026-11-23T11:46:12Z") == datetime(2026, 11, 23, 11, 46, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "date_time",
    [
        None,
        17,
        "",
        "yesterday",
        "2026-11-23",
        "2026-11-23T11:46:12.999",
        "2026-11-23T11:46:12.999-03:00",
        "2026-13-23T11:46:12.999Z",
        "2026-02-30T11:46:12Z",
        "+010000-01-01T00:00:00.000Z",
        "0000-01-01T00:00:00.000Z",
        "٢٠٢٦-11-23T11:46:12Z",
        "2026-11-23T11:46:12.999Z\n",
        {"a": 1},
    ],
)
def test_any_other_date_time_is_not_trusted(date_time: object) -> None:
    assert wall_clock(date_time) is None


def test_the_first_sample_is_believed() -> None:
    assert learned() is None
    assert learned(SAO_PAULO - timedelta(milliseconds=700)) == SAO_PAULO
    assert learned(timedelta(hours=5, minutes=45, seconds=2)) == timedelta(hours=5, minutes=45)
    assert learned(timedelta(milliseconds=-3)) == timedelta(0)


def test_a_stray_sample_changes_nothing() -> None:
    assert learned(SAO_PAULO, -2 * HOUR, SAO_PAULO, -2 * HOUR, -2 * HOUR, SAO_PAULO) == SAO_PAULO
    assert learned(SAO_PAULO, -2 * HOUR, -HOUR, -2 * HOUR, -HOUR, -2 * HOUR) == SAO_PAULO


def test_daylight_saving_time_is_followed_after_three_in_a_row() -> None:
    assert learned(SAO_PAULO, -2 * HOUR, -2 * HOUR) == SAO_PAULO
    assert learned(SAO_PAULO, -2 * HOUR, -2 * HOUR, -2 * HOUR) == -2 * HOUR


@pytest.mark.parametrize(
    "sample", [timedelta(minutes=7), timedelta(hours=15), timedelta(days=400), timedelta(minutes=-8)]
)
def test_samples_that_fit_no_time_zone_are_ignored(sample: timedelta) -> None:
    assert learned(sample) is None
    assert learned(SAO_PAULO, sample, sample, sample, sample) == SAO_PAULO
    assert learned(SAO_PAULO, -2 * HOUR, sample, -2 * HOUR, sample, -2 * HOUR) == -2 * HOUR


@given(st.lists(st.sampled_from([SAO_PAULO, -2 * HOUR, HOUR]), min_size=1, max_size=30))
def test_the_offset_is_always_the_first_or_was_seen_three_times_in_a_row(samples: list[timedelta]) -> None:
    offset = learned(*samples)
    runs = [sample for sample, *more in zip(samples, samples[1:], samples[2:], strict=False) if [sample] * 2 == more]
    assert offset in {samples[0], *runs}


def test_date_time_is_repaired_by_the_offset() -> None:
    wall = wall_clock("2026-11-23T11:46:12.999Z")
    assert repaired(wall, SAO_PAULO, NOW) == datetime(2026, 11, 23, 14, 46, 12, 999_000, tzinfo=UTC)
    assert repaired(wall, None, NOW) is None
    assert repaired(None, SAO_PAULO, NOW) is None


def test_a_repair_that_is_later_than_now_or_long_ago_is_not_believed() -> None:
    assert repaired(NOW + timedelta(seconds=1), timedelta(0), NOW) == NOW + timedelta(seconds=1)
    assert repaired(NOW + timedelta(seconds=3), timedelta(0), NOW) is None
    assert repaired(NOW - timedelta(minutes=14), timedelta(0), NOW) == NOW - timedelta(minutes=14)
    assert repaired(NOW - HOUR, timedelta(0), NOW) is None


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-56, 56))
def test_a_repair_is_never_later_than_two_seconds_from_now(wall: datetime, quarters: int) -> None:
    moment = repaired(wall, quarters * timedelta(minutes=15), NOW)
    assert moment is None or timedelta(minutes=-15) <= moment - NOW <= timedelta(seconds=2)
    learner = OffsetLearner()
    learner.observe(wall, NOW)
    assert learner.offset is None or abs(learner.offset) <= 14 * HOUR


def seconds(value: object, event: str = "messages.upsert") -> float | None:
    moment = message_time(event, {"messageTimestamp": value}, NOW)
    return moment.timestamp() if moment else None


@pytest.mark.parametrize(
    "value",
    [
        1795444798,
        1795444798.0,
        "1795444798",
        {"low": 1795444798, "high": 0, "unsigned": True},
    ],
)
@pytest.mark.parametrize("event", ["messages.upsert", "send.message"])
def test_whatsapps_own_time_is_read_in_all_its_spellings(value: object, event: str) -> None:
    assert seconds(value, event) == 1795444798


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        1230767999,
        1795444798000,
        int(NOW.timestamp()) + 86_401,
        "1795444798 ",
        "١٧٩٥٤٤٤٧٩٨",
        "1e9",
        "",
        "9" * 400,
        10**400,
        float("inf"),
        float("nan"),
        [1795444798],
        {},
        {"low": 1795444798},
        {"low": 1795444798, "high": "0"},
        {"low": 1795444798, "high": 1},
        {"low": 2**70, "high": 0},
        {"low": 1795444798, "high": True},
    ],
)
def test_a_time_that_cannot_be_true_is_none(value: object) -> None:
    assert seconds(value) is None


def test_the_lower_half_of_a_long_is_signed_from_2038_on() -> None:
    data = {"messageTimestamp": {"low": 2_300_000_000 - 2**32, "high": 0, "unsigned": False}}
    moment = message_time("messages.upsert", data, datetime(2043, 1, 1, tzinfo=UTC))
    assert moment is not None
    assert moment.timestamp() == 2_300_000_000


def test_the_bounds_of_what_can_be_true() -> None:
    assert seconds(1230768000) == 1230768000
    assert seconds(int(NOW.timestamp()) + 86_400) == int(NOW.timestamp()) + 86_400


def test_a_deletion_did_not_happen_when_the_message_was_sent() -> None:
    assert seconds(1795444798, "messages.delete") is None
    assert seconds(1795444798, "messages.update") is None
    assert message_time("messages.upsert", [{"messageTimestamp": 1795444798}], NOW) is None


@given(JUNK)
def test_junk_is_survived(value: object) -> None:
    wall_clock(value)
    message_time("messages.upsert", value, NOW)
    seconds(value)
