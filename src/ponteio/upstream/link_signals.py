"""What can happen to a link, and what its machine can order: the alphabet of `link_machine`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ponteio.model.link import GapKind
from ponteio.upstream.link_failure import LinkFailure


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody wants the link; said again, they want it now."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Nobody wants the link any more."""


@dataclass(frozen=True, slots=True)
class Halted:
    """The gateway stops, though the link is still wanted."""


@dataclass(frozen=True, slots=True)
class TurnGiven:
    """The link may dial now."""


@dataclass(frozen=True, slots=True)
class DialFailed:
    failure: LinkFailure


@dataclass(frozen=True, slots=True)
class Opened:
    """The transport is up and has said its Engine.IO handshake."""


@dataclass(frozen=True, slots=True)
class Joined:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    """The server refused the namespace."""

    message: str


@dataclass(frozen=True, slots=True)
class Left:
    """The server took us out of the namespace."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone."""

    failure: LinkFailure


@dataclass(frozen=True, slots=True)
class TimerFired:
    pass


Happening = Wanted | Unwanted | Halted | TurnGiven | DialFailed | Opened | Joined | Refused | Left | Lost | TimerFired


@dataclass(frozen=True, slots=True)
class AskTurn:
    """Queue for a dial; `TurnGiven` answers."""


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    pass


@dataclass(frozen=True, slots=True)
class Dial:
    """Begin a connection; `DialFailed`, `Opened` or `Lost` answers, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Join:
    """Ask for the namespace; `Joined`, `Refused`, `Left` or `Lost` answers, or nothing at all."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the connection or the dial. Nothing answers."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Replace the timer; `TimerFired` comes after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    pass


class Since(StrEnum):
    """From when on a gap counts."""

    WANTED = "wanted"
    HEARD = "heard"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class BeginGap:
    kind: GapKind
    since: Since


@dataclass(frozen=True, slots=True)
class EndGap:
    kind: GapKind


Command = AskTurn | LeaveQueue | Dial | Join | HangUp | SetTimer | StopTimer | BeginGap | EndGap
