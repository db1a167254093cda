"""Ids, epochs and secrets: everything here comes from the system's randomness."""

from __future__ import annotations

import hashlib
import secrets

API_KEY = "pnt_"
TICKET = "ptk_"
SESSION = "pns_"
ONE_TIME_LINK = "pni_"

SECRET_PREFIXES = (API_KEY, TICKET, SESSION, ONE_TIME_LINK)
"""What every secret that we make begins with, by its kind."""

SECRET_LENGTH = 47
"""Characters of a secret: its prefix of four, and 32 bytes in base64url."""


def new_id(kind: str) -> str:
    """An id nobody has and nobody can guess, such as `org_5f3c…`."""
    return f"{kind}_{secrets.token_hex(12)}"


def new_epoch() -> str:
    """The name of one life of a log: eight hexadecimal digits."""
    return secrets.token_hex(4)


def new_secret(prefix: str) -> str:
    """A secret of the kind that `prefix` (one of `SECRET_PREFIXES`) names: it and 32 random bytes in base64url."""
    if prefix not in SECRET_PREFIXES:
        raise ValueError(f"{prefix!r} is not the prefix of a kind of secret")
    return prefix + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """All that is ever stored of a secret: its SHA-256. Ours are too random for a slow hash to add anything."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_secret(value: object, prefix: str) -> bool:
    """Whether `value`, of whatever type a client sent, has the form of our secrets of this kind."""
    return isinstance(value, str) and len(value) == SECRET_LENGTH and value.startswith(prefix)
