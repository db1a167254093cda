"""What an HTTP request, or the opening of a WebSocket, says of who sent it. Scopes are those of ASGI."""

from __future__ import annotations

import ipaddress
from collections.abc import MutableMapping
from typing import Any

from ponteio.live.options import LiveOptions
from ponteio.model.web_origin import is_origin_trusted

Scope = MutableMapping[str, Any]

SESSION_COOKIES = ("__Host-ponteio", "ponteio")
"""The first is set over HTTPS, where nobody else's page can set it too; it goes before the other one."""

_NOWHERE = "unknown"
_IPV6_SITE = 64
"""Bits of an IPv6 address that one subscriber cannot choose (RFC 6177): the rest is theirs, by the billion."""


def headers(scope: Scope, name: bytes) -> list[str]:
    """The values of the header `name` (in lower case), in the order sent."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def host_of(scope: Scope) -> str | None:
    """The Host header; None when there is none, or more than one."""
    found = headers(scope, b"host")
    return found[0] if len(found) == 1 else None


def address_of(scope: Scope) -> str:
    """What counts as one address: an IPv4 address, or the first 64 bits of an IPv6 address.

    The server has put the client there, a trusted proxy's word included. All that is no address counts as one.
    """
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return _NOWHERE
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _IPV6_SITE), strict=False))


def session_cookie(scope: Scope, options: LiveOptions) -> str | None:
    """The token of the session cookie, if one came from a page that is our own or listed by its name; else None.

    A request without an Origin header may come from any page, and `*` trusts no page.
    """
    origins, host = headers(scope, b"origin"), host_of(scope)
    if len(origins) != 1:
        return None
    if not is_origin_trusted(origins[0], host, options.own_origins, options.allowed_origins):
        return None
    cookies: dict[str, str] = {}
    for header in headers(scope, b"cookie"):
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            cookies.setdefault(name, value)
    return next((cookies[name] for name in SESSION_COOKIES if cookies.get(name)), None)
