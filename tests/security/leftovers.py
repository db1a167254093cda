"""What is still in any register of a gateway once everybody has gone."""

from __future__ import annotations

from typing import Any

from tests.support.house import holds
from tests.support.two_tenants import TwoTenants


def leftovers(here: TwoTenants) -> dict[str, int]:
    """Entries of sockets in registers of ours and of the libraries': empty when nobody is here."""
    edge = here.gateway._live
    server = edge._edge.server
    registers: dict[str, Any] = {
        "engineio.sockets": server.eio.sockets,
        "socketio.environ": server.environ,
        "socketio.rooms": server.manager.rooms,
        "socketio.pending_connect": server.manager.pending_connect,
        "socketio.pending_disconnect": server.manager.pending_disconnect,
        "socketio.callbacks": server.manager.callbacks,
        "socketio.binary": server._binary_packet,
        "sessions": edge._sessions,
        "sessions.addresses": edge._sessions._addresses,
        "sessions.tasks": edge._sessions._tasks,
        "reception": edge._reception,
        "rooms": edge._rooms,
        "rooms.awake": edge._rooms._awake,
        "pump.replays": edge._rooms.pump._replays,
    }
    return {name: len(register) for name, register in registers.items() if len(register)}


async def nobody_is_left(here: TwoTenants, *, within_s: float = 15.0) -> None:
    """Waits until nothing is left of anybody; fails with what is."""
    await holds(
        "nothing is left of the sockets", lambda: not leftovers(here), within_s=within_s, why=lambda: leftovers(here)
    )
