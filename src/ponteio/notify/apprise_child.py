"""The process in which apprise runs, one for each message: `python -m ponteio.notify.apprise_child`.

Apprise is a library of two hundred ways to call servers, which connects where an address says, follows what it is
answered, holds answers whole, and reads files that an address names. Here it has no environment, little memory, may
open no file but Python's own, may start nothing, and may connect to checked addresses only. Whoever waits for it can
end it.

Takes one JSON object on standard input (`url`, `title`, `body`, `type`, `private_hosts`, `check_only`), gives one on
standard output (`ok`, `reason`, `status`).
"""

from __future__ import annotations

import json
import logging
import mimetypes
import os
import re
import resource
import socket
import sys
from collections.abc import Collection, Sequence
from typing import Any

from ponteio.outbound.address_policy import AddressPolicy, AddressRefusedError

_MEMORY = 1024 * 1024 * 1024
_CPU_S = 20
_STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn"})
_SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_SHARED = (
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/etc/timezone",
    "/dev/null",
    "/dev/urandom",
    *map(str, mimetypes.knownfiles),
)
_STATUS = re.compile(r"error=(\d{3})\b")

Place = tuple[str, int | None]


class Guard:
    """An audit hook (PEP 578): raises before anything is done that the child may not do. What it sees is the address
    that is about to be connected to, so that no name can change in between.
    """

    def __init__(self, readable: Collection[str], private: Collection[Place]) -> None:
        """`readable` are the folders and files that may be read, `private` the addresses that may be private, each with
        its port, or None for every port.
        """
        self._readable = tuple(os.path.realpath(path) for path in readable if path)
        self._private = frozenset(private)
        self.refused = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _SENDS:
            self._check_address(arguments[0], arguments[1])
        elif event == "open":
            self._check_file(arguments[0])
        elif event in _STARTS:
            raise PermissionError("no process may be started")

    def _check_address(self, sock: socket.socket, address: Any) -> None:
        if address is None:
            return  # a connected socket: that address was checked
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            self.refused = True
            raise AddressRefusedError("It is no address of the network.")
        host, port = str(address[0]), address[1]
        is_private_allowed = not self._private.isdisjoint({(host, None), (host, port)})
        try:
            AddressPolicy(allow_private=is_private_allowed).check(host)
        except AddressRefusedError:
            self.refused = True
            raise

    def _check_file(self, path: object) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path) if isinstance(path, str | bytes) else str(path))
        if not any(real == one or real.startswith(one.rstrip("/") + "/") for one in self._readable):
            raise PermissionError("no file may be read")


class _StatusOnly(logging.Handler):
    """Of what the library logs, which may hold secrets, the HTTP status."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        if found:
            self.status = int(found[1])


def carried_out(order: dict[str, Any], guard: Guard) -> dict[str, Any]:
    """What became of the order."""
    try:
        import apprise
    except ImportError:
        return {"ok": False, "reason": "not_installed"}
    heard = _StatusOnly()
    library = logging.getLogger("apprise")
    library.handlers, library.propagate = [heard], False
    library.setLevel(logging.INFO)
    sys.addaudithook(guard)
    asset = apprise.AppriseAsset(async_mode=False, http_redirects=False)
    server = apprise.Apprise.instantiate(order["url"], asset=asset, suppress_exceptions=True)
    if server is None:
        return {"ok": False, "reason": "unusable"}
    if order["check_only"]:
        return {"ok": True}
    server.redirects = False
    sent = bool(server.notify(title=order["title"], body=order["body"], notify_type=order["type"]))
    reason = None if sent else "refused" if guard.refused else "rejected"
    return {"ok": sent, "reason": reason, "status": heard.status}


def addresses_of(hosts: Sequence[str]) -> set[Place]:
    """The addresses of `host` and `host:port`, as far as they resolve."""
    found: set[Place] = set()
    for entry in hosts:
        host, _, port = entry.partition(":")
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            continue
        found |= {(str(where[0]), int(port) if port else None) for *_, where in answers}
    return found


def main() -> None:
    """Carry out what standard input says."""
    order = json.loads(sys.stdin.buffer.read())
    for limit, amount in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CPU, _CPU_S), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(limit, (amount, amount))
    guard = Guard((*sys.path, *_SHARED), addresses_of(order["private_hosts"]))
    try:
        answer = carried_out(order, guard)
    except Exception:  # noqa: BLE001 - whatever a plug-in raises is no success, and its text may hold the address
        answer = {"ok": False, "reason": "refused" if guard.refused else "unusable"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
