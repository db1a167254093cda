from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.notify.incident_machine import (
    IDLE,
    TABLE,
    Glance,
    Memory,
    Move,
    Phase,
    Symptom,
    Terms,
    acknowledged,
    calm_needed,
    dismissed,
    due_at,
    step,
    symptom,
)

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
TERMS = Terms(lasts=timedelta(minutes=5), calm=timedelta(seconds=30), reopen=timedelta(minutes=10))
REMINDING = Terms(TERMS.lasts, TERMS.calm, TERMS.reopen, remind_every=timedelta(hours=4))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def run(story: Sequence[tuple[float, float | None]], terms: Terms = TERMS) -> tuple[Memory, list[tuple[float, Move]]]:
    """The end of a story of (now, since) in seconds, and its moves."""
    memory, moves = IDLE, []
    for now, since in story:
        memory, move = step(memory, Glance(at(now), None if since is None else at(since)), terms)
        if move is not None:
            moves.append((now, move))
    return memory, moves


def test_every_phase_knows_what_to_do_with_every_symptom() -> None:
    assert set(TABLE) == set(product(Phase, Symptom))


def test_trouble_opens_once_it_has_lasted_and_ends_after_calm() -> None:
    memory, moves = run([(0, 0), (299, 0), (300, 0), (301, 0), (400, None), (429, None), (430, None), (431, None)])
    assert moves == [(300, Move.OPENED), (430, Move.RESOLVED)]
    assert memory.phase is Phase.CALM


def test_trouble_that_is_back_before_the_end_is_a_flap_and_tells_nobody() -> None:
    memory, moves = run([(300, 0), (310, None), (320, 320), (330, None), (340, 340)])
    assert moves == [(300, Move.OPENED), (320, Move.FLAPPED), (340, Move.FLAPPED)]
    assert (memory.phase, memory.flaps) == (Phase.OPEN, 2)


def test_each_flap_doubles_the_calm_that_ends_it() -> None:
    flapping = [(300, 0), (310, None), (320, 320), (330, None), (389, None)]
    memory, _ = run(flapping)
    assert memory.phase is Phase.CLEARING
    _, moves = run([*flapping, (390, None)])
    assert moves[-1:] == [(390, Move.RESOLVED)]
    assert calm_needed(Memory(Phase.CLEARING, flaps=1_000), TERMS) == TERMS.reopen


def test_trouble_that_is_back_soon_continues_its_incident() -> None:
    ended = [(300, 0), (310, None), (340, None)]
    memory, moves = run([*ended, (500, 500), (800, 500)])
    assert moves[-1:] == [(800, Move.REOPENED)]
    assert memory.flaps == 1
    _, moves = run([*ended, (940, 940), (1240, 940)])
    assert [move for _, move in moves] == [Move.OPENED, Move.RESOLVED, Move.OPENED]


def test_what_has_ended_is_forgotten_after_the_reopening_time() -> None:
    assert run([(300, 0), (310, None), (340, None), (939, None)])[0].phase is Phase.CALM
    assert run([(300, 0), (310, None), (340, None), (940, None)])[0] == IDLE
    assert run([(300, 0), (310, None), (340, None), (941, 941)])[0] == IDLE


def test_outside_its_hours_a_rule_opens_nothing_and_what_is_open_stays() -> None:
    glance = Glance(at(300), at(0), in_hours=False)
    assert symptom(glance, TERMS) is Symptom.BREWING
    assert step(IDLE, glance, TERMS) == (IDLE, None)
    is_open = Memory(Phase.OPEN, told_at=at(0))
    assert step(is_open, glance, TERMS) == (is_open, None)


def test_reminders_come_again_and_again_until_somebody_acknowledged() -> None:
    four_hours = 4 * 3600
    story = [(300.0, 0.0), (300.0 + four_hours - 1, 0.0), (300.0 + four_hours, 0.0), (300.0 + 2 * four_hours, 0.0)]
    memory, moves = run(story, REMINDING)
    assert [move for _, move in moves] == [Move.OPENED, Move.REMINDED, Move.REMINDED]
    later = Glance(at(10 * four_hours), at(0))
    assert step(acknowledged(memory), later, REMINDING)[1] is None
    assert step(memory, Glance(later.now, later.since, in_hours=False), REMINDING)[1] is None


def test_a_restored_incident_reminds_from_its_first_look_on() -> None:
    memory, move = step(Memory(Phase.OPEN), Glance(at(0), at(0)), REMINDING)
    assert (move, memory.told_at) == (None, at(0))


def test_what_was_closed_by_hand_says_nothing_until_its_trouble_is_over() -> None:
    memory = dismissed(Memory(Phase.OPEN, told_at=at(0)))
    memory, move = step(memory, Glance(at(9_000), at(0)), TERMS)
    assert (memory.phase, move) == (Phase.DISMISSED, None)
    memory, move = step(memory, Glance(at(9_001)), TERMS)
    assert move is None
    memory, move = step(memory, Glance(at(9_010), at(0)), TERMS)
    assert memory.calm_since is None
    memory, move = step(memory, Glance(at(9_020)), TERMS)
    memory, move = step(memory, Glance(at(9_050)), TERMS)
    assert (memory, move) == (IDLE, Move.FORGOTTEN)


seconds = st.integers(0, 3_000)
spans = st.integers(0, 900).map(lambda number: timedelta(seconds=number))
all_terms = st.builds(Terms, lasts=spans, calm=spans, reopen=spans, remind_every=st.none() | spans.filter(bool))


@st.composite
def glances(draw: st.DrawFn) -> list[Glance]:
    now, since, found = 0, None, []
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.integers(0, 400))
        if draw(st.booleans()):
            since = None
        elif since is None:
            since = now - draw(st.integers(0, 300))
        seen, in_hours = draw(st.booleans()) or draw(st.booleans()), draw(st.booleans()) or draw(st.booleans())
        found.append(Glance(at(now), None if since is None else at(since), is_seen=seen, in_hours=in_hours))
    return found


@given(glances(), all_terms)
def test_moves_follow_each_other_as_an_incident_lives(story: list[Glance], terms: Terms) -> None:
    """Opened, then flaps and reminders, then resolved; then reopened, or another one opened."""
    memory, is_open, known = IDLE, False, False
    for glance in story:
        before = memory
        memory, move = step(memory, glance, terms)
        if not glance.is_seen:
            assert (memory, move) == (before, None)
        if move in (Move.OPENED, Move.REOPENED):
            assert not is_open
            assert glance.since is not None
            assert glance.in_hours
            assert glance.now - glance.since >= terms.lasts
            assert known or move is Move.OPENED
            is_open = known = True
        elif move is Move.RESOLVED:
            assert is_open
            assert glance.since is None
            is_open = False
        elif move in (Move.FLAPPED, Move.REMINDED):
            assert is_open
            assert glance.since is not None
        assert is_open is (memory.phase in (Phase.OPEN, Phase.CLEARING))


@given(glances(), all_terms, st.integers(0, 5_000))
def test_until_it_is_due_the_same_look_says_nothing_new(story: list[Glance], terms: Terms, later: int) -> None:
    memory = IDLE
    for glance in story:
        memory, _ = step(memory, glance, terms)
    last = story[-1]
    again = Glance(last.now + timedelta(seconds=later), last.since, is_seen=last.is_seen, in_hours=last.in_hours)
    until = due_at(memory, last, terms)
    settled, move = step(memory, last, terms)
    if move is None and settled == memory and (until is None or again.now < until):
        assert step(memory, again, terms) == (memory, None)


@given(glances(), all_terms)
def test_a_restart_in_the_middle_opens_nothing_twice(story: list[Glance], terms: Terms) -> None:
    """What a watch restores from an open incident goes on as if nothing had happened, but for the calm seen so far."""
    memory = IDLE
    for glance in story:
        memory, _ = step(memory, glance, terms)
        if memory.phase in (Phase.OPEN, Phase.CLEARING):
            restored = Memory(Phase.OPEN, memory.flaps, told_at=glance.now)
            assert step(restored, glance, terms)[1] in (None, Move.REMINDED, Move.RESOLVED)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=200))
def test_flapping_however_fast_makes_one_incident(gaps: list[int]) -> None:
    """Trouble that never leaves for as long as calm must last is told once."""
    terms = Terms(lasts=timedelta(0), calm=timedelta(seconds=61), reopen=timedelta(minutes=10))
    now, moves, memory = 0, [], IDLE
    for number, gap in enumerate(gaps):
        now += gap
        memory, move = step(memory, Glance(at(now), None if number % 2 else at(now)), terms)
        moves.append(move)
    assert moves.count(Move.OPENED) == 1
    assert Move.RESOLVED not in moves
    assert Move.REOPENED not in moves


@pytest.mark.parametrize("phase", Phase)
def test_what_cannot_be_seen_has_no_due_time(phase: Phase) -> None:
    assert due_at(Memory(phase), Glance(at(0), is_seen=False), TERMS) is None
