"""The table of one link: each row, and that no story leaves a wanted link stuck or an unwanted one dialling."""

from __future__ import annotations

import random
import typing
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponteio.model.link import GapKind, LinkState
from ponteio.upstream import link_machine
from ponteio.upstream.backoff import RetryPolicy
from ponteio.upstream.link_failure import CONNECTION_LOST, LinkFailure, unreachable
from ponteio.upstream.link_machine import INVALID_NAMESPACE, TABLE, Chance, LinkMemory, Phase, advance, begin
from ponteio.upstream.link_signals import (
    AskTurn,
    BeginGap,
    Command,
    Dial,
    DialFailed,
    EndGap,
    Halted,
    HangUp,
    Happening,
    Join,
    Joined,
    LeaveQueue,
    Left,
    Lost,
    Opened,
    Refused,
    SetTimer,
    Since,
    StopTimer,
    TimerFired,
    TurnGiven,
    Unwanted,
    Wanted,
)

AUTH = LinkFailure(LinkState.AUTH_FAILED, "key_invalid", "Evolution API does not know the key.")
DISABLED = LinkFailure(LinkState.UPSTREAM_DISABLED, "upstream_websocket_disabled", "WebSocket is off.")
REFUSED = unreachable("connection_refused", "Nothing listens.")
PENDING = Refused(INVALID_NAMESPACE)


def chance(seed: int = 1) -> Chance:
    return Chance(RetryPolicy(), random.Random(seed))


@dataclass
class Story:
    """A link led through happenings, with what it ordered at the last one."""

    memory: LinkMemory = field(default_factory=lambda: begin(is_linkable=True))
    last: tuple[Command, ...] = ()

    def tell(self, *happenings: Happening) -> Story:
        for happening in happenings:
            self.memory, self.last = advance(self.memory, happening, chance())
        return self

    def orders_after(self, *happenings: Happening) -> list[Command]:
        return list(self.tell(*happenings).last)

    @property
    def delay(self) -> float:
        (timer,) = (each for each in self.last if isinstance(each, SetTimer))
        return timer.seconds

    @property
    def orders(self) -> list[type]:
        return [type(each) for each in self.last]


def connected() -> Story:
    return Story().tell(Wanted(), TurnGiven(), Opened(), Joined())


def pending() -> Story:
    return Story().tell(Wanted(), TurnGiven(), Opened(), PENDING)


# The table, row by row.


def test_the_way_up() -> None:
    story = Story().tell(Wanted())
    assert (story.memory.state, story.orders) == (LinkState.CONNECTING, [AskTurn])
    assert story.orders_after(TurnGiven()) == [Dial(), SetTimer(10.0)]
    assert story.memory.attempts == 1
    assert story.orders_after(Opened()) == [Join()]
    assert story.orders_after(Joined()) == [SetTimer(10.0)]
    assert story.memory.state is LinkState.CONNECTED
    assert (story.memory.attempts, story.memory.joins, story.memory.gap) == (0, 1, None)


def test_a_name_with_a_comma_is_unlinkable_at_once_and_never_dials() -> None:
    story = Story(begin(is_linkable=False)).tell(Wanted())
    assert (story.memory.state, story.memory.reason, story.last) == (LinkState.UNLINKABLE, "unlinkable_name", ())
    assert story.tell(Wanted(), TimerFired(), TurnGiven()).last == ()
    assert story.tell(Unwanted()).memory.state is LinkState.OFF


@pytest.mark.parametrize("failure", [REFUSED, AUTH, DISABLED])
def test_a_failed_dial_shows_why_and_is_tried_again(failure: LinkFailure) -> None:
    story = Story().tell(Wanted(), TurnGiven(), DialFailed(failure))
    assert (story.memory.state, story.memory.reason, story.memory.detail) == (
        failure.state,
        failure.reason,
        failure.detail,
    )
    assert story.orders == [SetTimer, BeginGap]
    assert story.tell(TimerFired()).last == (AskTurn(),)
    assert story.memory.state is failure.state
    assert story.tell(TurnGiven()).memory.attempts == 2


def test_a_dial_without_an_answer_is_given_up() -> None:
    for happenings in ((), (Opened(),)):
        story = Story().tell(Wanted(), TurnGiven(), *happenings, TimerFired())
        assert (story.memory.state, story.memory.reason) == (LinkState.UNREACHABLE, "handshake_timeout")
        assert story.orders == [HangUp, SetTimer, BeginGap]


def test_a_transport_that_ends_during_the_handshake_is_a_failure() -> None:
    for happenings in ((), (Opened(),)):
        story = Story().tell(Wanted(), TurnGiven(), *happenings, Lost(CONNECTION_LOST))
        assert (story.memory.phase, story.memory.state) == (Phase.RESTING, LinkState.UNREACHABLE)


def test_a_lost_link_is_connecting_again_until_a_dial_fails() -> None:
    story = connected().tell(Lost(CONNECTION_LOST))
    assert (story.memory.state, story.memory.reason) == (LinkState.CONNECTING, "connection_lost")
    assert story.orders == [SetTimer, BeginGap]
    assert story.last[1] == BeginGap(GapKind.LINK_DOWN, Since.HEARD)
    assert 0 <= story.delay <= 1.0
    story.tell(TimerFired(), TurnGiven(), DialFailed(REFUSED))
    assert story.memory.state is LinkState.UNREACHABLE
    assert story.orders == [SetTimer]
    story.tell(TimerFired(), TurnGiven(), Opened(), Joined())
    assert (story.memory.joins, story.memory.gap) == (2, None)
    assert EndGap(GapKind.LINK_DOWN) in story.last


def test_a_pending_namespace_keeps_its_transport_and_is_asked_for_again() -> None:
    story = pending()
    assert (story.memory.state, story.memory.reason) == (LinkState.NAMESPACE_PENDING, "invalid_namespace")
    assert story.last[1:] == (BeginGap(GapKind.NAMESPACE_PENDING, Since.WANTED),)
    assert 0.8 <= story.delay <= 1.0
    for _ in range(20):
        story.tell(TimerFired())
        assert story.last == (Join(), SetTimer(10.0))
        assert story.memory.state is LinkState.NAMESPACE_PENDING
        story.tell(PENDING)
        assert story.orders == [SetTimer]
    assert 4.0 <= story.delay <= 5.0
    assert story.memory.attempts == 1
    story.tell(TimerFired(), Joined())
    assert story.memory.state is LinkState.CONNECTED
    assert story.last == (SetTimer(10.0), EndGap(GapKind.NAMESPACE_PENDING))


@pytest.mark.parametrize("asking", [False, True])
def test_the_close_of_a_transport_without_a_namespace_is_no_failure(asking: bool) -> None:
    story = pending()
    if asking:
        story.tell(TimerFired())
    story.tell(Lost(CONNECTION_LOST))
    assert (story.memory.phase, story.memory.state) == (Phase.RESTING, LinkState.NAMESPACE_PENDING)
    assert (story.memory.failures, story.memory.reason) == (0, "invalid_namespace")
    assert story.orders == [SetTimer]
    story.tell(TimerFired(), TurnGiven(), Opened(), PENDING)
    assert story.memory.state is LinkState.NAMESPACE_PENDING
    assert story.orders == [SetTimer]


def test_a_pending_link_whose_server_goes_away_says_so() -> None:
    story = pending().tell(Lost(CONNECTION_LOST), TimerFired(), TurnGiven(), DialFailed(REFUSED))
    assert (story.memory.state, story.memory.gap) == (LinkState.UNREACHABLE, GapKind.NAMESPACE_PENDING)
    story.tell(TimerFired(), TurnGiven(), Lost(CONNECTION_LOST))
    assert story.memory.state is LinkState.UNREACHABLE


def test_a_pending_namespace_takes_the_gap_over_from_an_outage() -> None:
    story = connected().tell(Lost(CONNECTION_LOST), TimerFired(), TurnGiven(), Opened(), PENDING)
    assert story.last[1:] == (EndGap(GapKind.LINK_DOWN), BeginGap(GapKind.NAMESPACE_PENDING, Since.NOW))


def test_a_namespace_refused_for_another_reason_is_a_failure() -> None:
    story = Story().tell(Wanted(), TurnGiven(), Opened(), Refused("go away"))
    assert (story.memory.state, story.memory.reason) == (LinkState.UNREACHABLE, "namespace_refused")
    assert story.orders == [HangUp, SetTimer, BeginGap]


@pytest.mark.parametrize("happening", [Left(), PENDING])
def test_a_link_taken_out_of_its_namespace_asks_again_less_and_less_eagerly(happening: Happening) -> None:
    story = connected()
    for times in range(1, 10):
        story.tell(happening)
        assert (story.memory.phase, story.memory.reason) == (Phase.PENDING, "namespace_left")
        assert (story.memory.failures, story.memory.gap) == (times, GapKind.LINK_DOWN)
        assert story.last[1:] == (BeginGap(GapKind.LINK_DOWN, Since.NOW),)
        story.tell(TimerFired(), Joined())
        assert story.memory.state is LinkState.CONNECTED


def test_a_server_that_leaves_while_joining_is_asked_again() -> None:
    story = Story().tell(Wanted(), TurnGiven(), Opened(), Left())
    assert story.memory.phase is Phase.PENDING
    assert story.last[1:] == (BeginGap(GapKind.LINK_DOWN, Since.WANTED),)
    story.tell(Lost(CONNECTION_LOST))
    assert (story.memory.phase, story.memory.state) == (Phase.RESTING, LinkState.UNREACHABLE)


def test_a_link_that_flaps_backs_off_and_one_that_held_starts_anew() -> None:
    story = connected()
    for _ in range(10):
        story.tell(Lost(CONNECTION_LOST), TimerFired(), TurnGiven(), Opened(), Joined())
    assert story.memory.failures == 10
    assert story.tell(TimerFired()).memory.failures == 0
    assert story.last == ()


def test_a_refused_key_backs_off_by_itself_and_not_by_earlier_outages() -> None:
    story = Story().tell(Wanted(), TurnGiven())
    for _ in range(12):
        story.tell(DialFailed(REFUSED), TimerFired(), TurnGiven())
    story.tell(DialFailed(AUTH))
    assert 2.5 <= story.delay <= 5.0
    for _ in range(8):
        story.tell(TimerFired(), TurnGiven(), DialFailed(AUTH))
    assert 150.0 <= story.delay <= 300.0
    assert story.tell(Wanted()).last == (StopTimer(), AskTurn())
    assert story.memory.state is LinkState.AUTH_FAILED


def test_connecting_again_by_hand_tries_at_once_where_the_link_waits_and_is_harmless_elsewhere() -> None:
    assert pending().tell(Wanted()).last == (Join(), SetTimer(10.0))
    assert connected().tell(Lost(CONNECTION_LOST), Wanted()).last == (StopTimer(), AskTurn())
    for happenings in ((), (TurnGiven(),), (TurnGiven(), Opened()), (TurnGiven(), Opened(), Joined())):
        story = Story().tell(Wanted(), *happenings)
        before = story.memory
        assert story.tell(Wanted()).last == ()
        assert story.memory == before


@pytest.mark.parametrize(
    ("happenings", "orders"),
    [
        ((), (LeaveQueue(),)),
        ((TurnGiven(),), (HangUp(), StopTimer())),
        ((TurnGiven(), Opened()), (HangUp(), StopTimer())),
        ((TurnGiven(), Opened(), Joined()), (HangUp(), StopTimer())),
        ((TurnGiven(), Opened(), PENDING), (HangUp(), StopTimer(), EndGap(GapKind.NAMESPACE_PENDING))),
        ((TurnGiven(), DialFailed(REFUSED)), (StopTimer(), EndGap(GapKind.LINK_DOWN))),
    ],
)
def test_an_unwanted_link_tidies_up_from_wherever_it_stands(
    happenings: tuple[Happening, ...], orders: tuple[Command, ...]
) -> None:
    story = Story().tell(Wanted(), *happenings, Unwanted())
    assert story.last == orders
    assert (story.memory.phase, story.memory.state, story.memory.gap) == (Phase.OFF, LinkState.OFF, None)
    assert story.tell(Unwanted(), Halted()).last == ()
    again = story.tell(Wanted()).memory
    assert (again.failures, again.key_refusals, again.namespace_refusals) == (0, 0, 0)


def test_a_gateway_that_stops_leaves_a_gap_for_the_next_one() -> None:
    story = connected().tell(Halted())
    assert story.last == (HangUp(), StopTimer(), BeginGap(GapKind.LINK_DOWN, Since.HEARD))
    story = pending().tell(Halted())
    assert story.last == (HangUp(), StopTimer())
    assert Story(begin(is_linkable=False)).tell(Wanted(), Halted()).memory.phase is Phase.OFF


def test_a_gap_that_an_earlier_process_left_ends_with_the_first_join() -> None:
    story = Story(begin(is_linkable=True, gap=GapKind.LINK_DOWN)).tell(Wanted(), TurnGiven(), DialFailed(REFUSED))
    assert story.orders == [SetTimer]
    story.tell(TimerFired(), TurnGiven(), Opened(), Joined())
    assert EndGap(GapKind.LINK_DOWN) in story.last


def test_a_late_answer_to_join_is_welcome() -> None:
    assert pending().tell(Joined()).memory.state is LinkState.CONNECTED


def test_latecomers_change_nothing() -> None:
    late: list[Happening] = [TurnGiven(), DialFailed(REFUSED), Opened(), Joined(), PENDING, Left(), TimerFired()]
    for phase in Phase:
        memory = LinkMemory(phase=phase)
        for happening in [*late, Lost(REFUSED), Wanted()]:
            if (phase, type(happening)) not in TABLE:
                assert advance(memory, happening, chance()) == (memory, ())


def test_only_failures_carry_a_failure() -> None:
    with pytest.raises(TypeError):
        link_machine._failure_in(Wanted())


# Every story.


@dataclass
class Shell:
    """A model of whoever runs the machine: what is under way, and which happenings that allows."""

    memory: LinkMemory
    dice: Chance
    is_wanted: bool = False
    has_turn_asked: bool = False
    has_timer: bool = False
    connection: str | None = None  # "dialling" or "open"
    joins_unanswered: int = 0
    gap: GapKind | None = None
    dials: int = 0

    def possible(self) -> list[Happening]:
        found: list[Happening] = [Wanted(), Unwanted(), Halted()]
        if self.has_turn_asked:
            found.append(TurnGiven())
        if self.has_timer:
            found.append(TimerFired())
        if self.connection == "dialling":
            found += [DialFailed(REFUSED), DialFailed(AUTH), DialFailed(DISABLED), Opened(), Lost(CONNECTION_LOST)]
        if self.connection == "open":
            found += [Lost(CONNECTION_LOST), Left(), Refused("go away")]
            if self.joins_unanswered:
                found += [Joined(), PENDING]
        return found

    def step(self, happening: Happening) -> None:
        if isinstance(happening, Wanted | Unwanted | Halted):
            self.is_wanted = isinstance(happening, Wanted)
        if isinstance(happening, TurnGiven):
            self.has_turn_asked = False
        if isinstance(happening, TimerFired):
            self.has_timer = False
        if isinstance(happening, DialFailed | Lost):
            self.connection, self.joins_unanswered = None, 0
        if isinstance(happening, Opened):
            self.connection = "open"
        if isinstance(happening, Joined | Refused):
            self.joins_unanswered = max(self.joins_unanswered - 1, 0)
        self.memory, commands = advance(self.memory, happening, self.dice)
        for command in commands:
            self.obey(command)
        self.check()

    def obey(self, command: Command) -> None:
        match command:
            case AskTurn():
                assert self.is_wanted
                assert not self.has_turn_asked
                assert self.connection is None
                self.has_turn_asked = True
            case LeaveQueue():
                self.has_turn_asked = False
            case Dial():
                assert self.is_wanted, "dialled though not wanted"
                assert self.connection is None, "dialled twice at once"
                self.connection = "dialling"
                self.dials += 1
            case Join():
                assert self.connection == "open"
                self.joins_unanswered += 1
            case HangUp():
                self.connection, self.joins_unanswered = None, 0
            case SetTimer(seconds):
                assert 0.0 <= seconds <= 300.0
                self.has_timer = True
            case StopTimer():
                self.has_timer = False
            case BeginGap(kind):
                assert self.gap is None, "two gaps at once"
                self.gap = kind
            case EndGap(kind):
                assert self.gap is kind
                self.gap = None

    def check(self) -> None:
        memory, phase = self.memory, self.memory.phase
        assert memory.gap is self.gap
        if not self.is_wanted:
            assert phase is Phase.OFF
            assert (self.has_turn_asked, self.has_timer, self.connection) == (False, False, None)
            return
        if not memory.is_linkable:
            assert (memory.state, self.dials) == (LinkState.UNLINKABLE, 0)
            return
        # Never stuck: something will happen by itself.
        assert self.has_turn_asked or self.has_timer or phase is Phase.CONNECTED
        if phase in (Phase.DIALLING, Phase.JOINING, Phase.PENDING):
            assert self.has_timer
        assert (self.connection is not None) == (
            phase in (Phase.DIALLING, Phase.JOINING, Phase.PENDING, Phase.CONNECTED)
        )
        assert (memory.state is LinkState.CONNECTED) == (phase is Phase.CONNECTED)
        assert (memory.reason is None) == (memory.detail is None)
        if phase is Phase.CONNECTED:
            assert (memory.attempts, memory.reason, self.gap) == (0, None, None)
        elif memory.state not in (LinkState.CONNECTING, LinkState.OFF):
            assert self.gap is not None, "deaf without a gap"


@settings(max_examples=300)
@given(st.data(), st.booleans(), st.integers(0, 2**32))
def test_no_story_leaves_a_wanted_link_stuck_or_an_unwanted_one_at_work(
    data: st.DataObject, is_linkable: bool, seed: int
) -> None:
    """I8: whenever a link that is wanted is known to be deaf, a gap is open, and one gap only."""
    shell = Shell(begin(is_linkable=is_linkable), chance(seed))
    for _ in range(data.draw(st.integers(1, 60))):
        possible = shell.possible()
        shell.step(possible[data.draw(st.integers(0, len(possible) - 1))])


@given(st.lists(st.sampled_from([DialFailed(REFUSED), DialFailed(DISABLED), Lost(CONNECTION_LOST), TimerFired()])))
def test_the_waits_between_dials_stay_within_the_cap_for_ever(endings: list[Happening]) -> None:
    story = Story().tell(Wanted(), TurnGiven())
    for ending in endings:
        story.tell(ending)
        assert 0.0 <= story.delay <= 30.0
        story.tell(TimerFired(), TurnGiven())


@given(st.sampled_from(list(Phase)), st.integers(0, 50), st.booleans())
def test_advance_is_total(phase: Phase, count: int, is_linkable: bool) -> None:
    memory = replace(LinkMemory(), phase=phase, failures=count, is_linkable=is_linkable)
    for kind in typing.get_args(Happening):
        carried = {DialFailed: (REFUSED,), Lost: (REFUSED,), Refused: (INVALID_NAMESPACE,)}.get(kind, ())
        after, commands = advance(memory, kind(*carried), chance(count))
        assert isinstance(after, LinkMemory)
        assert isinstance(commands, tuple)
