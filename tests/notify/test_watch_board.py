from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.machine_world import TurnableClock

from ponteio.model.event import PassingEvent, StoredEvent
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch_board import LIMIT_LASTS, MAX_WAITING, QR_LASTS, Board, Span
from ponteio.tenancy.limit_notices import LimitNotice

ACME, MAIN = "org_acme", "main"


class Hand:
    """A board and a clock, with short words for what is told."""

    def __init__(self) -> None:
        self.clock = TurnableClock()
        self.board = Board(TalkHours(None), self.clock)  # type: ignore[arg-type]

    def event(self, seq: int, event: str = "messages.upsert", **more: Any) -> StoredEvent:
        said = {"instance": "loja-01", "origin": "live", "epoch": "7f3a9c21", **more}
        now = self.clock()
        made = StoredEvent(
            organization_id=ACME, seq=seq, event=event, sender=None, date_time=None, occurred_at=now,
            received_at=now, data=b"{}", **said,
        )  # fmt: skip
        self.board.note_events([made])
        return made

    def link(self, state: LinkState, instance: str | None = None) -> None:
        self.board.note_link(LinkStatus(LinkTarget(MAIN, instance), state, self.clock()))


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_an_instance_was_heard_when_its_newest_live_event_came(hand: Hand) -> None:
    hand.event(1)
    first = hand.clock()
    hand.clock.turn(seconds=10)
    hand.event(2, origin="backfill")
    assert hand.board.heard_at[ACME, "loja-01"] == first
    hand.event(3)
    assert hand.board.heard_at[ACME, "loja-01"] == hand.clock()


def test_what_was_not_announced_here_is_missed_and_nothing_is_taken_twice(hand: Hand) -> None:
    hand.board.followed = hand.board.matching = frozenset({ACME})
    hand.event(1)
    hand.event(2)
    hand.event(2)
    hand.event(4)
    assert [event.seq for event in hand.board.waiting] == [1, 2]
    assert hand.board.missed == {ACME}
    hand.board.take(hand.event(3))
    assert hand.board.seen[ACME].seq == 3


def test_of_an_organization_without_rules_the_newest_is_known_whatever_came_before(hand: Hand) -> None:
    hand.event(1)
    hand.clock.turn(seconds=10)
    hand.event(9)
    assert hand.board.heard_at[ACME, "loja-01"] == hand.clock()
    assert hand.board.missed == set()


def test_what_is_not_stored_is_heard_too(hand: Hand) -> None:
    now = hand.clock()
    passing = PassingEvent(ACME, "loja-01", "presence.update", None, None, now, now, "live", b"{}")
    hand.board.note_passing([passing])
    assert hand.board.heard_at == {(ACME, "loja-01"): now}


def test_another_life_of_the_log_begins_anew(hand: Hand) -> None:
    hand.board.followed = frozenset({ACME})
    hand.event(5)
    hand.event(1, epoch="00000001")
    assert (hand.board.seen[ACME].epoch, hand.board.missed) == ("00000001", set())


def test_what_waits_is_bounded_and_the_rest_is_in_the_log(hand: Hand) -> None:
    hand.board.followed = hand.board.matching = frozenset({ACME})
    for seq in range(1, MAX_WAITING + 10):
        hand.event(seq)
    assert len(hand.board.waiting) == MAX_WAITING
    assert hand.board.seen[ACME].seq == MAX_WAITING
    assert hand.board.missed == {ACME}


def test_events_of_those_without_rules_about_them_do_not_wait(hand: Hand) -> None:
    hand.event(1)
    assert not hand.board.waiting


def test_qr_codes_follow_each_other_in_one_span(hand: Hand) -> None:
    first = hand.clock()
    for seq in range(1, 4):
        hand.event(seq, "qrcode.updated")
        hand.clock.turn(seconds=45)
    assert hand.board.qr[ACME, "loja-01"] == Span(first, first + timedelta(seconds=90))
    hand.clock.turn(seconds=QR_LASTS.total_seconds())
    hand.event(4, "qrcode.updated")
    assert hand.board.qr[ACME, "loja-01"] == Span(hand.clock(), hand.clock())


def test_a_limit_is_reached_in_one_span_while_it_is_told_again_and_again(hand: Hand) -> None:
    first = hand.clock()
    hand.board.note_limit(ACME, LimitNotice("too_many_links", 1, first, first))
    hand.clock.turn(seconds=10)
    hand.board.note_limit(ACME, LimitNotice("too_many_links", 2, first, hand.clock()))
    assert hand.board.limits[ACME]["too_many_links"] == Span(first, hand.clock())
    hand.clock.turn(seconds=LIMIT_LASTS.total_seconds() + 1)
    hand.board.note_limit(ACME, LimitNotice("too_many_links", 3, first, hand.clock()))
    assert hand.board.limits[ACME]["too_many_links"].first_at == hand.clock()


def test_a_link_is_deaf_from_the_moment_it_is_lost(hand: Hand) -> None:
    target = LinkTarget(MAIN, "loja-01")
    hand.link(LinkState.CONNECTED, "loja-01")
    assert target not in hand.board.deaf_since
    hand.clock.turn(seconds=10)
    lost_at = hand.clock()
    hand.link(LinkState.CONNECTING, "loja-01")
    hand.clock.turn(seconds=10)
    hand.link(LinkState.UNREACHABLE, "loja-01")
    assert hand.board.deaf_since[target] == lost_at


def test_a_server_is_lost_with_its_last_link_and_back_with_its_first(hand: Hand) -> None:
    for name in ("a", "b"):
        hand.link(LinkState.CONNECTED, name)
    hand.clock.turn(seconds=10)
    hand.link(LinkState.UNREACHABLE, "a")
    sight = hand.board.servers[MAIN]
    assert sight.answered == {LinkTarget(MAIN, "b")}
    hand.link(LinkState.UNREACHABLE, "b")
    hand.link(LinkState.UNREACHABLE, "b")
    assert (sight.answered, sight.lost_at, sight.back_at) == (set(), hand.clock(), None)
    hand.clock.turn(seconds=10)
    hand.link(LinkState.NAMESPACE_PENDING, "a")
    assert sight.back_at == hand.clock()


def test_the_way_to_an_instance_is_the_link_that_hears_it(hand: Hand) -> None:
    board = hand.board
    assert board.link_of(MAIN, "a") is None
    hand.link(LinkState.OFF, "a")
    assert board.link_of(MAIN, "a") == board.links[LinkTarget(MAIN, "a")]
    hand.link(LinkState.UNREACHABLE)
    assert board.link_of(MAIN, "a") == board.links[LinkTarget(MAIN)], "its own is off: the global one is meant"
    hand.link(LinkState.NAMESPACE_PENDING, "a")
    assert board.link_of(MAIN, "a") == board.links[LinkTarget(MAIN, "a")]
    hand.link(LinkState.CONNECTED)
    assert board.link_of(MAIN, "a") == board.links[LinkTarget(MAIN)]


def test_outages_of_an_earlier_process_are_remembered_until_the_links_are_up(hand: Hand) -> None:
    a, b = LinkTarget(MAIN, "a"), LinkTarget(MAIN, "b")
    hand.link(LinkState.CONNECTING, "a")
    long_ago = hand.clock() - timedelta(hours=1)
    hand.board.remember(MAIN, {a: long_ago, b: long_ago - timedelta(hours=1)})
    assert hand.board.deaf_since == {a: long_ago, b: long_ago - timedelta(hours=1)}
    assert hand.board.servers[MAIN].lost_at == long_ago
    hand.link(LinkState.CONNECTED, "a")
    assert a not in hand.board.deaf_since
    hand.board.remember(MAIN, {a: long_ago})
    assert a not in hand.board.deaf_since
    hand.board.remember("other", {})
    assert hand.board.servers["other"].lost_at == hand.board.started_at
