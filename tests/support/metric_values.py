"""What the labels of metrics may say: closed sets, in which nobody's names are."""

from __future__ import annotations

from tests.support.route_rights import NEEDS

from ponteio.api.request_meter import ELSEWHERE
from ponteio.decode.catalogue import CATALOGUE, OTHER
from ponteio.model.event import Origin
from ponteio.model.identity import InstanceState
from ponteio.model.link import GapKind, LinkState
from ponteio.model.outcome import CATALOGUE as OUTCOMES
from ponteio.notify.attempt import Ending
from ponteio.observe.figures import Hop

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
VALUES: dict[str, set[str]] = {
    "server": {"main"},
    "kind": {kind.value for kind in GapKind},
    "event": {*CATALOGUE, OTHER},
    "origin": {origin.value for origin in Origin},
    "fate": {"live_only", "dropped"},
    "hop": {hop.value for hop in Hop},
    "outcome": set(OUTCOMES),
    "of": {"p95", "max"},
    "method": METHODS,
    "route": {*(path for _, path in NEEDS), ELSEWHERE},
    "status": {"1xx", "2xx", "3xx", "4xx", "5xx", "none"},
    "state": {*(state.value for state in LinkState), *(state.value for state in InstanceState)},
    "generation": {"0", "1", "2"},
}
"""Each value of each label, but for `le` and those that say what runs."""

ENDINGS = {*(ending.value for ending in Ending), "broken"}
