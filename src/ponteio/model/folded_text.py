"""Text as a search sees it: words without case and accents, in any language."""

from __future__ import annotations

import re
import unicodedata

# Scripts written without spaces, and pictures: each character is a word, so that any run of them can be found.
_ALONE = "぀-ヿ㐀-䶿一-鿿豈-﫿\U00020000-\U0003134f☀-➿\U0001f000-\U0001faff"
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")


def folded(text: str) -> str:
    """`text` without case, accents and compatibility forms (Unicode NFKD, default case folding)."""
    if text.isascii():
        return text.lower()
    return _stripped(_stripped(text).casefold())


def words(text: str) -> list[str]:
    """The folded words of `text`, in order."""
    return _WORD.findall(folded(text))


def _stripped(text: str) -> str:
    return "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
