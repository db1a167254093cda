from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.web_origin import is_host_allowed, is_origin_allowed, is_origin_trusted

LISTED = ("ponteio.example.com", "Other.example:8443")

HOSTS = {
    # Addresses and localhost, always.
    "127.0.0.1": True,
    "127.0.0.1:3001": True,
    "192.168.7.9:80": True,
    "[::1]": True,
    "[::1]:3001": True,
    "[2001:db8::7]:443": True,
    "[::ffff:10.0.0.1]": True,
    "localhost": True,
    "LOCALHOST:3001": True,
    "app.localhost:3001": True,
    # What is listed, as it is listed.
    "ponteio.example.com": True,
    "Ponteio.EXAMPLE.com": True,
    "ponteio.example.com:9999": True,
    "other.example:8443": True,
    "other.example": False,
    "other.example:443": False,
    # Names of somebody else that lead to us (DNS rebinding), or look like ours.
    "rebind.evil.example": False,
    "evil.ponteio.example.com": False,
    "ponteio.example.com.evil.example": False,
    "ponteio.example.com.": False,
    "localhost.": False,
    "localhost.evil.example": False,
    "evillocalhost": False,
    "127.0.0.1.evil.example": False,
    "127.0.0.1.": False,
    "ponteio.example.co\u043c": False,
    "xn--pnteio-fya.example.com": False,
    "loc\u0430lhost": False,
    "\u212aocalhost": False,
    # Spellings of addresses that are names.
    "2130706433": False,
    "0x7f.0.0.1": False,
    "127.1": False,
    "0177.0.0.1": False,
    "256.0.0.1": False,
    # What no Host header is.
    "": False,
    " ": False,
    ":3001": False,
    "localhost:": False,
    "localhost:99999": False,
    "localhost:+80": False,
    "localhost:80:80": False,
    "localhost, evil.example": False,
    "localhost,localhost": False,
    "user@localhost": False,
    "ponteio.example.com@evil.example": False,
    "localhost/path": False,
    "localhost?": False,
    "localhost#": False,
    "localhost\\": False,
    "http://localhost": False,
    "localhost\t": False,
    " localhost": False,
    "localhost\n": False,
    "local host": False,
    "..localhost": False,
    ".localhost": False,
    "::1": False,
    "[::1": False,
    "[127.0.0.1]": False,
    "[::1%25eth0]": False,
    "[]": False,
    "[fe80::g]": False,
}


@pytest.mark.parametrize("host", HOSTS)
def test_hosts(host: str) -> None:
    assert is_host_allowed(host, LISTED) is HOSTS[host]


def test_without_a_host_header_or_with_several_nothing_is_allowed() -> None:
    assert not is_host_allowed(None, LISTED)


def test_without_a_list_only_addresses_and_localhost_are_allowed() -> None:
    for host, verdict in HOSTS.items():
        assert is_host_allowed(host, ()) is (verdict and "example" not in host.lower()), host


@given(st.text(max_size=40))
def test_no_text_is_a_name_of_ours_that_does_not_say_so(host: str) -> None:
    if is_host_allowed(host, LISTED):
        name = host.lower().rsplit(":", 1)[0] if not host.endswith("]") else host
        assert (
            name in ("ponteio.example.com", "other.example", "localhost")
            or name[-1] in "]0123456789"
            or (name.endswith(".localhost"))
        )


HERE = "here.example:3001"
ORIGINS = {
    # Our own page, by the Host header.
    "http://here.example:3001": True,
    "https://here.example:3001": True,
    "HTTPS://Here.EXAMPLE:3001": True,
    # Listed by name.
    "https://app.example": True,
    "https://APP.example": True,
    "capacitor://localhost": True,
    # Everybody else.
    "null": False,
    "NULL": False,
    "*": False,
    "": False,
    "https://evil.example": False,
    "http://app.example": False,
    "https://app.example.": False,
    "https://app.example:443": False,
    "https://app.example/": False,
    "https://app.example.evil.example": False,
    "https://evil.example/https://app.example": False,
    "https://evil.example#https://app.example": False,
    "https://app.example@evil.example": False,
    "https://evil.example, https://app.example": False,
    "https://app.example https://evil.example": False,
    "https://\u0430pp.example": False,
    "https://xn--pp-7kc.example": False,
    "http://here.example": False,
    "http://here.example:3002": False,
    "http://here.example.:3001": False,
    "http://here.example:3001.evil.example": False,
    "http://user@here.example:3001": False,
    "http://user:pass@here.example:3001": False,
    "http://evil.example://here.example:3001": False,
    "http:/here.example:3001": False,
    "http:here.example:3001": False,
    "//here.example:3001": False,
    "here.example:3001": False,
    "file://here.example:3001": False,
    "ws://here.example:3001": False,
    "javascript://here.example:3001": False,
    "http://here.example:3001 ": False,
    "http://here.example:03001": False,
}
ALLOWED = ("https://app.example", "capacitor://localhost")


@pytest.mark.parametrize("origin", ORIGINS)
def test_origins(origin: str) -> None:
    assert is_origin_allowed(origin, HERE, (), ALLOWED) is ORIGINS[origin]
    assert is_origin_trusted(origin, HERE, (), ALLOWED) is ORIGINS[origin]


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_star_lets_every_page_call_and_trusts_none_more_than_before(origin: str) -> None:
    assert is_origin_allowed(origin, HERE, (), ("*", *ALLOWED))
    assert is_origin_trusted(origin, HERE, (), ("*", *ALLOWED)) is ORIGINS[origin]


def test_null_cannot_be_listed() -> None:
    """Sandboxed pages of everybody share it (RFC 6454, section 7.1)."""
    assert not is_origin_allowed("null", HERE, (), ("null",))


def test_where_our_own_pages_are_known_the_host_header_says_nothing() -> None:
    own = ("https://Ponteio.example.com",)
    assert is_origin_trusted("https://ponteio.example.com", HERE, own, ())
    assert not is_origin_trusted("http://ponteio.example.com", HERE, own, ())
    assert not is_origin_trusted("http://here.example:3001", HERE, own, ())


def test_without_a_host_only_listed_pages_are_allowed() -> None:
    assert not is_origin_allowed("http://here.example:3001", None, (), ALLOWED)
    assert not is_origin_allowed("http://None", None, (), ALLOWED)
    assert is_origin_allowed("https://app.example", None, (), ALLOWED)


def test_a_page_is_not_our_own_because_both_headers_are_malformed_alike() -> None:
    for host in ("user@here.example", "here.example.", "", "a b", "here.example:99999"):
        assert not is_origin_allowed(f"http://{host}", host, (), ())
