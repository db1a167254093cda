from __future__ import annotations

import pytest
from tests.live.stored import EPOCH, stored

from ponteio.live.handshake import LimitError
from ponteio.live.options import LiveOptions
from ponteio.live.room import Room
from ponteio.model.cursor import Cursor
from ponteio.model.identity import Limits, OrganizationScope
from ponteio.model.outcome import TOO_MANY_SOCKETS, TOO_MANY_USER_SOCKETS


def room(head: int | None = None) -> Room:
    new = Room(OrganizationScope("org"), LiveOptions())
    if head is not None:
        new.settle(Cursor(EPOCH, head))
    return new


def last(of: Room) -> int:
    assert of.ring is not None
    return of.ring.last.seq


def test_the_first_place_that_is_known_is_where_the_ring_begins() -> None:
    """I3: an event that is announced while a head is being read is neither lost nor sent twice."""
    announced_first = room()
    assert announced_first.offer([stored(5)])
    announced_first.settle(Cursor(EPOCH, 3))
    assert last(announced_first) == 5
    assert announced_first.ring is not None
    assert announced_first.ring.holds(Cursor(EPOCH, 4))


def test_events_that_are_known_already_are_passed_over() -> None:
    here = room(3)
    assert here.offer([stored(2), stored(3), stored(4), stored(4), stored(5)])
    assert last(here) == 5


def test_a_hole_is_refused_and_nothing_after_it_is_kept() -> None:
    here = room(3)
    assert not here.offer([stored(4), stored(6), stored(7)])
    assert last(here) == 4


def test_another_life_of_the_log_is_refused() -> None:
    assert not room(3).offer([stored(4, epoch="ffffffff")])


def test_a_room_is_behind_a_head_that_it_was_not_offered() -> None:
    here = room(3)
    assert not here.is_behind(Cursor(EPOCH, 3))
    assert here.is_behind(Cursor(EPOCH, 4))
    assert here.is_behind(Cursor("ffffffff", 1))
    assert not room().is_behind(Cursor(EPOCH, 4))


def test_those_who_are_about_to_come_in_count() -> None:
    here = room()
    here.arriving = 2
    assert here.occupants == 2


def test_a_place_is_refused_to_the_organization_or_to_the_person_that_has_no_more() -> None:
    here, limits = room(), Limits(sockets=3, sockets_per_user=2)
    for person in ("ana", "ana", None):
        here.reserve(person, limits)
    with pytest.raises(LimitError) as caught:
        here.reserve("rui", limits)
    assert (caught.value.outcome, caught.value.organization_id) == (TOO_MANY_SOCKETS, "org")
    here.arriving -= 1
    with pytest.raises(LimitError) as caught:
        here.reserve("ana", limits)
    assert caught.value.outcome is TOO_MANY_USER_SOCKETS
    here.forget("ana")
    here.reserve("ana", limits)
    assert here.people == {"ana": 2}
    for person in ("ana", "ana", None):
        here.forget(person)
    assert here.people == {}


@pytest.mark.parametrize("limits", [Limits(sockets=0), Limits(sockets_per_user=0)])
def test_zero_means_none_at_all(limits: Limits) -> None:
    here = room()
    with pytest.raises(LimitError):
        here.reserve("ana", limits)
    assert (here.occupants, here.people) == (0, {})


def test_keys_stand_for_no_person() -> None:
    here = room()
    here.reserve(None, Limits(sockets_per_user=0))
    assert here.people == {}
