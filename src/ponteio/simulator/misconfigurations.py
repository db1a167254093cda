"""Ways in which real installations are set up wrongly, by name: what `ponteio doctor` has to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.state import EVENT_NAMES

if TYPE_CHECKING:
    from ponteio.simulator.server import Simulator

NOT_IN_THE_MANAGER = frozenset(
    {"MESSAGES_EDITED", "SEND_MESSAGE_UPDATE", "INSTANCE_CREATE", "INSTANCE_DELETE", "STATUS_INSTANCE"}
)
"""The names that the event picker of Evolution's Manager lacks."""


@dataclass(frozen=True, slots=True)
class Misconfiguration:
    """`options` are set before the start, `apply` is called once the simulator runs."""

    options: Mapping[str, Any] = field(default_factory=dict)
    apply: Callable[[Simulator], None] = lambda _simulator: None


def _chaos(**switches: Any) -> Callable[[Simulator], None]:
    def apply(simulator: Simulator) -> None:
        for name, value in switches.items():
            setattr(simulator.chaos, name, value)

    return apply


def _as_the_manager_saves(simulator: Simulator) -> None:
    for instance in simulator.world:
        if instance.websocket is not None:
            instance.websocket.events = [name for name in EVENT_NAMES if name not in NOT_IN_THE_MANAGER]


def _events_off(simulator: Simulator) -> None:
    for instance in simulator.world:
        if instance.websocket is not None:
            instance.websocket.enabled, instance.websocket.events = False, []


MISCONFIGURATIONS: Mapping[str, Misconfiguration] = {
    "websocket_disabled": Misconfiguration({"websocket_enabled": False}),
    "wrong_key": Misconfiguration(apply=_chaos(refuse_key=True)),
    "public_key": Misconfiguration({"api_key": "BQYHJGJHJ"}),
    "no_upgrade": Misconfiguration(apply=_chaos(drops_upgrade=True)),
    "web_page": Misconfiguration(apply=_chaos(html_page=True)),
    "bad_gateway": Misconfiguration(apply=_chaos(html_502=True)),
    "redirects": Misconfiguration(apply=_chaos(redirects=True)),
    "frame_limit": Misconfiguration(apply=_chaos(frame_limit=16_384)),
    "open_door": Misconfiguration({"allowed_hosts": "*"}),
    "not_global": Misconfiguration({"global_events": False}),
    "restarted": Misconfiguration({"load_s": 0.0, "rate": 0.0}, lambda simulator: simulator.restart_soon(0.05)),
    "managers_events": Misconfiguration(apply=_as_the_manager_saves),
    "no_events": Misconfiguration(apply=_events_off),
    "messages_not_saved": Misconfiguration({"save_messages": False}),
    "keys_exposed": Misconfiguration({"expose_apikey": True}),
    "clock_ahead": Misconfiguration({"clock_ahead_s": 240.0}),
    "licence": Misconfiguration({"version": "2.4.0"}, _chaos(licence_required=True)),
    "old_version": Misconfiguration({"version": "2.3.1"}),
    "frozen": Misconfiguration(apply=lambda simulator: simulator.freeze()),
}


def misconfigured(options: SimulatorOptions, name: str) -> SimulatorOptions:
    """The options with those of a misconfiguration. Raises `KeyError` for a name that is none."""
    return replace(options, **MISCONFIGURATIONS[name].options)
