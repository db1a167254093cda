"""What may be the address of an Evolution API server."""

from __future__ import annotations

from urllib.parse import urlsplit

PUBLIC_DEFAULT_KEYS = frozenset({"429683C4C977415CAAFCCE10F7D57E11", "BQYHJGJHJ"})
"""Global keys printed in Evolution API's own examples: whoever reads them can use them."""


def server_url(value: str) -> str:
    """The address without a slash at its end. Raises `ValueError`, whose text does not quote it, for anything but HTTP,
    and for a user, query or fragment: a key does not belong there.
    """
    url = value.strip().rstrip("/")
    if not url.startswith(("http://", "https://")) or not url.split("://", 1)[1].strip("/"):
        raise ValueError("must begin with http:// or https:// and name a host")
    if "@" in url or "?" in url or "#" in url:
        raise ValueError("must hold no user, query or fragment: the key is given by itself")
    try:
        parts = urlsplit(url)
        named = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        named = None
    if not named or any(ord(character) <= ord(" ") or ord(character) == 127 for character in url):
        raise ValueError("must name a host and, if any, a port")
    return url


def address_key(url: str) -> str:
    """What two spellings of one server's address have in common. Names that lead to one machine stay two."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}:{port}{parts.path.rstrip('/')}"


def server_key(value: str) -> str:
    """The key as it can be sent. Raises `ValueError`, whose text does not quote it."""
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError("must be printable ASCII without spaces around it: it travels in an HTTP header")
    return value
