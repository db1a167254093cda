from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.machine_world import TurnableClock

from ponteio.model.alert import Subject, SubjectKind
from ponteio.model.identity import Instance, InstanceState
from ponteio.model.link import LinkState, LinkStatus, LinkTarget
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch_board import Board, Span
from ponteio.notify.watch_survey import RECOVERY, Fault, Quiet, Survey, survey

ACME, MAIN = "org_acme", "main"
SETTLES = timedelta(seconds=5)


class Place:
    def __init__(self) -> None:
        self.clock = TurnableClock()
        self.board = Board(TalkHours(None), self.clock)  # type: ignore[arg-type]
        self.states = {"a": InstanceState.OPEN, "b": InstanceState.OPEN}
        self.since = self.clock()

    def link(self, state: LinkState, *names: str | None) -> None:
        for name in names:
            self.board.note_link(LinkStatus(LinkTarget(MAIN, name), state, self.clock()))

    def look(self) -> Survey:
        found = [
            Instance(f"ins_{name}", MAIN, name, ACME, state=state, state_at=self.since)
            for name, state in self.states.items()
        ]
        return survey(ACME, found, self.board, self.clock(), SETTLES)


@pytest.fixture
def place() -> Place:
    return Place()


def about(name: str) -> Subject:
    return Subject(SubjectKind.INSTANCE, name)


def test_what_is_open_and_heard_is_well(place: Place) -> None:
    place.link(LinkState.CONNECTED, "a", "b")
    found = place.look()
    assert (found.down, found.unseen) == ({}, set())
    assert found.quiet["a"] == Quiet(None, place.since)


def test_what_is_not_open_is_down_since_it_is_not(place: Place) -> None:
    place.link(LinkState.CONNECTED, "a", "b")
    place.states["a"] = InstanceState.CLOSE
    place.clock.turn(seconds=60)
    found = place.look()
    assert found.down == {about("a"): Fault(place.since, "state_close", ("a",))}
    assert "a" not in found.quiet


def test_a_link_that_is_back_soon_was_never_lost(place: Place) -> None:
    place.link(LinkState.CONNECTED, "a", "b")
    place.link(LinkState.CONNECTING, "a")
    place.clock.turn(seconds=4)
    assert place.look().down == {}
    place.clock.turn(seconds=1)
    assert place.look().down[about("a")].reason == "link_connecting"


@pytest.mark.parametrize("state", [LinkState.OFF, LinkState.UNLINKABLE])
def test_a_link_of_its_own_that_is_off_is_its_own_trouble(place: Place, state: LinkState) -> None:
    place.link(LinkState.CONNECTED, "b")
    place.link(state, "a")
    place.clock.turn(seconds=60)
    assert place.look().down == {about("a"): Fault(place.since, f"link_{state.value}", ("a",))}
    place.link(LinkState.OFF, "b")
    place.clock.turn(seconds=60)
    assert place.look().down.keys() == {about("a"), about("b")}, "somebody switched them off: no server is away"


def test_an_open_instance_whose_namespace_is_not_there_yet_is_not_down(place: Place) -> None:
    """Evolution makes the namespace with the instance's first event."""
    place.link(LinkState.NAMESPACE_PENDING, "a", "b")
    place.clock.turn(seconds=600)
    found = place.look()
    assert (found.down, found.quiet) == ({}, {})


def test_a_server_that_answers_nobody_is_one_trouble(place: Place) -> None:
    place.link(LinkState.CONNECTED, "a", "b")
    place.states["b"] = InstanceState.CLOSE
    place.clock.turn(seconds=10)
    lost_at = place.clock()
    place.link(LinkState.UNREACHABLE, "a", "b")
    place.clock.turn(seconds=5)
    found = place.look()
    assert found.down == {Subject(SubjectKind.SERVER, MAIN): Fault(lost_at, "server_unreachable", ("a", "b"))}
    assert found.unseen == {"a", "b"}


def test_one_link_of_another_organization_shows_that_the_server_is_there(place: Place) -> None:
    place.link(LinkState.CONNECTED, "somebody else's")
    place.link(LinkState.UNREACHABLE, "a", "b")
    place.clock.turn(seconds=60)
    assert place.look().down.keys() == {about("a"), about("b")}


def test_an_instance_that_nobody_links_to_is_down_where_others_are_heard(place: Place) -> None:
    place.link(LinkState.CONNECTED, "b")
    place.clock.turn(seconds=60)
    assert place.look().down == {about("a"): Fault(place.board.started_at, "link_off", ("a",))}


def test_a_server_that_was_just_lost_says_nothing_yet(place: Place) -> None:
    place.link(LinkState.CONNECTED, "a", "b")
    place.link(LinkState.UNREACHABLE, "a", "b")
    place.clock.turn(seconds=4)
    found = place.look()
    assert (found.down, found.unseen) == ({}, {"a", "b"})


def test_the_global_link_and_no_link_at_all_are_everybodys_trouble(place: Place) -> None:
    place.clock.turn(seconds=60)
    assert place.look().down == {
        Subject(SubjectKind.SERVER, MAIN): Fault(place.board.started_at, "server_unreachable", ("a", "b"))
    }
    place.link(LinkState.OFF, None)
    assert place.look().unseen == {"a", "b"}
    place.link(LinkState.CONNECTED, None)
    assert place.look().unseen == set()


def test_after_its_server_is_back_an_instance_has_time(place: Place) -> None:
    place.link(LinkState.CONNECTED, "a", "b")
    place.link(LinkState.UNREACHABLE, "a", "b")
    place.clock.turn(seconds=600)
    place.link(LinkState.CONNECTED, "b")
    back_at = place.clock()
    place.clock.turn(seconds=RECOVERY.total_seconds() - 1)
    assert place.look().down == {}
    place.clock.turn(seconds=1)
    assert place.look().down == {about("a"): Fault(back_at, "link_unreachable", ("a",))}


def test_a_qr_code_counts_while_codes_keep_coming(place: Place) -> None:
    place.link(LinkState.CONNECTED, "a", "b")
    now = place.clock()
    place.board.qr[ACME, "a"] = Span(now, now)
    assert place.look().qr == {}
    place.states["a"] = InstanceState.CONNECTING
    assert place.look().qr == {about("a"): Fault(now, "qr", ("a",))}
    place.clock.turn(seconds=121)
    assert place.look().qr == {}


def test_silence_counts_from_the_last_event_but_not_from_before_it_was_heard(place: Place) -> None:
    place.board.heard_at[ACME, "a"] = place.clock()
    place.clock.turn(seconds=60)
    place.link(LinkState.CONNECTED, "a", "b")
    assert place.look().quiet["a"] == Quiet(place.since, place.clock())


def test_a_limit_counts_for_five_minutes(place: Place) -> None:
    now = place.clock()
    place.board.limits[ACME] = {"too_many_links": Span(now, now)}
    place.board.limits["org_other"] = {"too_many_sockets": Span(now, now)}
    place.clock.turn(minutes=5)
    limit = Subject(SubjectKind.LIMIT, "too_many_links")
    assert place.look().limits == {limit: Fault(now, "too_many_links")}
    place.clock.turn(seconds=1)
    assert place.look().limits == {}
