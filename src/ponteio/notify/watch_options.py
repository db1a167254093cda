"""Spans of the watch. Tests make them short."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ponteio.notify.watch_survey import LINK_SETTLES


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`settles`: a link that is back sooner was never lost. `calm`: how long trouble must be gone until its incident
    ends. `grace`: how long after the start nothing is said about states, unless all have been learned sooner.
    """

    tick_s: float = 1.0
    settles: timedelta = LINK_SETTLES
    calm: timedelta = timedelta(seconds=30)
    grace: timedelta = timedelta(seconds=60)
    reload: timedelta = timedelta(seconds=30)
    """Between two looks for rules that another process changed, and for who may still read content."""
    housekeeping: timedelta = timedelta(seconds=30)
    """Between two looks at what was held, at events that were announced elsewhere, and at what is to be saved."""
