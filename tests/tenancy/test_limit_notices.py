from __future__ import annotations

from datetime import datetime, timedelta

from tests.support.log_world import NOON

from ponteio.model.outcome import LIVE_HELD, TOO_MANY_SOCKETS
from ponteio.observe.counters import Counters
from ponteio.tenancy.limit_notices import LimitNotice, LimitNotices


class Desk:
    """Notices, with a clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON
        self.counters = Counters()
        self.notices = LimitNotices(self.counters, self.clock)
        self.told: list[tuple[str, LimitNotice]] = []
        self.notices.on_notice(lambda organization_id, notice: self.told.append((organization_id, notice)))

    def clock(self) -> datetime:
        return self.now

    def after(self, seconds: float) -> None:
        self.now = NOON + timedelta(seconds=seconds)


def test_what_is_reached_is_counted_for_each_organization_and_code() -> None:
    desk = Desk()
    desk.notices.reached("acme", TOO_MANY_SOCKETS)
    desk.after(3)
    desk.notices.reached("acme", TOO_MANY_SOCKETS)
    desk.notices.reached("acme", LIVE_HELD)
    desk.notices.reached("beta", LIVE_HELD)
    later = NOON + timedelta(seconds=3)
    assert desk.notices.of("acme") == [
        LimitNotice("live_held", 1, later, later),
        LimitNotice("too_many_sockets", 2, NOON, later),
    ]
    assert [one.count for one in desk.notices.of("beta")] == [1]
    assert desk.notices.counters is desk.counters
    assert desk.notices.of("nobody") == []
    assert desk.counters.refused == {"too_many_sockets": 2, "live_held": 2}


def test_listeners_hear_the_first_time_at_once_and_then_at_most_every_ten_seconds() -> None:
    desk = Desk()
    for second in range(25):
        desk.after(second)
        desk.notices.reached("acme", LIVE_HELD)
    assert [notice.count for _, notice in desk.told] == [1, 11, 21]
    desk.notices.reached("acme", TOO_MANY_SOCKETS)
    desk.notices.reached("beta", LIVE_HELD)
    assert [(organization_id, notice.code) for organization_id, notice in desk.told[3:]] == [
        ("acme", "too_many_sockets"),
        ("beta", "live_held"),
    ]


def test_a_clock_that_is_set_back_does_not_silence_the_notices() -> None:
    desk = Desk()
    desk.notices.reached("acme", LIVE_HELD)
    desk.after(-3_600)
    desk.notices.reached("acme", LIVE_HELD)
    assert len(desk.told) == 2
