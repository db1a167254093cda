"""The session's cookie: its name, how it is set and cleared, and which pages may act with it."""

from __future__ import annotations

from fastapi import Request, Response

from ponteio.api.services import WebOptions
from ponteio.model import outcome
from ponteio.model.outcome import RefusalError
from ponteio.model.session_cookie import COOKIE, SECURE_COOKIE, cookie_name
from ponteio.model.web_origin import is_origin_trusted


def session_token(request: Request, web: WebOptions) -> str | None:
    """The session's token, if the request came with one."""
    return request.cookies.get(_name(request, web)) or None


def set_cookie(request: Request, response: Response, web: WebOptions, token: str, max_age_s: int) -> None:
    """The browser keeps the session's token where no script can read it."""
    name = _name(request, web)
    is_secure = name == SECURE_COOKIE
    response.set_cookie(name, token, max_age_s, path="/", secure=is_secure, httponly=True, samesite="lax")


def clear_cookies(response: Response) -> None:
    """The browser keeps no session's token."""
    for name in (SECURE_COOKIE, COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")


def check_same_site(request: Request, web: WebOptions) -> None:
    """Raises `RefusalError` ORIGIN_REFUSED for a page that may not act with a cookie, or set one. What comes without an
    Origin header is no page's request to change something: browsers always send it then (Fetch, section 3.2).
    """
    origins, host = request.headers.getlist("origin"), request.headers.get("host")
    for origin in origins:
        if len(origins) > 1 or not is_origin_trusted(origin, host, web.own_origins, web.allowed_origins):
            raise RefusalError(outcome.ORIGIN_REFUSED)


def _name(request: Request, web: WebOptions) -> str:
    return cookie_name(is_https=web.is_https or request.url.scheme == "https")
