from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ponteio.notify.spans import TroubleSpan, common, merged, without

START = datetime(2026, 11, 24, tzinfo=UTC)


def span(begin: int, end: int) -> TroubleSpan:
    return TroubleSpan(START + timedelta(minutes=begin), START + timedelta(minutes=end))


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: span(pair[0], pair[0] + pair[1])), max_size=8
)


def minutes(several: list[TroubleSpan]) -> set[int]:
    """The minutes in which one of the spans is."""
    moments = ((minute, START + timedelta(minutes=minute)) for minute in range(100))
    return {minute for minute, moment in moments if any(one.from_at <= moment < one.to_at for one in several)}


@given(spans)
def test_merged_is_the_same_time_in_order_and_apart(several: list[TroubleSpan]) -> None:
    found = merged(several)
    assert minutes(found) == minutes(several)
    assert all(before.to_at < after.from_at for before, after in itertools.pairwise(found))


@given(spans, spans)
def test_without_is_what_is_in_the_one_and_not_in_the_other(
    several: list[TroubleSpan], others: list[TroubleSpan]
) -> None:
    assert minutes(without(several, others)) == minutes(several) - minutes(others)


@given(st.lists(spans, min_size=1, max_size=4))
def test_common_is_what_is_in_all(several: list[list[TroubleSpan]]) -> None:
    assert minutes(common(several)) == set.intersection(*(minutes(one) for one in several))


def test_what_touches_stays_two_where_each_counts() -> None:
    assert without([span(0, 5), span(5, 9)], []) == [span(0, 5), span(5, 9)]
    assert merged([span(0, 5), span(5, 9)]) == [span(0, 9)]
    assert common([]) == []
