"""The name of the cookie that holds a session's token."""

from __future__ import annotations

COOKIE = "ponteio"
SECURE_COOKIE = "__Host-ponteio"
"""With HTTPS. Browsers take it over HTTPS from this very host alone, so that no page of a neighbouring host can put its
own session under a person's hands (RFC 6265bis, section 4.1.3.2).
"""


def cookie_name(*, is_https: bool) -> str:
    """The one cookie that is set and believed. With HTTPS the plain name is not: a neighbour could have set that."""
    return SECURE_COOKIE if is_https else COOKIE
