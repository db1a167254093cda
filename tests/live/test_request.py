from __future__ import annotations

from typing import Any

import pytest

from ponteio.live.options import LiveOptions
from ponteio.live.request import address_of, headers, host_of, session_cookie

OURS = "http://here.example"


def scope(*fields: tuple[str, str], client: object = ("127.0.0.1", 1)) -> dict[str, Any]:
    return {"client": client, "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]}


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("not an address", "unknown"),
        ("", "unknown"),
    ],
)
def test_what_counts_as_one_address(host: str, counted: str) -> None:
    assert address_of(scope(client=(host, 7))) == counted


def test_who_has_no_address_counts_as_one() -> None:
    """On a Unix socket there is none."""
    assert address_of(scope(client=None)) == "unknown"
    assert address_of({"headers": []}) == "unknown"


def test_headers_are_found_whatever_their_case_and_number() -> None:
    found = scope(("X-One", "a"), ("x-one", "b"), ("x-two", "c"))
    assert headers(found, b"x-one") == ["a", "b"]
    assert host_of(scope(("Host", "here.example"))) == "here.example"
    assert host_of(scope()) is None
    assert host_of(scope(("Host", "here.example"), ("Host", "here.example"))) is None


def cookie(*fields: tuple[str, str], **options: Any) -> str | None:
    return session_cookie(scope(("Host", "here.example"), *fields), LiveOptions(**options))


SESSION = ("Cookie", "theme=dark; ponteio=pns_token; other=1")
SECURE_SESSION = ("Cookie", "theme=dark; __Host-ponteio=pns_token; other=1")


def test_the_cookie_of_our_own_page_counts() -> None:
    assert cookie(("Origin", OURS), SESSION) == "pns_token"
    assert cookie(("Origin", OURS), ("Cookie", "a=b"), SESSION) == "pns_token"


def test_with_https_the_cookie_that_a_neighbouring_host_may_have_set_is_not_believed() -> None:
    """A page must not be made to listen with somebody else's session (cookie tossing)."""
    secure = "https://here.example"
    both = ("Cookie", "ponteio=pns_evil; __Host-ponteio=pns_ours")
    assert cookie(("Origin", secure), both, own_origins=(secure,)) == "pns_ours"
    assert cookie(("Origin", secure), SESSION, own_origins=(secure,)) is None
    assert cookie(("Origin", OURS), both) == "pns_evil"  # plain HTTP has no better one
    over_tls = {**scope(("Host", "here.example"), ("Origin", secure), both), "scheme": "wss"}
    assert session_cookie(over_tls, LiveOptions()) == "pns_ours"


def test_of_two_cookies_of_one_name_the_first_counts() -> None:
    """RFC 6265, section 5.4: the one with the longer path, set for here and not for all."""
    assert cookie(("Origin", OURS), ("Cookie", "ponteio=pns_a; ponteio=pns_b")) == "pns_a"


def test_without_an_origin_or_with_two_no_cookie_counts() -> None:
    assert cookie(SESSION) is None
    assert cookie(("Origin", OURS), ("Origin", OURS), SESSION) is None


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://here.example.evil.example", ""])
def test_the_cookie_of_a_foreign_page_never_counts_not_even_with_a_star(origin: str) -> None:
    assert cookie(("Origin", origin), SESSION) is None
    assert cookie(("Origin", origin), SESSION, allowed_origins=("*",)) is None


def test_a_page_that_is_listed_by_name_may_use_the_cookie() -> None:
    listed = ("*", "https://app.example")
    assert cookie(("Origin", "https://app.example"), SESSION, allowed_origins=listed) == "pns_token"


def test_where_our_own_origin_is_known_the_host_header_gives_no_trust() -> None:
    own = ("https://ponteio.example.com",)
    assert cookie(("Origin", OURS), SECURE_SESSION, own_origins=own) is None
    assert cookie(("Origin", own[0]), SECURE_SESSION, own_origins=own) == "pns_token"


@pytest.mark.parametrize(
    "value", ["", "ponteio", "ponteio=", "xponteio=pns_a", "ponteiox=pns_a", ";;=;", "PONTEIO=pns_a"]
)
def test_other_cookies_are_none(value: str) -> None:
    assert cookie(("Origin", OURS), ("Cookie", value)) is None
