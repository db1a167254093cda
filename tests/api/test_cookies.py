"""The session's cookie: names, attributes, and whose page may act with it."""

from __future__ import annotations

import pytest
from fastapi import Request, Response

from ponteio.api.cookies import check_same_site, clear_cookies, session_token, set_cookie
from ponteio.api.services import WebOptions
from ponteio.model.outcome import ORIGIN_REFUSED, RefusalError

PLAIN, SECURE = WebOptions(), WebOptions(public_url="https://ponteio.example")


def request(scheme: str = "http", **headers: str | list[str]) -> Request:
    raw = [(b"host", b"gateway:3001")]
    for name, values in headers.items():
        several = [values] if isinstance(values, str) else values
        raw += [(name.encode(), value.encode()) for value in several]
    return Request({"type": "http", "scheme": scheme, "method": "POST", "path": "/", "headers": raw})


def test_with_https_only_the_name_that_no_neighbour_can_set_is_believed() -> None:
    both = {"cookie": "ponteio=tossed; __Host-ponteio=own"}
    for came, web in ((request("https", **both), PLAIN), (request("http", **both), SECURE)):
        assert session_token(came, web) == "own"
    for came, web in ((request("https", cookie="ponteio=tossed"), PLAIN), (request(cookie="ponteio=tossed"), SECURE)):
        assert session_token(came, web) is None
    assert session_token(request(**both), PLAIN) == "tossed"


@pytest.mark.parametrize("cookie", ["", "other=1", "ponteio=", "ponteio", "Ponteio=x", ";;;", "="])
def test_what_is_no_session_is_none(cookie: str) -> None:
    assert session_token(request(cookie=cookie), PLAIN) is None
    assert session_token(request(), PLAIN) is None


def test_no_script_and_no_other_site_gets_hold_of_it() -> None:
    plain, secure = Response(), Response()
    set_cookie(request(), plain, PLAIN, "pns_x", 60)
    set_cookie(request(), secure, SECURE, "pns_x", 60)
    assert plain.headers["set-cookie"] == "ponteio=pns_x; HttpOnly; Max-Age=60; Path=/; SameSite=lax"
    assert secure.headers["set-cookie"] == "__Host-ponteio=pns_x; HttpOnly; Max-Age=60; Path=/; SameSite=lax; Secure"


def test_both_names_are_cleared() -> None:
    answer = Response()
    clear_cookies(answer)
    lines = answer.headers.getlist("set-cookie")
    assert [line.partition("=")[0] for line in lines] == ["__Host-ponteio", "ponteio"]
    assert all("Max-Age=0" in line and "Path=/" in line and "HttpOnly" in line for line in lines)
    # Without it browsers refuse the line, and keep the cookie.
    assert "Secure" in lines[0]


@pytest.mark.parametrize(
    ("origins", "web", "is_let"),
    [
        ([], PLAIN, True),
        (["http://gateway:3001"], PLAIN, True),
        (["https://gateway:3001"], PLAIN, True),
        (["http://gateway"], PLAIN, False),
        (["http://evil.example"], PLAIN, False),
        (["http://gateway:3001.evil.example"], PLAIN, False),
        (["http://gateway:3001@evil.example"], PLAIN, False),
        (["null"], PLAIN, False),
        ([""], PLAIN, False),
        (["http://gateway:3001", "http://evil.example"], PLAIN, False),
        (["http://gateway:3001", "http://gateway:3001"], PLAIN, False),
        (["http://evil.example"], WebOptions(allowed_origins=("*",)), False),
        (["null"], WebOptions(allowed_origins=("*", "null")), False),
        (["https://app.example"], WebOptions(allowed_origins=("https://app.example",)), True),
        (["https://ponteio.example"], WebOptions(own_origins=("https://ponteio.example",)), True),
        (["http://gateway:3001"], WebOptions(own_origins=("https://ponteio.example",)), False),
    ],
)
def test_only_our_own_and_listed_pages_act_with_a_cookie(origins: list[str], web: WebOptions, is_let: bool) -> None:
    came = request(origin=origins)
    if is_let:
        check_same_site(came, web)
    else:
        with pytest.raises(RefusalError) as caught:
            check_same_site(came, web)
        assert caught.value.outcome is ORIGIN_REFUSED
