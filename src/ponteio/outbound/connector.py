"""From a host name to a connected socket: resolved once, every answer checked, connected to what was checked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ponteio.outbound.address_policy import AddressPolicy

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host. Raises `OSError` or `UnicodeError` when there are none."""


PUBLIC_ONLY = AddressPolicy()


async def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says, in its order, each address once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope (`%eth0`) stands apart from its address in the answer; together they are what would be connected to.
    texts = (str(where[0]) if len(where) < 4 or not where[3] else f"{where[0]}%{where[3]}" for *_, where in found)
    return list(dict.fromkeys(texts))


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens sockets to where `policy` lets it."""

    policy: AddressPolicy = PUBLIC_ONLY
    resolver: Resolver = resolve

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, all of which may be reached: connect to these and do not ask again. One that may not
        refuses the host as a whole, or whoever runs the name could choose at each answer.

        Raises `AddressRefusedError`, and what the resolver raises.
        """
        found = await self.resolver(host, port)
        for address in found:
            self.policy.check(address)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return found

    async def open_socket(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connected socket to the first address of `host` that answers.

        It takes `timeout_s` at most, the resolver's time included. Each address gets its share of the rest: a broken
        IPv6 route does not use up the time that IPv4 would need.

        Raises `AddressRefusedError`, what the resolver raises, or the last address's OSError or TimeoutError.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        async with asyncio.timeout_at(deadline):
            found = await self.addresses(host, port)
        failed: OSError = ConnectionRefusedError()
        for left, address in zip(range(len(found), 0, -1), found, strict=True):
            try:
                async with asyncio.timeout((deadline - loop.time()) / left):
                    return await _connected(loop, address, port)
            except OSError as error:  # TimeoutError is one
                failed = error
        raise failed


STRANGERS_WORD = Connector()
"""For addresses that anybody else typed in."""
OPERATORS_WORD = Connector(AddressPolicy(allow_private=True))
"""For addresses that whoever runs the deployment typed in: an Evolution on the same machine or Docker network."""


async def _connected(loop: asyncio.AbstractEventLoop, address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
