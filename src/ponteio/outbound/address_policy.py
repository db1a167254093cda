"""Which network addresses may be reached. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressRefusedError(OSError):
    """The address may not be reached. The text says why, and which rule it is, but not the address."""


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Where clouds hand out credentials to whoever asks. Those of Alibaba, Azure, Oracle, AWS, Google, Scaleway and Akamai
# are outside the link-local range, some of them in private ranges.
_METADATA = _networks(
    *("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "100.100.100.200/32", "168.63.129.16/32"),
    *("192.0.0.192/32", "169.254.0.23/32", "fd00:ec2::/32", "fd20:ce::254/128", "fe80::a9fe:a9fe/128"),
    *("fd00:c1::a9fe:a9fe/128", "fd00:42::42/128", "fd00:a9fe:a9fe::1/128", "fd00:100::100:200/128"),
)
_PRIVATE = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10"),
    *("::1/128", "fc00::/7"),
)
# IANA's special-purpose registries (RFC 6890 and its updates), without what stands above.
_NEVER = _networks(
    *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *(
        "::/128",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ),
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`allow_private` lets private ranges and loopback through: the operator's word. Metadata services, link-local,
    multicast, reserved and documentation ranges are refused whatever it is.
    """

    allow_private: bool = False

    def check(self, address: str) -> None:
        """Raises `AddressRefusedError` unless `address` (an IP address as the resolver writes it) may be reached.

        An address that carries an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) must carry a
        public one, and each if there are two: nobody writes a private address that way who does not mean to hide it.
        """
        try:
            outer = ipaddress.ip_address(address)
        except ValueError:
            raise AddressRefusedError("It is not an IP address.") from None
        if isinstance(outer, ipaddress.IPv6Address):
            if outer.scope_id is not None:
                raise AddressRefusedError("It belongs to one network interface only.")
            for inner in _carried(outer):
                _check(inner, allow_private=False)
            if outer.ipv4_mapped is not None or outer in _NAT64[0]:
                return  # it is that IPv4 address, and nothing else
        _check(outer, allow_private=self.allow_private)


def _check(address: Address, *, allow_private: bool) -> None:
    if _is_in(address, _METADATA):
        raise AddressRefusedError("It may be a metadata service, which hands out credentials.")
    if _is_in(address, _PRIVATE):
        if not allow_private:
            raise AddressRefusedError("It is private, and the operator has not allowed private addresses for this.")
        return
    if _is_in(address, _NEVER) or (isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6):
        raise AddressRefusedError("It is in a range that no server is in.")


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _carried(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses inside, by every reading that there is: a prefix and an interface may each hold one."""
    found: list[ipaddress.IPv4Address] = []
    number = int(address)
    low = ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.append(address.teredo[1])
    is_translated = address.ipv4_mapped is not None or any(address in network for network in _NAT64)
    is_compatible = address in _COMPATIBLE and number > 1
    is_isatap = (number >> 32) & 0xFFFF_FFFF in _ISATAP
    if is_translated or is_compatible or is_isatap:
        found.append(low)
    return found
