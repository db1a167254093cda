"""What the live edge, and the libraries below it, keep of sockets."""

from __future__ import annotations

from typing import Any

from ponteio.live.edge import LiveEdge


def leftovers_of(edge: LiveEdge) -> dict[str, int]:
    """Entries of sockets in registers of ours and of the libraries': empty when nobody is here."""
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
