"""Which addresses may be reached: every way to write one that may not."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.outbound.address_policy import AddressPolicy, AddressRefusedError

STRICT, OPERATORS = AddressPolicy(), AddressPolicy(allow_private=True)

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]
PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("::1", "fc00::1", "fd12:3456::1"),
]
NEVER = [
    *("169.254.169.254", "169.254.170.2", "169.254.1.1", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("fd00:ec2::254", "fe80::1", "fe80::a9fe:a9fe", "fe80::1%eth0", "::1%lo", "2606:4700::1%eth0", "fec0::1"),
    *("fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200", "fd20:ce::254", "fd00:ec2::23"),
    *("169.254.170.23", "169.254.0.23", "169.254.42.42", "::ffff:0:808:808", "64:ff9b:2::808:808", "::8.8.8.8"),
    *("2002:808:808::5efe:a00:1", "2002:a00:1::5efe:808:808", "2002:808:808::200:5efe:7f00:1"),
    *("0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1", "192.0.2.1", "198.51.100.1"),
    *("203.0.113.1", "198.18.0.1", "192.88.99.1", "::", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "4000::1"),
    *(
        "",
        "localhost",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "017700000001",
        "127.0.0.1:80",
        "1.2.3.4.5",
        "\uff18.8.8.8",
    ),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    STRICT.check(address)
    OPERATORS.check(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_operators_word(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        STRICT.check(address)
    OPERATORS.check(address)


@pytest.mark.parametrize("address", NEVER)
def test_some_are_never_reached(address: str) -> None:
    for policy in (STRICT, OPERATORS):
        with pytest.raises(AddressRefusedError) as refused:
            policy.check(address)
        assert not address or address not in str(refused.value)


def _hidden(inner: str) -> list[str]:
    number = int(ipaddress.IPv4Address(inner))
    low = f"{number >> 16:x}:{number & 0xFFFF:x}"
    return [
        f"::ffff:{inner}",
        f"::{low}",
        f"64:ff9b::{low}",
        f"64:ff9b:1::{low}",
        f"2002:{low}::1",
        str(ipaddress.IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))),
        f"2606:4700::5efe:{low}",
        f"2606:4700::200:5efe:{low}",
    ]


@pytest.mark.parametrize(
    "inner", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.100.100.200", "224.0.0.1"]
)
def test_nothing_private_hides_inside_another_address(inner: str) -> None:
    for address in _hidden(inner):
        for policy in (STRICT, OPERATORS):
            with pytest.raises(AddressRefusedError):
                policy.check(address)


def test_a_public_address_in_another_form_is_still_public() -> None:
    STRICT.check("::ffff:8.8.8.8")
    STRICT.check("64:ff9b::808:808")
    STRICT.check("2002:808:808::5efe:808:404")


@given(st.ip_addresses(v=4))
def test_whatever_is_refused_is_refused_in_every_translation(inner: ipaddress.IPv4Address) -> None:
    try:
        STRICT.check(str(inner))
    except AddressRefusedError:
        for address in _hidden(str(inner)):
            for policy in (STRICT, OPERATORS):
                with pytest.raises(AddressRefusedError):
                    policy.check(address)


@given(st.ip_addresses(v=6), st.ip_addresses(v=4, network="10.0.0.0/8"), st.sampled_from(["0", "200"]))
def test_no_prefix_makes_an_isatap_address_of_a_private_one_public(
    outer: ipaddress.IPv6Address, inner: ipaddress.IPv4Address, mark: str
) -> None:
    number = (int(outer) >> 64 << 64) | (int(mark, 16) << 48) | (0x5EFE << 32) | int(inner)
    for policy in (STRICT, OPERATORS):
        with pytest.raises(AddressRefusedError):
            policy.check(str(ipaddress.IPv6Address(number)))


@given(st.ip_addresses(v=6), st.text(min_size=1, max_size=8))
def test_an_address_of_one_network_interface_is_never_reached(address: ipaddress.IPv6Address, scope: str) -> None:
    with pytest.raises(AddressRefusedError):
        OPERATORS.check(f"{address}%{scope}")


@given(st.ip_addresses())
def test_what_the_operator_may_not_reach_nobody_may(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    try:
        STRICT.check(str(address))
    except AddressRefusedError:
        return
    OPERATORS.check(str(address))
    assert not address.is_private
    assert not address.is_multicast
    assert not address.is_link_local
    assert not address.is_loopback


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    try:
        STRICT.check(text)
    except AddressRefusedError:
        return
    ipaddress.ip_address(text)
