"""What counts as one network address where a limit is for each."""

from __future__ import annotations

import ipaddress

NOWHERE = "unknown"
"""All that is no address counts as one."""
_IPV6_SITE = 64


def network_of(address: str | None) -> str:
    """The IPv4 address itself, or the first 64 bits of an IPv6 address: one subscriber has the rest (RFC 6177)."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return NOWHERE
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), _IPV6_SITE), strict=False))
