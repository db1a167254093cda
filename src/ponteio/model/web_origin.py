"""By which names we may be called, and whose pages may call us: rules for sockets and REST alike."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

_NAME = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
_AUTHORITY = re.compile(rf"(?P<host>\[[0-9a-f:.]+\]|{_NAME})(?::(?P<port>[0-9]{{1,5}}))?")
_MAX_PORT = 65_535
NOBODY = frozenset({"null", "*"})
"""What a request may say of its origin without naming one (RFC 6454, section 7.1)."""


def is_host_allowed(host_header: str | None, allowed_hosts: Collection[str]) -> bool:
    """Whether a request with this Host header was meant for us. Pass None where there is none, or more than one.

    Addresses and `localhost` always are: a page cannot be made to reach us by a name of somebody else's that way (DNS
    rebinding). Any other name must be in `allowed_hosts`, as it stands there; one that is listed without a port may
    come with any. Never what RFC 9112, section 3.2, does not let a Host header be.
    """
    found = _authority(host_header)
    if found is None:
        return False
    host = found["host"]
    if host == "localhost" or host.endswith(".localhost") or _is_address(host):
        return True
    listed = {one.lower() for one in allowed_hosts}
    return host in listed or found[0] in listed


def is_origin_allowed(origin: str, host: str | None, own_origins: Collection[str], allowed: Collection[str]) -> bool:
    """Whether a page of `origin` may call `host` (the Host header, which `is_host_allowed` has let through).

    `*` in `allowed` lets every page call, and trusts none: see `is_origin_trusted`.
    """
    return "*" in allowed or is_origin_trusted(origin, host, own_origins, allowed)


def is_origin_trusted(origin: str, host: str | None, own_origins: Collection[str], allowed: Collection[str]) -> bool:
    """Whether a page of `origin` may act with the cookie of whoever looks at it: it is our own, or listed by its name.

    An origin is `scheme://host[:port]` (RFC 6454, section 6.2). Our own are `own_origins`; where they are not known,
    `host` over HTTP or HTTPS.
    """
    if not origin.isascii() or origin.lower() in NOBODY:
        return False
    origin = origin.lower()
    if origin in {one.lower() for one in allowed}:
        return True
    scheme, _, authority = origin.partition("://")
    if scheme not in ("http", "https") or _authority(authority) is None:
        return False
    if own_origins:
        return origin in {one.lower() for one in own_origins}
    return host is not None and authority == host.lower()


def _authority(text: str | None) -> re.Match[str] | None:
    """Host and port, in lower case."""
    if text is None or not text.isascii():  # lower() turns some signs into ASCII letters
        return None
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None or (found["port"] is not None and int(found["port"]) > _MAX_PORT):
        return None
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host[1:-1]) if host.startswith("[") else ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
