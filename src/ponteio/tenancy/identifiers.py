"""Ids, epochs and keys: everything here comes from the system's randomness."""

from __future__ import annotations

import secrets


def new_id(kind: str) -> str:
    """An id nobody has and nobody can guess, such as `org_5f3c…`."""
    return f"{kind}_{secrets.token_hex(12)}"


def new_epoch() -> str:
    """The name of one life of a log: eight hexadecimal digits."""
    return secrets.token_hex(4)


def new_secret() -> str:
    """An API key: `pnt_` and 32 random bytes in base64url."""
    return "pnt_" + secrets.token_urlsafe(32)
