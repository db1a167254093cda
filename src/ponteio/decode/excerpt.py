"""A short, safe look at a frame that was refused, for a person to read."""

from __future__ import annotations

import re
from itertools import islice

from ponteio.decode.redaction import MASK, KnownSecrets, hide

MAX_BYTES = 2048
_WINDOW = 1 << 16
"""How much of the frame is looked at: escapes and masks make it shorter, and 2 KiB must be left."""
_END = 4096
"""Where Evolution puts the key of an envelope: behind everything else."""
_KEYS = 16
_CUT_ESCAPE = 16
"""More than what is left of an escape at the end of the window."""

_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')
_API_KEY_ESCAPED = "".join(rf"(?:{letter}|\\u00(?:{ord(letter):x}|{ord(letter) - 32:x}))" for letter in "apikey")
_API_KEY_MEMBER = re.compile(rf'("{_API_KEY_ESCAPED}"\s*:\s*)"([^"\\]*+(?:\\.[^"\\]*+)*+)"?', re.IGNORECASE | re.DOTALL)
_API_KEY = re.compile(r'(apikey"?\s*[:=]\s*)(?:"[^"]*+"?|[^"\s&,}]++)', re.IGNORECASE)
_KEY_SHARE = re.compile(r"appStateSyncKeyShare.*", re.IGNORECASE | re.DOTALL)


def excerpt(payload: bytes, secrets: KnownSecrets) -> str:
    """At most 2 KiB (in UTF-8) from the beginning of `payload`, printable, without secrets.

    What was refused may not be JSON, so this works on text: escapes are undone first, so that a secret cannot hide in
    them; what stands behind `apikey` is masked wherever it is repeated, known or not; and the text ends before
    WhatsApp's key material.
    """
    text = payload[:_WINDOW].decode("utf-8", "replace")
    own = _keys_in(text + payload[-_END:].decode("utf-8", "replace"))
    text = _unescaped(_API_KEY_MEMBER.sub(_masked, text))
    for known in (secrets, own):
        text = hide(text, known.found_in(text.encode()))
    text = _API_KEY.sub(_masked, text)
    text = _KEY_SHARE.sub(f"appStateSyncKeyShare {MASK}", text)
    if len(payload) > _WINDOW:
        cut = max(secrets.longest, own.longest) + _CUT_ESCAPE  # the window may end inside a secret
        text = text[: max(0, len(text) - cut)]
    return bounded(printable(text), MAX_BYTES)


def printable(text: str) -> str:
    """`text` with U+FFFD for all that does not print: control characters, NUL, surrogates, changes of direction."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)


def bounded(text: str, size: int) -> str:
    """The beginning of `text` that fits into `size` bytes of UTF-8."""
    if len(text) * 4 <= size:
        return text
    return text.encode()[:size].decode("utf-8", "ignore")


def _keys_in(text: str) -> KnownSecrets:
    """The keys that a frame carries itself: it was refused before they could be learned, or is not fit to teach any."""
    return KnownSecrets(_unescaped(member[2]) for member in islice(_API_KEY_MEMBER.finditer(text), _KEYS))


def _unescaped(text: str) -> str:
    while (plain := _ESCAPE.sub(_meant, text)) != text:  # ends: every round makes it shorter
        text = plain
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # pairs of escapes become one


def _meant(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


def _masked(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}"
