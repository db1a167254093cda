"""What an HTTP request, or the opening of a WebSocket, says of who sent it. Scopes are those of ASGI."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from ponteio.live.options import LiveOptions
from ponteio.model.client_address import network_of
from ponteio.model.session_cookie import cookie_name
from ponteio.model.web_origin import is_origin_trusted

Scope = MutableMapping[str, Any]


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
    return network_of(client[0] if client else None)


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
    is_https = scope.get("scheme") in ("https", "wss") or any(one.startswith("https://") for one in options.own_origins)
    return cookies.get(cookie_name(is_https=is_https)) or None
